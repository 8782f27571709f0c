package leadership_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/sources/memory"
)

// deaf is a store of which the watches report nothing.
type deaf struct{ *memory.Backend }

type deafSession struct{ leadership.Session }

func (d deaf) Open(ctx context.Context, ttl time.Duration) (leadership.Session, error) {
	s, err := d.Backend.Open(ctx, ttl)
	return deafSession{s}, err
}

func (deafSession) Watch(ctx context.Context, _ string, _ leadership.Observation) error {
	<-ctx.Done()
	return context.Cause(ctx)
}

func TestConfirm(t *testing.T) {
	bubble(t, "a leader's term stands", func(t *testing.T, store *memory.Store) {
		a, b := join(t, store, "a"), join(t, store, "b")
		if err := a.Confirm(t.Context()); err != nil {
			t.Error(err)
		}
		if err := b.Confirm(t.Context()); !errors.Is(err, leadership.ErrNotLeader) {
			t.Errorf("a follower got %v", err)
		}
	})
	bubble(t, "what the store shows is news to a leader that has not heard of it", func(t *testing.T, store *memory.Store) {
		m, err := leadership.NewClusterFactory(func(leadership.Config) (leadership.Backend, error) { return deaf{store.Backend()}, nil }).Build(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		log := record(t, m)
		log.expect(t, elected...)
		store.DeleteKey(leaderKey)
		log.expect(t)
		if err := m.Confirm(t.Context()); !errors.Is(err, leadership.ErrKeyLost) {
			t.Errorf("got %v", err)
		}
		log.expect(t, relegated...)
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	bubble(t, "without an answer it ends with its context", func(t *testing.T, store *memory.Store) {
		a := join(t, store, "a")
		a.link.Disconnect()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		if err := a.Confirm(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Second {
			t.Errorf("got %v after %v", err, time.Since(start))
		}
	})
	bubble(t, "without an answer it ends with the term", func(t *testing.T, store *memory.Store) {
		a := join(t, store, "a")
		a.link.Disconnect()
		if err := a.Confirm(t.Context()); !errors.Is(err, leadership.ErrLeaseExpired) || a.IsLeader() {
			t.Errorf("got %v, leads %v", err, a.IsLeader())
		}
		synctest.Wait()
	})
}
