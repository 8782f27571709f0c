package leadership_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/sources/memory"
)

// ranked are the settings of a member that goes by priorities and has one.
func ranked(id string, priority int, preempt time.Duration) leadership.Config {
	return leadership.Config{
		ServiceID: id,
		Profile:   leadership.Profile{Priority: priority},
		Election:  leadership.ElectionConfig{Strategy: leadership.StrategyPriority, Preempt: preempt},
	}
}

// stand builds a member whose store may fail, and which goes by strategy unless that is nil.
func stand(t *testing.T, store *memory.Store, cfg leadership.Config, strategy leadership.Strategy, layers ...leadership.Layer) candidate {
	t.Helper()
	f := memory.NewClusterFactory(store).Configure(cfg).Strategy(strategy).Logger(slog.New(slog.DiscardHandler))
	var link *memory.Backend
	f.Wrap(func(_ leadership.Config, within leadership.Backend) leadership.Backend {
		link = within.(*memory.Backend)
		return within
	})
	for _, l := range layers {
		f.Wrap(l)
	}
	m, err := f.Build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c := candidate{m, link, record(t, m)}
	t.Cleanup(func() { _ = m.Close() })
	synctest.Wait()
	return c
}

// enrol builds a member that goes by priorities.
func enrol(t *testing.T, store *memory.Store, id string, priority int, layers ...leadership.Layer) candidate {
	t.Helper()
	return stand(t, store, ranked(id, priority, 0), nil, layers...)
}

// holders are the instances that hold the key, and stand for it, in the store's order.
func holders(t *testing.T, store *memory.Store) string {
	t.Helper()
	line, err := store.Backend().Candidates(t.Context(), leaderKey)
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, c := range line {
		ids = append(ids, c.ServiceID)
	}
	return strings.Join(ids, " ")
}

