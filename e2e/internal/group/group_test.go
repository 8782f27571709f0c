package group_test

import (
	"context"
	"testing"
	"time"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/e2e/internal/group"
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
