package group_test

import (
	"context"
	"testing"
	"time"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/e2e/internal/group"
	"github.com/leadership-go/leadership/e2e/internal/stores"
	"github.com/leadership-go/leadership/sources/memory"
)

// TestTenThousandElections takes place in one process, with the store in it.
func TestTenThousandElections(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cfg := leadership.Config{Session: leadership.SessionConfig{TTL: 5 * time.Second}}
	f, err := group.Measure(ctx, memory.NewClusterFactory(nil).Configure(cfg), group.Run{Services: 10_000, Quiet: 10 * time.Second})
	t.Log(f)
	if err != nil || f.Renewals > 4 || f.Reads > 0 || f.Goroutines > 20 || f.Bytes > 6<<10 {
		t.Errorf("%v", err)
	}
}

// TestThousandElectionsAtStores has a group at real servers.
func TestThousandElectionsAtStores(t *testing.T) {
	for _, starter := range stores.All() {
		t.Run(starter.Name, func(t *testing.T) {
			s, err := starter.Start(t.Context(), stores.Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			}()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			cfg := leadership.Config{Session: leadership.SessionConfig{TTL: 10 * time.Second}}
			f, err := group.Measure(ctx, s.Factory().Configure(cfg), group.Run{Services: 1000, Settle: 5 * time.Second, Quiet: 10 * time.Second, Addrs: s.Addrs()})
			t.Log(f)
			if err != nil || f.Renewals > 4 || f.Reads > 1 || f.Goroutines > 60 || f.Connections > 8 { // calls that happen to be under way have a connection each at Consul
				t.Errorf("%v", err)
			}
		})
	}
}
