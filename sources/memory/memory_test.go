package memory_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/sources/memory"
)

func isErr(err, want error) bool { return errors.Is(err, want) }

func open(t *testing.T, b *memory.Backend, ttl time.Duration) leadership.Session {
	t.Helper()
	s, err := b.Open(t.Context(), ttl)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// pass lets virtual time go by, and whatever happens meanwhile come to rest.
func pass(d time.Duration) {
	<-time.NewTimer(d).C
	synctest.Wait()
}

func campaign(t *testing.T, s leadership.Session) leadership.Observation {
	t.Helper()
	o, err := s.Campaign(t.Context(), "k", leadership.Vote{SessionID: s.ID()}.Encode())
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func TestSessionEndsAtTTLAndGrace(t *testing.T) {
	for _, c := range []struct {
		name  string
		store *memory.Store
		after time.Duration
	}{
		{"the zero store ends it at its TTL", new(memory.Store), 10 * time.Second},
		{"a grace is added", memory.NewStore(memory.WithGrace(3 * time.Second)), 13 * time.Second},
		{"a negative grace counts as none", memory.NewStore(memory.WithGrace(-time.Second)), 10 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := open(t, c.store.Backend(), 10*time.Second)
				campaign(t, s)
				pass(4 * time.Second)
				if err := s.Renew(t.Context()); err != nil {
					t.Fatal(err)
				}
				pass(c.after - 1)
				if got := c.store.Holder("k").Session; got != s.ID() {
					t.Errorf("held by %q just before the end", got)
				}
				pass(1)
				if got := c.store.Holder("k").Session; got != "" {
					t.Errorf("held by %q after the end", got)
				}
				if err := s.Renew(t.Context()); !isErr(err, leadership.ErrSessionLost) {
					t.Errorf("Renew after the end: %v", err)
				}
			})
		})
	}
}

func TestOpenRefusesTTLThatIsNotPositive(t *testing.T) {
	for _, ttl := range []time.Duration{0, -time.Second} {
		if _, err := new(memory.Store).Backend().Open(t.Context(), ttl); !isErr(err, leadership.ErrInvalidConfig) {
			t.Errorf("Open for %v: %v", ttl, err)
		}
	}
}

func TestCandidatesSucceedInTheOrderOfCampaigning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memory.NewStore()
		var line []string
		var sessions []leadership.Session
		for range 4 {
			s := open(t, store.Backend(), time.Minute)
			campaign(t, s)
			sessions, line = append(sessions, s), append(line, s.ID())
		}
		for i, s := range sessions {
			if got := store.Candidates("k"); !slices.Equal(got, line[i:]) {
				t.Fatalf("candidates: %v; want %v", got, line[i:])
			}
			if err := s.Resign(t.Context(), "k", nil); err != nil {
				t.Fatal(err)
			}
		}
		if got := store.Candidates("k"); len(got) != 0 {
			t.Errorf("candidates after all resigned: %v", got)
		}
		if got := store.Sessions(); !slices.Equal(got, line) {
			t.Errorf("sessions: %v; want %v", got, line)
		}
		for _, s := range sessions {
			if err := s.Close(t.Context()); err != nil {
				t.Error(err)
			}
		}
		if got := store.Sessions(); len(got) != 0 {
			t.Errorf("sessions after all were closed: %v", got)
		}
	})
}

func TestOperatorReadsAndWrites(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memory.NewStore()
		if v, ok := store.Get("k"); ok || v != nil {
			t.Errorf("a new key holds %q, %v", v, ok)
		}
		if store.DeleteKey("k") || store.DestroySession("session-1") {
			t.Error("found what is not there")
		}
		store.Put("k", nil)
		if v, ok := store.Get("k"); !ok || len(v) != 0 {
			t.Errorf("an empty value was put: %q, %v", v, ok)
		}
		store.Put("k", []byte("data"))
		s := open(t, store.Backend(), time.Minute)
		if _, err := s.Campaign(t.Context(), "k", nil); !isErr(err, leadership.ErrKeyConflict) || !isErr(err, leadership.ErrMalformedVote) {
			t.Errorf("Campaign over data: %v", err)
		}
		if v, _ := store.Get("k"); string(v) != "data" {
			t.Errorf("data after a refused campaign: %q", v)
		}
		if !store.DeleteKey("k") {
			t.Error("the data was not found")
		}
		campaign(t, s)
		store.Put("k", []byte("scribble"))
		if h := store.Holder("k"); h.Session != s.ID() || string(h.Value) != "scribble" {
			t.Errorf("held as %+v", h)
		}
		if v, ok := store.Get("k"); !ok || string(v) != "scribble" {
			t.Errorf("the holder's value: %q, %v", v, ok)
		}
		if !store.DeleteKey("k") || !store.DestroySession(s.ID()) {
			t.Error("not found")
		}
		if v, ok := store.Get("k"); ok {
			t.Errorf("left after deletion: %q", v)
		}
	})
}

func TestValuesAreCopied(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memory.NewStore()
		s := open(t, store.Backend(), time.Minute)
		value := []byte("mine")
		o, err := s.Campaign(t.Context(), "k", value)
		if err != nil {
			t.Fatal(err)
		}
		value[0], o.Holder.Value[1] = 'X', 'X'
		if got := store.Holder("k").Value; string(got) != "mine" {
			t.Errorf("the store's value was changed from outside: %q", got)
		}
		if err := s.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}

