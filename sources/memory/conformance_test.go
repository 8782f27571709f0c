package memory_test

import (
	"context"
	"testing"
	"time"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/sources/memory"
	"github.com/leadership-go/leadership/sources/sourcetest"
)

// harness offers all that the suite can use.
func harness(store *memory.Store, ttl, expiresWithin time.Duration) sourcetest.Harness {
	return sourcetest.Harness{
		TTL:           ttl,
		ExpiresWithin: expiresWithin,

		ResignRemembered: true,

		Connect: func(context.Context) (leadership.Backend, error) { return store.Backend(), nil },
		DestroySession: func(_ context.Context, id string) error {
			store.DestroySession(id)
			return nil
		},
		DeleteKey: func(_ context.Context, key string) error {
			store.DeleteKey(key)
			return nil
		},
		Overwrite: func(_ context.Context, key string, value []byte) error {
			store.Put(key, value)
			return nil
		},
		Sessions:   func(context.Context) (int, error) { return len(store.Sessions()), nil },
		Candidates: func(_ context.Context, key string) (int, error) { return len(store.Candidates(key)), nil },
		ConnectDenied: func(context.Context) (leadership.Backend, func(), error) {
			b := store.Backend()
			return b, func() { b.Deny(true) }, nil
		},
		ConnectCut: func(context.Context) (leadership.Backend, func(), error) {
			b := store.Backend()
			return b, b.Disconnect, nil
		},
	}
}

func TestConformance(t *testing.T) {
	for _, c := range []struct {
		name          string
		store         func() *memory.Store
		expiresWithin time.Duration
	}{
		{"the zero store", func() *memory.Store { return new(memory.Store) }, 10 * time.Second},
		{"a store that keeps sessions for two TTLs", func() *memory.Store { return memory.NewStore(memory.WithGrace(10 * time.Second)) }, 20 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			sourcetest.RunInBubble(t, func(*testing.T) sourcetest.Harness { return harness(c.store(), 10*time.Second, c.expiresWithin) })
		})
	}
	t.Run("one store for all checks, in real time", func(t *testing.T) {
		store := memory.NewStore()
		sourcetest.Run(t, func(*testing.T) sourcetest.Harness { return harness(store, 200*time.Millisecond, 400*time.Millisecond) })
	})
}
