package leadership

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// tampered is the store of single mode with calls of its session replaced, where a replacement is given.
type tampered struct {
	solo
	campaign func(context.Context) error
	watch    func(context.Context) error
	resign   func(context.Context) error
	ended    func(context.Context) error
	closed   int
}

func (b *tampered) Open(ctx context.Context, ttl time.Duration) (Session, error) {
	s, err := b.solo.Open(ctx, ttl)
	return tamperedSession{s, b}, err
}

func (b *tampered) Close() error {
	b.closed++
	return errDown
}

type tamperedSession struct {
	Session
	store *tampered
}

func (s tamperedSession) Campaign(ctx context.Context, key string, value []byte) (Observation, error) {
	if s.store.campaign != nil {
		return Observation{}, s.store.campaign(ctx)
	}
	return s.Session.Campaign(ctx, key, value)
}

func (s tamperedSession) Watch(ctx context.Context, key string, seen Observation) error {
	if s.store.watch != nil {
		return s.store.watch(ctx)
	}
	return s.Session.Watch(ctx, key, seen)
}

func (s tamperedSession) Resign(ctx context.Context, key string, vote []byte) error {
	if s.store.resign != nil {
		return s.store.resign(ctx)
	}
	return s.Session.Resign(ctx, key, vote)
}

func (s tamperedSession) Close(ctx context.Context) error {
	if s.store.ended != nil {
		return s.store.ended(ctx)
	}
	return s.Session.Close(ctx)
}

// join has a member stand at store.
func join(t *testing.T, store *tampered) *Member {
	t.Helper()
	m, err := NewClusterFactory(func(Config) (Backend, error) { return store, nil }).Build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	synctest.Wait()
	return m
}

// closing has a member lead at store and closes it.
func closing(t *testing.T, store *tampered) error {
	t.Helper()
	m := join(t, store)
	if !m.IsLeader() {
		t.Fatal("it does not lead")
	}
	return m.Close()
}

func TestCaller(t *testing.T) {
	t.Run("the key is given back only when no campaign is under way, lest it take the key again", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			campaigning := false
			store := &tampered{}
			store.campaign = func(ctx context.Context) error {
				campaigning = true
				<-ctx.Done()
				time.Sleep(time.Second) // slow to notice
				campaigning = false
				return context.Cause(ctx)
			}
			store.resign = func(context.Context) error {
				if campaigning {
					t.Error("a campaign is under way")
				}
				return nil
			}
			m := join(t, store)
			if m.IsLeader() || !campaigning {
				t.Error("no campaign is under way at all")
			}
			_ = m.Close()
		})
	})
	t.Run("who leads gives the key back at once, and the session when the successor has had time", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			store := &tampered{}
			store.watch = func(ctx context.Context) error {
				<-ctx.Done()
				time.Sleep(time.Second) // slow to notice
				return context.Cause(ctx)
			}
			began := time.Now()
			store.resign = func(context.Context) error {
				if waited := time.Since(began); waited > 0 {
					t.Errorf("the key is given back after %v", waited)
				}
				time.Sleep(3 * time.Millisecond)
				return nil
			}
			store.ended = func(context.Context) error {
				if waited := time.Since(began); waited != 15*time.Millisecond {
					t.Errorf("the session is closed after %v", waited)
				}
				return nil
			}
			_ = closing(t, store)
		})
	})
	t.Run("a slow store does not make the end of the session wait for long", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			store := &tampered{}
			began := time.Now()
			store.resign = func(context.Context) error {
				time.Sleep(time.Second)
				return nil
			}
			store.ended = func(context.Context) error {
				if waited := time.Since(began); waited != time.Second+mostWay {
					t.Errorf("the session is closed after %v", waited)
				}
				return nil
			}
			_ = closing(t, store)
		})
	})
	t.Run("the session is closed even if Resign gets no answer", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			closed := false
			_ = closing(t, &tampered{
				resign: func(ctx context.Context) error {
					<-ctx.Done()
					return context.Cause(ctx)
				},
				ended: func(ctx context.Context) error {
					closed = ctx.Err() == nil
					return nil
				},
			})
			if !closed {
				t.Error("it was not, or with no time left")
			}
		})
	})
	t.Run("the backend is closed last, and its error returned", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			store := &tampered{}
			if err := closing(t, store); store.closed != 1 || !errors.Is(err, errDown) {
				t.Errorf("closed %d times, %v", store.closed, err)
			}
		})
	})
}

func TestMemberLearnsThatItsTermLapsed(t *testing.T) {
	shared, _ := newTestTerm(0)
	if (Term{shared}).Valid() {
		t.Fatal("it is valid")
	}
	m := &Member{}
	m.term.Store(shared)
	// A proof was under way when somebody's question found the deadline over.
	if m.applyTerm(effects{term: termExtend}, &state{expiry: shared.clock.now().after(time.Hour)}) {
		t.Error("the loop takes the term for extended")
	}
}
