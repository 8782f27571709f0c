package leadership_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/sources/memory"
)

// goesBy has a group go by priorities, and have one.
func goesBy(priority int) func(*leadership.ClusterFactory, *leadership.Config) {
	return func(_ *leadership.ClusterFactory, cfg *leadership.Config) {
		cfg.Profile.Priority, cfg.Election.Strategy = priority, leadership.StrategyPriority
	}
}

// began tells how often c began to lead any of its services.
func (c *crowd) began() (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, list := range c.heard {
		for _, m := range list {
			if m.Status == leadership.StatusElectedFirst {
				n++
			}
		}
	}
	return n
}

func TestGroupGivesAClaimOn(t *testing.T) {
	bubble(t, "after a crash the highest leads all that the dead one led, and nobody else has led it", func(t *testing.T, store *memory.Store) {
		first := assemble(t, store, "first", 20, goesBy(9))
		low, high := assemble(t, store, "low", 20, goesBy(1)), assemble(t, store, "high", 20, goesBy(3))
		first.wantLeads(t, 20)
		first.link.Disconnect()
		time.Sleep(time.Minute)
		high.wantLeads(t, 20)
		if n := low.began(); n > 0 {
			t.Errorf("low began to lead %d times", n)
		}
	})
	lost := errors.New("the answer was lost")
	for _, c := range []struct {
		name     string
		transfer func(ctx context.Context, next func(context.Context) error) error
	}{
		{"it was not", func(context.Context, func(context.Context) error) error { return lost }},
		{"it was", func(ctx context.Context, next func(context.Context) error) error { return errors.Join(lost, next(ctx)) }},
		{"it is, while nobody asks any more", func(ctx context.Context, next func(context.Context) error) error {
			late := context.WithoutCancel(ctx)
			time.AfterFunc(7*time.Second, func() { _ = next(late) })
			return lost
		}},
	} {
		bubble(t, "where nobody knows whether a key was given on, and "+c.name+", never two lead, and the highest does soon", func(t *testing.T, store *memory.Store) {
			foreign, err := store.Backend().Open(t.Context(), 24*time.Hour)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := foreign.Campaign(t.Context(), "services/service-0/leader", []byte("web-7:8080")); err != nil {
				t.Fatal(err)
			}
			h := &hurdle{transfer: c.transfer}
			low := assemble(t, store, "low", 1, goesBy(1), func(f *leadership.ClusterFactory, _ *leadership.Config) { f.Wrap(h.over) })
			high := assemble(t, store, "high", 1, goesBy(3))
			if err := foreign.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
			session := store.Sessions()
			for range 3000 {
				time.Sleep(10 * time.Millisecond)
				if low.leads()+high.leads() > 1 {
					t.Fatal("two lead")
				}
			}
			high.wantLeads(t, 1)
			if n := low.began(); n > 0 {
				t.Errorf("low began to lead %d times", n)
			}
			if left := store.Sessions(); !slices.Equal(left, session) {
				t.Errorf("sessions %q became %q", session, left)
			}
		})
	}
}

func TestGroupMakesWay(t *testing.T) {
	bubble(t, "a key about which nobody can be asked holds up no other", func(t *testing.T, store *memory.Store) {
		preempts := func(_ *leadership.ClusterFactory, cfg *leadership.Config) { cfg.Election.Preempt = 20 * time.Second }
		denied := func(f *leadership.ClusterFactory, _ *leadership.Config) {
			f.Wrap(func(_ leadership.Config, b leadership.Backend) leadership.Backend {
				return secretive{b.(*tally), "services/service-0/leader"}
			})
		}
		low := assemble(t, store, "low", 6, goesBy(1), preempts, denied)
		low.wantLeads(t, 6)
		high := assemble(t, store, "high", 6, goesBy(3), preempts)
		time.Sleep(2 * time.Minute)
		high.wantLeads(t, 5)
		low.wantLeads(t, 1)
	})
}

// secretive tells of one key not who stands for it.
type secretive struct {
	*tally
	key string
}

func (b secretive) Candidates(ctx context.Context, key string) ([]leadership.Candidate, error) {
	if key == b.key {
		return nil, leadership.ErrDenied
	}
	return b.tally.Candidates(ctx, key)
}
