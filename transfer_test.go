package leadership_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/sources/memory"
)

// frail is a store that fails some calls.
type frail struct {
	*memory.Backend
	transfer func(ctx context.Context, next func(context.Context) error) error
}

type frailSession struct {
	leadership.Session
	store frail
}

func (f frail) Open(ctx context.Context, ttl time.Duration) (leadership.Session, error) {
	s, err := f.Backend.Open(ctx, ttl)
	return frailSession{s, f}, err
}

func (s frailSession) Transfer(ctx context.Context, key string, vote []byte, heir leadership.Vote) error {
	return s.store.transfer(ctx, func(ctx context.Context) error { return s.Session.Transfer(ctx, key, vote, heir) })
}

func TestTransferTo(t *testing.T) {
	bubble(t, "the named instance leads next, whoever waits longer, and those who were passed over still stand", func(t *testing.T, store *memory.Store) {
		a, b, c := join(t, store, "a"), join(t, store, "b"), join(t, store, "c")
		first := a.Term().Token()
		if err := a.TransferTo(t.Context(), "c"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if a.IsLeader() || b.IsLeader() || !c.IsLeader() || c.Term().Token() <= first {
			t.Errorf("a %v, b %v, c %v leads, with token %d after %d", a.IsLeader(), b.IsLeader(), c.IsLeader(), c.Term().Token(), first)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if !b.IsLeader() {
			t.Error("b does not lead when c is closed")
		}
	})
	bubble(t, "an heir that waits out a takeover delay need not do so", func(t *testing.T, store *memory.Store) {
		cfg := func(id string) leadership.Config {
			return leadership.Config{ServiceID: id, Election: leadership.ElectionConfig{TakeoverDelay: 15 * time.Second}}
		}
		a := joinWith(t, store, cfg("a"))
		time.Sleep(15 * time.Second)
		synctest.Wait()
		_, c := joinWith(t, store, cfg("b")), joinWith(t, store, cfg("c"))
		if err := a.TransferTo(t.Context(), "c"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if !c.IsLeader() {
			t.Error("c does not lead at once")
		}
	})
	bubble(t, "who does not stand can't be given the key: the member leads on", func(t *testing.T, store *memory.Store) {
		a := join(t, store, "a")
		term := a.Term()
		for _, id := range []string{"nobody", "a", ""} {
			if err := a.TransferTo(t.Context(), id); !errors.Is(err, leadership.ErrNoCandidate) {
				t.Errorf("to %q: %v", id, err)
			}
		}
		if !term.Valid() {
			t.Error("the term is over")
		}
	})
	bubble(t, "of an instance that crashed and was started again, the living member gets the key", func(t *testing.T, store *memory.Store) {
		a, dead := join(t, store, "a"), join(t, store, "b")
		dead.link.Disconnect()
		b := join(t, store, "b")
		if err := a.TransferTo(t.Context(), "b"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if !b.IsLeader() {
			t.Error("b does not lead")
		}
	})
	bubble(t, "somebody else's client that waits before the instance is not passed over: the member leads on", func(t *testing.T, store *memory.Store) {
		a := join(t, store, "a")
		backend := store.Backend()
		foreign, err := backend.Open(t.Context(), time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := foreign.Campaign(t.Context(), leaderKey, []byte("web-7:8080")); err != nil {
			t.Fatal(err)
		}
		join(t, store, "b")
		if err := a.TransferTo(t.Context(), "b"); !errors.Is(err, leadership.ErrNoCandidate) || !strings.Contains(err.Error(), foreign.ID()) || !a.IsLeader() {
			t.Errorf("%v, leads %v", err, a.IsLeader())
		}
	})
	bubble(t, "who has resigned is no candidate before it stands again", func(t *testing.T, store *memory.Store) {
		a, b := join(t, store, "a"), join(t, store, "b")
		if err := a.TransferTo(t.Context(), "b"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if n := len(store.Sessions()); n != 1 {
			t.Errorf("%d sessions: somebody could hand the key to one that is not used", n)
		}
		if err := b.TransferTo(t.Context(), "a"); !errors.Is(err, leadership.ErrNoCandidate) || !b.IsLeader() {
			t.Errorf("%v, leads %v", err, b.IsLeader())
		}
	})
	bubble(t, "who does not lead has nothing to give", func(t *testing.T, store *memory.Store) {
		a, b := join(t, store, "a"), join(t, store, "b")
		if err := b.TransferTo(t.Context(), "a"); !errors.Is(err, leadership.ErrNotLeader) {
			t.Error(err)
		}
		if !a.IsLeader() {
			t.Error("a leads no more")
		}
	})
	bubble(t, "while the store can't be asked who stands, the member leads on", func(t *testing.T, store *memory.Store) {
		a, _ := join(t, store, "a"), join(t, store, "b")
		a.link.Disconnect()
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, errors.New("enough"))
		defer cancel()
		if err := a.TransferTo(ctx, "b"); err == nil || !a.IsLeader() {
			t.Errorf("%v, leads %v", err, a.IsLeader())
		}
	})
	for name, fails := range map[string]func(ctx context.Context, next func(context.Context) error) error{
		"has gone": func(context.Context, func(context.Context) error) error { return leadership.ErrNoCandidate },
		"hears nothing": func(ctx context.Context, _ func(context.Context) error) error {
			<-ctx.Done()
			return context.Cause(ctx)
		},
	} {
		bubble(t, "where the heir "+name+" at the last moment, whoever waits leads", func(t *testing.T, store *memory.Store) {
			m, err := leadership.NewClusterFactory(func(leadership.Config) (leadership.Backend, error) {
				return frail{store.Backend(), fails}, nil
			}).Build(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer m.Close() //nolint:errcheck // at the end
			synctest.Wait()
			b, _ := join(t, store, "b"), join(t, store, "c")
			if err := m.TransferTo(t.Context(), "c"); !errors.Is(err, leadership.ErrNoCandidate) {
				t.Errorf("got %v", err)
			}
			synctest.Wait()
			if m.IsLeader() || !b.IsLeader() {
				t.Errorf("the old leader leads %v, who waits longest %v", m.IsLeader(), b.IsLeader())
			}
		})
	}
	bubble(t, "work returns before the key is given away", func(t *testing.T, store *memory.Store) {
		a, b := join(t, store, "a"), join(t, store, "b")
		go func() {
			_ = a.Lead(t.Context(), func(ctx context.Context, _ leadership.Term) error {
				<-ctx.Done()
				time.Sleep(2 * time.Second)
				if b.IsLeader() {
					t.Error("b leads while the work of a returns")
				}
				return nil
			})
		}()
		synctest.Wait()
		began := time.Now()
		if err := a.TransferTo(t.Context(), "b"); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took != 2*time.Second {
			t.Errorf("it took %v", took)
		}
		synctest.Wait()
		if !b.IsLeader() {
			t.Error("b does not lead")
		}
	})
}