func TestDisconnectedBackendHangsUntilItsContextEndsOrItIsReconnected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memory.NewStore()
		b := store.Backend()
		s := open(t, b, 10*time.Second)
		campaign(t, s)
		b.Disconnect()
		b.Disconnect()

		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		start := time.Now()
		if err := s.Renew(ctx); !isErr(err, context.DeadlineExceeded) || isErr(err, leadership.ErrSessionLost) {
			t.Errorf("Renew on a dead link: %v", err)
		}
		if took := time.Since(start); took != 3*time.Second {
			t.Errorf("it took %v; want the deadline", took)
		}
		if got := store.Holder("k").Session; got != s.ID() {
			t.Errorf("held by %q", got)
		}

		renewed := make(chan error, 1)
		go func() { renewed <- s.Renew(t.Context()) }()
		pass(5 * time.Second)
		b.Reconnect()
		b.Reconnect()
		if err := <-renewed; err != nil {
			t.Errorf("Renew that arrives late, in time: %v", err)
		}
		b.Disconnect()
		pass(10 * time.Second)
		b.Reconnect()
		if err := s.Renew(t.Context()); !isErr(err, leadership.ErrSessionLost) {
			t.Errorf("Renew that arrives too late: %v", err)
		}
	})
}

func TestWatchOnDeadLinkSeesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memory.NewStore()
		b := store.Backend()
		holder, waiter := open(t, store.Backend(), time.Hour), open(t, b, time.Hour)
		campaign(t, holder)
		seen := campaign(t, waiter)
		done := make(chan error, 1)
		go func() { done <- waiter.Watch(t.Context(), "k", seen) }()
		synctest.Wait()
		b.Disconnect()
		if err := holder.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		pass(time.Minute)
		select {
		case err := <-done:
			t.Fatalf("Watch returned on a dead link: %v", err)
		default:
		}
		b.Reconnect()
		if err := <-done; err != nil {
			t.Errorf("Watch once the link is back: %v", err)
		}
		if err := waiter.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}

func TestDeniedBackendIsRefusedUntilItIsAllowedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := memory.NewStore().Backend()
		s := open(t, b, time.Minute)
		b.Deny(true)
		if _, err := b.Observe(t.Context(), "k"); !isErr(err, leadership.ErrDenied) {
			t.Errorf("Observe: %v", err)
		}
		b.Deny(false)
		campaign(t, s)
		if err := s.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

func TestEarlierHolderIsShownWhileItMayBelieve(t *testing.T) {
	sign := leadership.Vote{}.Encode()
	for _, c := range []struct {
		name     string
		leave    func(*testing.T, *memory.Store, leadership.Session) error
		resigned bool
		shown    bool
	}{
		{"not who resigned with a sign", func(t *testing.T, _ *memory.Store, s leadership.Session) error {
			return s.Resign(t.Context(), "k", sign)
		}, true, false},
		{"not who never believed, and resigned without one", func(t *testing.T, _ *memory.Store, s leadership.Session) error {
			return s.Resign(t.Context(), "k", nil)
		}, false, false},
		{"not who closed its session", func(t *testing.T, _ *memory.Store, s leadership.Session) error { return s.Close(t.Context()) }, false, false},
		{"whose key was deleted", func(_ *testing.T, store *memory.Store, _ leadership.Session) error { store.DeleteKey("k"); return nil }, false, true},
		{"not whose key was deleted, and who then resigned", func(t *testing.T, store *memory.Store, s leadership.Session) error {
			store.DeleteKey("k")
			return s.Resign(t.Context(), "k", nil)
		}, false, false},
		{"not whose key was deleted, and who then closed its session", func(t *testing.T, store *memory.Store, s leadership.Session) error {
			store.DeleteKey("k")
			return s.Close(t.Context())
		}, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := memory.NewStore()
				first, second := open(t, store.Backend(), time.Minute), open(t, store.Backend(), time.Minute)
				campaign(t, first)
				if err := c.leave(t, store, first); err != nil {
					t.Fatal(err)
				}
				var want []string
				if c.shown {
					want = []string{first.ID()}
				}
				if o := campaign(t, second); !slices.Equal(o.Earlier, want) || o.Resigned != c.resigned {
					t.Errorf("held before by %q, resigned %v; want %q, %v", o.Earlier, o.Resigned, want, c.resigned)
				}
				pass(time.Hour)
			})
		})
	}

	t.Run("one that may believe still is shown beyond a holder that never did", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			store := memory.NewStore()
			cutOff, short, next := open(t, store.Backend(), time.Minute), open(t, store.Backend(), time.Minute), open(t, store.Backend(), time.Minute)
			campaign(t, cutOff)
			store.DeleteKey("k")
			campaign(t, short)
			if err := short.Resign(t.Context(), "k", nil); err != nil {
				t.Fatal(err)
			}
			if o := campaign(t, next); !slices.Equal(o.Earlier, []string{cutOff.ID()}) || o.Resigned {
				t.Errorf("held before by %q, resigned %v; want %q", o.Earlier, o.Resigned, cutOff.ID())
			}
			pass(time.Hour)
		})
	})
}
