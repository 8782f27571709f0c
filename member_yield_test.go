package leadership_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/sources/memory"
)

func TestStrategyAtAClaim(t *testing.T) {
	// claim has low come to hold the key while high waits.
	claim := func(t *testing.T, store *memory.Store, h *hurdle, strategy leadership.Strategy) (low, high candidate) {
		t.Helper()
		plain := join(t, store, "plain") // goes by arrival
		low, high = stand(t, store, ranked("low", 1, 0), strategy, h.over), enrol(t, store, "high", 3)
		low.log.news()
		if err := plain.Close(); err != nil {
			t.Fatal(err)
		}
		return low, high
	}
	bubble(t, "who can't ask who stands keeps the key", func(t *testing.T, store *memory.Store) {
		low, high := claim(t, store, &hurdle{candidates: func(context.Context) error { return errors.New("no") }}, nil)
		onlyLeads(t, "at once", low, high)
		low.log.expect(t, elected...)
	})
	bubble(t, "an answer that does not come costs a third of the time of a request, and not the claim", func(t *testing.T, store *memory.Store) {
		low, high := claim(t, store, &hurdle{candidates: hang}, nil)
		time.Sleep(time.Second + 250*time.Millisecond)
		onlyLeads(t, "after that", low, high)
		low.log.expect(t, elected...)
	})
	bubble(t, "a strategy that panics keeps the key where it is", func(t *testing.T, store *memory.Store) {
		low, high := claim(t, store, new(hurdle), func(string, leadership.Candidate, leadership.Candidate) int { panic("oops") })
		onlyLeads(t, "at once", low, high)
	})
	bubble(t, "where the better one has just gone, the key is kept", func(t *testing.T, store *memory.Store) {
		low, high := claim(t, store, &hurdle{transfer: func(context.Context, func(context.Context) error) error { return leadership.ErrNoCandidate }}, nil)
		onlyLeads(t, "at once", low, high)
		low.log.expect(t, elected...)
	})
	bubble(t, "where the key was given although the answer says otherwise, nobody believes in it", func(t *testing.T, store *memory.Store) {
		low, high := claim(t, store, &hurdle{transfer: func(ctx context.Context, next func(context.Context) error) error {
			return errors.Join(next(ctx), leadership.ErrNoCandidate)
		}}, nil)
		time.Sleep(20 * time.Millisecond)
		onlyLeads(t, "it is given", high, low)
		if n := low.Term().Token(); n != 0 {
			t.Errorf("low has led, with %d", n)
		}
	})
	bubble(t, "where it is not known whether the key was given, nobody believes with that session, however late it is given", func(t *testing.T, store *memory.Store) {
		var late func(context.Context) error
		low, high := claim(t, store, &hurdle{transfer: func(ctx context.Context, next func(context.Context) error) error {
			if late == nil {
				late = next
				return hang(ctx)
			}
			return next(ctx)
		}}, nil)
		session := store.Holder(leaderKey).Session
		time.Sleep(5 * time.Second)
		if err := low.log.last(t, leadership.StatusError).Err; !errors.Is(err, leadership.ErrSessionLost) || !strings.Contains(err.Error(), "high") {
			t.Errorf("told: %v", err)
		}
		onlyLeads(t, "the session was ended", high, low)
		if err := late(t.Context()); !errors.Is(err, leadership.ErrSessionLost) {
			t.Errorf("session %s lives on: %v", session, err)
		}
		if got := holders(t, store); got != "high low" {
			t.Errorf("stand: %s", got)
		}
	})
	bubble(t, "a session that can't be ended at first is ended later", func(t *testing.T, store *memory.Store) {
		var down atomic.Bool
		down.Store(true)
		fails := func(context.Context) error {
			if down.Load() {
				return errors.New("down")
			}
			return nil
		}
		low, high := claim(t, store, &hurdle{
			transfer: func(ctx context.Context, next func(context.Context) error) error {
				if err := fails(ctx); err != nil {
					return err
				}
				return next(ctx)
			}, closing: fails,
		}, nil)
		session := store.Holder(leaderKey).Session
		time.Sleep(10 * time.Second)
		if got := store.Holder(leaderKey).Session; got != session || low.IsLeader() || high.IsLeader() {
			t.Errorf("session %s holds the key, before it was %s; low leads %v, high %v", got, session, low.IsLeader(), high.IsLeader())
		}
		down.Store(false)
		time.Sleep(3 * time.Second)
		onlyLeads(t, "the session was ended", high, low)
	})
	bubble(t, "Close ends such a session, too", func(t *testing.T, store *memory.Store) {
		var once atomic.Bool
		slow := func(ctx context.Context) error { // a session takes a while to end
			rest := time.NewTimer(100 * time.Millisecond)
			select {
			case <-rest.C:
				return nil
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
		low, high := claim(t, store, &hurdle{transfer: func(context.Context, func(context.Context) error) error {
			once.Store(true)
			return errors.New("cut")
		}, closing: slow}, nil)
		synctest.Wait()
		if !once.Load() {
			t.Fatal("nothing was given")
		}
		if err := low.Close(); err != nil {
			t.Error(err)
		}
		_ = high.Close()
		if left := store.Sessions(); len(left) > 0 {
			t.Errorf("sessions are left: %v", left)
		}
	})
	bubble(t, "nobody is passed over who is no member", func(t *testing.T, store *memory.Store) {
		first := enrol(t, store, "first", 0)
		low, before := enrol(t, store, "low", 1), enrol(t, store, "before", 2)
		foreign := outsider(t, store)
		high := enrol(t, store, "high", 3)
		_ = first.Close()
		onlyLeads(t, "high stands behind the foreign client", before, low, high)
		_ = before.Close()
		onlyLeads(t, "low is all there is before it", low, high)
		_ = low.Close()
		time.Sleep(time.Minute)
		if low.IsLeader() || high.IsLeader() || store.Holder(leaderKey).Session != foreign.ID() {
			t.Error("the foreign client was passed over")
		}
	})
	bubble(t, "of an instance that was started again the last session counts", func(t *testing.T, store *memory.Store) {
		foreign := outsider(t, store)
		low, dead := enrol(t, store, "low", 1), enrol(t, store, "high", 3)
		dead.link.Disconnect()
		high := enrol(t, store, "high", 3)
		_ = foreign.Close(t.Context())
		time.Sleep(20 * time.Millisecond)
		onlyLeads(t, "the one before it has crashed", high, low, dead)
	})
	bubble(t, "a dead session of the own instance is not better", func(t *testing.T, store *memory.Store) {
		foreign := outsider(t, store)
		dead := enrol(t, store, "a", 9)
		dead.link.Disconnect()
		a := enrol(t, store, "a", 1)
		_ = foreign.Close(t.Context())
		time.Sleep(31 * time.Second) // the dead one holds the key until its session ends
		onlyLeads(t, "the dead one is gone", a, dead)
	})
	bubble(t, "a given session gives the key on, and stands on behind it", func(t *testing.T, store *memory.Store) {
		foreign := outsider(t, store)
		given, err := store.Backend().Open(t.Context(), 15*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		m, err := memory.NewClusterFactory(store).Configure(ranked("low", 1, 0)).Session(given.ID(), 15*time.Second).Build(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close() //nolint:errcheck // at the end
		synctest.Wait()
		high := enrol(t, store, "high", 3)
		_ = foreign.Close(t.Context())
		time.Sleep(20 * time.Millisecond)
		onlyLeads(t, "low gives the key on", high, candidate{Member: m})
		if got := holders(t, store); got != "high low" || m.Term().Token() != 0 {
			t.Errorf("stand: %s; low led with %d", got, m.Term().Token())
		}
	})
	for wait, again := range map[time.Duration]bool{time.Second: false, time.Minute: true} {
		bubble(t, fmt.Sprintf("a key that comes %v after the last one was given on is given on: %v", wait, again), func(t *testing.T, store *memory.Store) {
			low, high := claim(t, store, new(hurdle), nil)
			time.Sleep(20 * time.Millisecond)
			onlyLeads(t, "low has given the key on", high, low)
			top := enrol(t, store, "top", 9)
			time.Sleep(wait)
			store.DestroySession(store.Holder(leaderKey).Session) // an operator
			time.Sleep(20 * time.Millisecond)
			if again {
				onlyLeads(t, "low has done so again", top, low, high)
			} else {
				onlyLeads(t, "low keeps it", low, top, high)
			}
		})
	}
	bubble(t, "members of opposing strategies do not pass the key round", func(t *testing.T, store *memory.Store) {
		other := func(own string) leadership.Strategy { // anybody is better than oneself
			return func(_ string, a, b leadership.Candidate) int {
				switch {
				case a.ServiceID == own:
					return -1
				case b.ServiceID == own:
					return 1
				}
				return 0
			}
		}
		foreign := outsider(t, store)
		count := new(atomic.Int64)
		h := func() *hurdle {
			return &hurdle{transfer: func(ctx context.Context, next func(context.Context) error) error {
				count.Add(1)
				return next(ctx)
			}}
		}
		a, b := stand(t, store, ranked("a", 0, 0), other("a"), h().over), stand(t, store, ranked("b", 0, 0), other("b"), h().over)
		_ = foreign.Close(t.Context())
		time.Sleep(100 * time.Millisecond)
		leader, waiter := a, b
		if b.IsLeader() { // who was given the key looked before a stood again, and found nobody better
			leader, waiter = b, a
		}
		onlyLeads(t, "each has given the key on once at most", leader, waiter)
		given := count.Load()
		if given < 1 || given > 2 {
			t.Errorf("the key was given on %d times", given)
		}
		time.Sleep(20 * time.Minute)
		onlyLeads(t, "and it stays there", leader, waiter)
		// Two TTLs later each may do so again.
		if err := leader.Resign(t.Context()); err != nil {
			t.Fatal(err)
		}
		onlyLeads(t, "the leader has resigned, and nobody else stands", waiter, leader)
		if n := count.Load(); n != given+1 {
			t.Errorf("the key was given on %d times", n)
		}
		time.Sleep(20 * time.Minute)
		store.DeleteKey(leaderKey)
		time.Sleep(2 * time.Minute)
		if a.IsLeader() == b.IsLeader() {
			t.Errorf("a leads %v, b %v", a.IsLeader(), b.IsLeader())
		}
		if n := count.Load(); n > given+4 {
			t.Errorf("the key was given on %d times", n)
		}
	})
}
