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

func (h *hurdle) Attach(ctx context.Context, id string, ttl time.Duration) (leadership.Session, error) {
	s, err := h.Backend.Attach(ctx, id, ttl)
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
