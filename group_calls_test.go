package leadership_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/sources/memory"
)

// hooked is a backend whose sessions do something of their own.
type hooked struct {
	leadership.Backend
	renew    func(ctx context.Context, next func(context.Context) error) error
	campaign func(ctx context.Context, next func(context.Context) (leadership.Observation, error)) (leadership.Observation, error)
}

func (b hooked) Attach(ctx context.Context, id string, ttl time.Duration) (leadership.Session, error) {
	s, err := b.Backend.Attach(ctx, id, ttl)
	if err != nil {
		return nil, err
	}
	return hookedSession{s, b}, nil
}

type hookedSession struct {
	leadership.Session
	hooks hooked
}

func (s hookedSession) Renew(ctx context.Context) error {
	if s.hooks.renew == nil {
		return s.Session.Renew(ctx)
	}
	return s.hooks.renew(ctx, s.Session.Renew)
}

func (s hookedSession) Campaign(ctx context.Context, key string, value []byte) (leadership.Observation, error) {
	next := func(ctx context.Context) (leadership.Observation, error) { return s.Session.Campaign(ctx, key, value) }
	if s.hooks.campaign == nil {
		return next(ctx)
	}
	return s.hooks.campaign(ctx, next)
}

func TestGroupSharesRequests(t *testing.T) {
	bubble(t, "P1: no deadline is later than the last renewal allows, however members' requests fall", func(t *testing.T, store *memory.Store) {
		var proved atomic.Int64 // when the last renewal was sent that came back, or the session was opened
		proved.Store(time.Now().UnixNano())
		g, err := leadership.NewClusterFactory(func(leadership.Config) (leadership.Backend, error) {
			return hooked{Backend: store.Backend(), renew: func(ctx context.Context, next func(context.Context) error) error {
				sent := time.Now()
				err := next(ctx)
				time.Sleep(2 * time.Second) // the way back
				if err == nil {
					proved.Store(max(proved.Load(), sent.UnixNano()))
				}
				return err
			}}, nil
		}).Group(t.Context(), names(12)...)
		if err != nil {
			t.Fatal(err)
		}
		for i := range 6000 {
			time.Sleep(20 * time.Millisecond)
			if i%37 == 0 && i < 3000 { // so that terms begin, and are to be renewed, at different times
				if err := g.Members()[i%12].StandDown(t.Context(), 0); err != nil {
					t.Fatal(err)
				}
				go func() { _ = g.Members()[i%12].Resign(context.Background()) }()
			}
			for _, m := range g.Members() {
				term := m.Term()
				leads, deadline := term.Valid(), term.Deadline()
				latest := time.Unix(0, proved.Load()).Add(15*time.Second - 750*time.Millisecond) // asked for after the deadline, which may be extended just now
				if leads && deadline.After(latest.Add(time.Millisecond)) {
					t.Errorf("a deadline is %v later than the last renewal allows", deadline.Sub(latest))
				}
			}
		}
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	})
	bubble(t, "P7: a campaign under way does not take the key after it was given back", func(t *testing.T, store *memory.Store) {
		g, err := leadership.NewClusterFactory(func(leadership.Config) (leadership.Backend, error) {
			return hooked{Backend: store.Backend(), campaign: func(ctx context.Context, next func(context.Context) (leadership.Observation, error)) (leadership.Observation, error) {
				<-ctx.Done()
				time.Sleep(100 * time.Millisecond)
				if _, err := next(context.WithoutCancel(ctx)); err != nil {
					return leadership.Observation{}, err
				}
				return leadership.Observation{}, context.Cause(ctx)
			}}, nil
		}).Group(t.Context(), "x")
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if err := g.Member("x").StandDown(t.Context(), time.Hour); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if h := store.Holder("services/x/leader"); h.Session != "" {
			t.Errorf("session %s holds the key", h.Session)
		}
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	})
}