// outsider is somebody else's client that stands for the key.
func outsider(t *testing.T, store *memory.Store) leadership.Session {
	t.Helper()
	foreign, err := store.Backend().Open(t.Context(), 24*time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := foreign.Campaign(t.Context(), leaderKey, []byte("web-7:8080")); err != nil {
		t.Fatal(err)
	}
	return foreign
}

// hurdle is a layer that stands in the way of some calls.
type hurdle struct {
	leadership.Backend
	candidates func(ctx context.Context) error
	transfer   func(ctx context.Context, next func(context.Context) error) error
	closing    func(ctx context.Context) error
	calls      *atomic.Int64 // of Candidates
}

type hurdleSession struct {
	leadership.Session
	h *hurdle
}

// over is the layer.
func (h *hurdle) over(_ leadership.Config, within leadership.Backend) leadership.Backend {
	h.Backend, h.calls = within, new(atomic.Int64)
	return h
}

func (h *hurdle) Open(ctx context.Context, ttl time.Duration) (leadership.Session, error) {
	s, err := h.Backend.Open(ctx, ttl)
	return hurdleSession{s, h}, err
}

func (h *hurdle) Candidates(ctx context.Context, key string) ([]leadership.Candidate, error) {
	h.calls.Add(1)
	if h.candidates != nil {
		if err := h.candidates(ctx); err != nil {
			return nil, err
		}
	}
	return h.Backend.Candidates(ctx, key)
}

func (s hurdleSession) Transfer(ctx context.Context, key string, vote []byte, heir leadership.Vote) error {
	next := func(ctx context.Context) error { return s.Session.Transfer(ctx, key, vote, heir) }
	if s.h.transfer != nil {
		return s.h.transfer(ctx, next)
	}
	return next(ctx)
}

func (s hurdleSession) Close(ctx context.Context) error {
	if s.h.closing != nil {
		if err := s.h.closing(ctx); err != nil {
			return err
		}
	}
	return s.Session.Close(ctx)
}

// hang waits for the end of a call's context.
func hang(ctx context.Context) error {
	<-ctx.Done()
	return context.Cause(ctx)
}

func onlyLeads(t *testing.T, when string, who candidate, others ...candidate) {
	t.Helper()
	synctest.Wait()
	if !who.IsLeader() {
		t.Errorf("%s: it does not lead", when)
	}
	for i, o := range others {
		if o.IsLeader() {
			t.Errorf("%s: other %d leads", when, i)
		}
	}
}

func TestStrategyAtAHandover(t *testing.T) {
	bubble(t, "the highest of those who wait leads next, after each loss, and a lower one when the higher are gone", func(t *testing.T, store *memory.Store) {
		first := enrol(t, store, "first", 0)
		low, high, middle := enrol(t, store, "low", 1), enrol(t, store, "high", 3), enrol(t, store, "middle", 2)
		onlyLeads(t, "nobody preempts by default", first, low, high, middle)
		began := time.Now()
		if err := first.Close(); err != nil {
			t.Fatal(err)
		}
		onlyLeads(t, "the first has closed", high, low, middle)
		if took := time.Since(began); took > time.Second {
			t.Errorf("it took %v", took)
		}
		high.link.Disconnect() // it crashes, as far as the others can see
		time.Sleep(time.Minute)
		onlyLeads(t, "the highest has crashed", middle, low, high)
		high.link.Reconnect()
		time.Sleep(time.Minute)
		onlyLeads(t, "the highest is back, and does not preempt", middle, low, high)
		if err := middle.Resign(t.Context()); err != nil {
			t.Fatal(err)
		}
		onlyLeads(t, "the middle one has resigned", high, low, middle)
		time.Sleep(time.Minute)
		if err := high.StandDown(t.Context(), time.Hour); err != nil {
			t.Fatal(err)
		}
		onlyLeads(t, "the highest has stood down", middle, low, high)
		_ = middle.Close()
		onlyLeads(t, "the higher are gone", low, high, middle)
	})
	bubble(t, "who leads knows of no one that waits longer, where they are equal", func(t *testing.T, store *memory.Store) {
		first, a, b := enrol(t, store, "first", 1), enrol(t, store, "a", 1), enrol(t, store, "b", 1)
		_ = first.Close()
		onlyLeads(t, "a has waited longer", a, b)
	})
	bubble(t, "where nobody passes the key on as it is given back, whoever comes to hold it does, before it has led", func(t *testing.T, store *memory.Store) {
		foreign := outsider(t, store)
		low, high, middle := enrol(t, store, "low", 1), enrol(t, store, "high", 3), enrol(t, store, "middle", 2)
		low.log.news()
		if err := foreign.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Millisecond)
		onlyLeads(t, "the foreign leader has gone", high, low, middle)
		low.log.expect(t, "notelected")
		if got := holders(t, store); got != "high middle low" {
			t.Errorf("stand: %s", got)
		}
	})
	bubble(t, "after a crash the highest leads as soon as the store gives the key away", func(t *testing.T, store *memory.Store) {
		first, low, high := enrol(t, store, "first", 9), enrol(t, store, "low", 1), enrol(t, store, "high", 3)
		first.link.Disconnect()
		began := time.Now()
		for !high.IsLeader() && time.Since(began) < 2*time.Minute {
			time.Sleep(time.Millisecond)
		}
		if took := time.Since(began); took > 30*time.Second+50*time.Millisecond { // TTL, and the store's grace
			t.Errorf("it took %v", took)
		}
		if n := low.Term().Token(); n != 0 {
			t.Errorf("low has led, with %d", n)
		}
	})
	bubble(t, "who waits for an earlier holder does so in another's place as well", func(t *testing.T, store *memory.Store) {
		first, low, high := enrol(t, store, "first", 0), enrol(t, store, "low", 1), enrol(t, store, "high", 3)
		first.link.Disconnect()
		store.DeleteKey(leaderKey) // an operator: first believes on
		for !high.IsLeader() {
			if first.IsLeader() && high.IsLeader() {
				t.Fatal("two leaders")
			}
			time.Sleep(10 * time.Millisecond)
		}
		onlyLeads(t, "the earlier holder has stopped", high, first, low)
	})
	bubble(t, "who has a takeover delay sits it out", func(t *testing.T, store *memory.Store) {
		delayed := func(id string, priority int) candidate {
			cfg := ranked(id, priority, 0)
			cfg.Election.TakeoverDelay = 20 * time.Second
			return stand(t, store, cfg, nil)
		}
		first := delayed("first", 0)
		time.Sleep(30 * time.Second)
		low, high := delayed("low", 1), delayed("high", 3)
		began := time.Now()
		store.DestroySession(store.Holder(leaderKey).Session) // first finds out, and stands again
		time.Sleep(19 * time.Second)
		if low.IsLeader() || high.IsLeader() {
			t.Error("somebody leads already")
		}
		for !high.IsLeader() && time.Since(began) < time.Minute {
			time.Sleep(10 * time.Millisecond)
		}
		onlyLeads(t, "the delay is over", high, low, first)
	})
	bubble(t, "the highest version leads next", func(t *testing.T, store *memory.Store) {
		with := func(id, version string) candidate {
			return stand(t, store, leadership.Config{
				ServiceID: id, Profile: leadership.Profile{Version: version}, Election: leadership.ElectionConfig{Strategy: leadership.StrategyVersion},
			}, nil)
		}
		first := with("first", "")
		old, latest, candidate := with("old", "1.9.0"), with("latest", "v1.10.0"), with("candidate", "1.10.0-rc.1")
		_ = first.Close()
		onlyLeads(t, "the first has closed", latest, old, candidate)
		_ = latest.Close()
		onlyLeads(t, "the latest has closed", candidate, old)
	})
	bubble(t, "by chance, elections are led by the instances that key and id determine", func(t *testing.T, store *memory.Store) {
		led := make(map[string]int)
		for i := range 8 {
			var members []candidate
			for id := range 4 {
				cfg := leadership.Config{ServiceName: fmt.Sprint("shard-", i), ServiceID: fmt.Sprint("web-", id), Election: leadership.ElectionConfig{Strategy: leadership.StrategyRandom}}
				members = append(members, stand(t, store, cfg, nil))
			}
			_ = members[0].Resign(t.Context())
			synctest.Wait()
			want := leaderOf(fmt.Sprintf("services/shard-%d/leader", i), instances(4)[1:])
			for id, m := range members {
				if name := fmt.Sprint("web-", id); m.IsLeader() != (name == want) {
					t.Errorf("shard %d: %s leads %v, and it is to be %s", i, name, m.IsLeader(), want)
				}
			}
			led[want]++
		}
		if len(led) < 3 {
			t.Errorf("led: %v", led)
		}
	})
	bubble(t, "an own strategy stands above the setting", func(t *testing.T, store *memory.Store) {
		lowest := func(_ string, a, b leadership.Candidate) int { return b.Priority - a.Priority }
		first := stand(t, store, ranked("first", 5, 0), lowest)
		low, high := stand(t, store, ranked("low", 1, 0), lowest), stand(t, store, ranked("high", 3, 0), lowest)
		_ = first.Close()
		onlyLeads(t, "the first has closed", low, high)
	})
	bubble(t, "where TransferTo names somebody, that one leads if its own strategy has it do so", func(t *testing.T, store *memory.Store) {
		first, plain, high := enrol(t, store, "first", 0), join(t, store, "plain"), enrol(t, store, "high", 3)
		if err := first.TransferTo(t.Context(), "plain"); err != nil {
			t.Fatal(err)
		}
		onlyLeads(t, "plain goes by arrival", plain, high)
	})
	bubble(t, "the key is given back even if nobody can be asked who stands", func(t *testing.T, store *memory.Store) {
		for _, fails := range []func(context.Context) error{hang, func(context.Context) error { return errors.New("no") }} {
			h := &hurdle{candidates: fails}
			first := enrol(t, store, "first", 9, h.over)
			low, high := enrol(t, store, "low", 1), enrol(t, store, "high", 3)
			began := time.Now()
			if err := first.Close(); err != nil {
				t.Error(err)
			}
			if took := time.Since(began); took > time.Second {
				t.Errorf("it took %v", took)
			}
			time.Sleep(20 * time.Millisecond)
			onlyLeads(t, "low has given the key on", high, low)
			_, _ = low.Close(), high.Close()
		}
	})
}

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
	bubble(t, "a given session does not give the key on: nobody could end it", func(t *testing.T, store *memory.Store) {
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
		onlyLeads(t, "low keeps the key", candidate{Member: m}, high)
		if err := m.Resign(t.Context()); err != nil {
			t.Error(err)
		}
		onlyLeads(t, "and gives it to the highest when it resigns", high, candidate{Member: m})
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

func TestPreempt(t *testing.T) {
	const wait = 30 * time.Second
	rank := func(t *testing.T, store *memory.Store, id string, priority int, layers ...leadership.Layer) candidate {
		t.Helper()
		return stand(t, store, ranked(id, priority, wait), nil, layers...)
	}
	bubble(t, "a leader makes way once a better candidate has stood for long enough, and not before", func(t *testing.T, store *memory.Store) {
		low := rank(t, store, "low", 1)
		time.Sleep(7 * time.Second)
		high := rank(t, store, "high", 3)
		time.Sleep(wait)
		onlyLeads(t, "it has just stood for long enough", low, high)
		time.Sleep(2 * 10 * time.Second) // two looks
		onlyLeads(t, "it has stood for longer", high, low)
		if err := low.log.last(t, leadership.StatusRelegation).Err; !errors.Is(err, leadership.ErrResigned) {
			t.Errorf("relegated for %v", err)
		}
		time.Sleep(time.Hour)
		onlyLeads(t, "and it stays", high, low)
		high.log.news()
		if got := holders(t, store); got != "high low" {
			t.Errorf("stand: %s", got)
		}
	})
	bubble(t, "an equal candidate is not better", func(t *testing.T, store *memory.Store) {
		a, b := rank(t, store, "a", 1), rank(t, store, "b", 1)
		time.Sleep(time.Hour)
		onlyLeads(t, "after an hour", a, b)
	})
	bubble(t, "who is not to preempt does not", func(t *testing.T, store *memory.Store) {
		low, high := enrol(t, store, "low", 1), rank(t, store, "high", 3)
		time.Sleep(time.Hour)
		onlyLeads(t, "the setting of the leader counts", low, high)
	})
	bubble(t, "a candidate that comes and goes does not move the leader", func(t *testing.T, store *memory.Store) {
		low := rank(t, store, "low", 1)
		low.log.news()
		for range 100 {
			high := rank(t, store, "high", 3)
			time.Sleep(wait - time.Second)
			_ = high.Close()
			time.Sleep(time.Millisecond)
		}
		for _, status := range low.log.news() {
			if status != "elected" {
				t.Errorf("it told %s", status)
			}
		}
		steady := rank(t, store, "steady", 2)
		time.Sleep(wait + 20*time.Second)
		onlyLeads(t, "one that stays does", steady, low)
	})
	bubble(t, "who is to lead is the one that is best then", func(t *testing.T, store *memory.Store) {
		low, middle := rank(t, store, "low", 1), rank(t, store, "middle", 2)
		time.Sleep(25 * time.Second)
		high := rank(t, store, "high", 3)
		time.Sleep(wait)
		onlyLeads(t, "the best one has stood for less", low, middle, high)
		time.Sleep(20 * time.Second)
		onlyLeads(t, "it has stood for longer", high, low, middle)
	})
	bubble(t, "work returns first", func(t *testing.T, store *memory.Store) {
		low := rank(t, store, "low", 1)
		returned := make(chan time.Time, 1)
		go func() {
			_ = low.Lead(t.Context(), func(ctx context.Context, _ leadership.Term) error {
				<-ctx.Done()
				time.Sleep(2 * time.Second)
				select {
				case returned <- time.Now():
				default:
				}
				return nil
			})
		}()
		synctest.Wait()
		high := rank(t, store, "high", 3)
		at := <-returned
		synctest.Wait()
		onlyLeads(t, "the work has returned", high, low)
		if first := high.log.last(t, leadership.StatusElectedFirst).Time; first.Before(at) {
			t.Errorf("high was elected at %v, and the work returned at %v", first, at)
		}
	})
	bubble(t, "what fails is tried again, and told to nobody", func(t *testing.T, store *memory.Store) {
		n := 0
		h := &hurdle{}
		h.candidates = func(ctx context.Context) error {
			if n++; n%2 == 0 {
				return hang(ctx)
			}
			return nil
		}
		low := rank(t, store, "low", 1, h.over)
		high := rank(t, store, "high", 3)
		time.Sleep(2*wait + 20*time.Second)
		onlyLeads(t, "every other look failed", high, low)
		for _, m := range low.log.messages {
			if m.Status == leadership.StatusError {
				t.Errorf("it told %v", m.Err)
			}
		}
	})
	bubble(t, "TransferTo is carried out as it was asked for, while work returns", func(t *testing.T, store *memory.Store) {
		low := stand(t, store, ranked("low", 1, 2*time.Second), nil)
		go func() {
			_ = low.Lead(t.Context(), func(ctx context.Context, _ leadership.Term) error {
				<-ctx.Done()
				time.Sleep(4 * time.Second)
				return nil
			})
		}()
		synctest.Wait()
		plain, high := join(t, store, "plain"), join(t, store, "high")
		_ = high.Close()
		time.Sleep(time.Second)
		result := make(chan error, 1)
		go func() { result <- low.TransferTo(t.Context(), "plain") }()
		synctest.Wait()
		better := enrol(t, store, "better", 9)
		if err := <-result; err != nil {
			t.Error(err)
		}
		onlyLeads(t, "it was asked for before", plain, low, better)
	})
	bubble(t, "nothing is looked for by who does not lead, and after Close", func(t *testing.T, store *memory.Store) {
		h := new(hurdle)
		low := rank(t, store, "low", 1)
		other := rank(t, store, "other", 1, h.over)
		time.Sleep(time.Hour + 5*time.Second) // in between two looks
		if n := h.calls.Load(); n != 0 {
			t.Errorf("asked %d times", n)
		}
		_ = low.Close()
		time.Sleep(time.Minute + time.Second)
		if n := h.calls.Load(); n != 1+6 {
			t.Errorf("asked %d times: once when it came to hold the key, and every 10 s", n)
		}
		_ = other.Close()
		time.Sleep(time.Hour)
		if n := h.calls.Load(); n > 1+6+1 {
			t.Errorf("asked %d times", n)
		}
	})
}

func TestBuildRefusesPreemptWithoutAStrategy(t *testing.T) {
	cfg := leadership.Config{Election: leadership.ElectionConfig{Preempt: time.Second}}
	_, err := memory.NewClusterFactory(nil).Configure(cfg).Build(t.Context())
	want := `leadership: invalid config: election.preempt 1s must be 0 where election.strategy is "arrival": nobody is better`
	if !errors.Is(err, leadership.ErrInvalidConfig) || err.Error() != want {
		t.Errorf("got %v", err)
	}
	m, err := memory.NewClusterFactory(nil).Configure(cfg).Strategy(leadership.ByVersion).Logger(slog.New(slog.DiscardHandler)).Build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_ = m.Close()
}
