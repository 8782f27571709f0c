package e2e_test

import (
	"strings"
	"testing"
	"time"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/e2e/internal/stores"
)

// TestMemberStrategy is who leads where members say of themselves how much they are to lead.
func TestMemberStrategy(t *testing.T) {
	t.Parallel()
	onEachStore(t, stores.Options{}, true, []memberCase{
		{"the highest leads after each loss, whoever waits longer", strategyHighestNext},
		{"who comes to hold the key gives it on before it has led", strategyGivesOn},
		{"a leader makes way once a better candidate has stood for long enough", strategyPreempts},
		{"with a given session, which lives on, the key is given to the highest as well", strategyFromGiven},
		{"who has given the key on, with a sign, may stand again at once: no trace says that it might believe", strategyTraceGoes},
	})
}

// ranked are settings of a member with that priority.
func ranked(cfg leadership.Config, priority int, preempt time.Duration) leadership.Config {
	cfg.Profile.Priority = priority
	cfg.Election.Strategy, cfg.Election.Preempt = leadership.StrategyPriority, preempt
	return cfg
}

// profiled waits until an observer sees n candidates, each with the priority that is asked for: of who began to stand just now it is not known at once.
func profiled(t *testing.T, s stores.Store, cfg leadership.Config, want map[string]int) {
	t.Helper()
	watching := cfg
	watching.Election.Frequency = 500 * time.Millisecond
	o := observing(t, s, watching)
	standing(t, o, "all stand with their priorities", func(now leadership.Standing) bool {
		known := 0
		for _, c := range now.Candidates {
			if p, ok := want[c.ServiceID]; ok && p == c.Priority {
				known++
			}
		}
		return now.Err == nil && known == len(want)
	})
}

func strategyHighestNext(t *testing.T, s stores.Store) {
	cfg := newElection(calmTTL)
	first := enter(t, s.Factory(), ranked(cfg, 0, 0), "first")
	first.await(t, leadership.StatusElectedFirst)
	members := make(map[string]*candidate)
	priorities := map[string]int{"low": 1, "high": 3, "middle": 2}
	for _, id := range []string{"low", "high", "middle"} {
		members[id] = enter(t, s.Factory(), ranked(cfg, priorities[id], 0), id)
		members[id].await(t, leadership.StatusNotElected)
	}
	profiled(t, s, cfg, priorities)
	leader := first
	for _, next := range []string{"high", "middle", "low"} {
		began := time.Now()
		if err := leader.Close(); err != nil {
			t.Fatal(err)
		}
		leader = members[next]
		elected := leader.await(t, leadership.StatusElectedFirst)
		t.Logf("%s leads after %v", next, elected.At.Sub(began))
		for id, m := range members {
			if m != leader && m.IsLeader() {
				t.Errorf("%s leads, beside %s", id, next)
			}
		}
		if took := elected.At.Sub(began); took > calmTTL/3 {
			t.Errorf("%s led after %v: it has waited for somebody who never led", next, took)
		}
	}
	for id, m := range members {
		if terms := m.says.Count(leadership.StatusElectedFirst); terms != 1 {
			t.Errorf("%s has led %d times", id, terms)
		}
	}
	if err := leader.Close(); err != nil {
		t.Error(err)
	}
	nothingLeft(t, s, cfg.Key())
}

func strategyGivesOn(t *testing.T, s stores.Store) {
	cfg := newElection(calmTTL)
	plain := enter(t, s.Factory(), cfg, "plain") // goes by arrival: whoever waits longest comes to hold the key
	plain.await(t, leadership.StatusElectedFirst)
	low := enter(t, s.Factory(), ranked(cfg, 1, 0), "low")
	low.await(t, leadership.StatusNotElected)
	other := enter(t, s.Factory(), ranked(cfg, 2, 0), "other")
	other.await(t, leadership.StatusNotElected)
	high := enter(t, s.Factory(), ranked(cfg, 3, 0), "high")
	high.await(t, leadership.StatusNotElected)
	profiled(t, s, cfg, map[string]int{"low": 1, "other": 2, "high": 3})
	began := time.Now()
	if err := plain.Close(); err != nil {
		t.Fatal(err)
	}
	elected := high.await(t, leadership.StatusElectedFirst)
	t.Logf("high leads after %v", elected.At.Sub(began))
	if took := elected.At.Sub(began); took > calmTTL/3 {
		t.Errorf("it has waited for somebody who never led: %v", took)
	}
	for _, m := range []*candidate{low, other} {
		if m.Term().Token() != 0 || m.says.Count(leadership.StatusError) != 0 {
			t.Errorf("it has led with %d, and told:\n%v", m.Term().Token(), m.says)
		}
	}
	profiled(t, s, cfg, map[string]int{"low": 1, "other": 2, "high": 3}) // all stand again
	for _, m := range []*candidate{high, other, low} {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	}
	nothingLeft(t, s, cfg.Key())
}

func strategyPreempts(t *testing.T, s stores.Store) {
	const wait = time.Second
	cfg := newElection(calmTTL)
	low := enter(t, s.Factory(), ranked(cfg, 1, wait), "low")
	first := low.await(t, leadership.StatusElectedFirst)
	stood := time.Now()
	high := enter(t, s.Factory(), ranked(cfg, 3, wait), "high")
	next := high.await(t, leadership.StatusElectedFirst)
	if took := next.At.Sub(stood); took < wait {
		t.Errorf("high leads after %v", took)
	}
	if next.Term <= first.Term {
		t.Errorf("token %d after %d", next.Term, first.Term)
	}
	low.await(t, leadership.StatusRelegation)
	for _, m := range []*candidate{low, high} {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	}
	nothingLeft(t, s, cfg.Key())
}

func strategyFromGiven(t *testing.T, s stores.Store) {
	cfg := newElection(calmTTL)
	id := must(s.OpenSession(soon(t), calmTTL))(t)
	given := enter(t, s.Factory().Session(id, calmTTL), ranked(cfg, 0, 0), "given")
	given.await(t, leadership.StatusElectedFirst)
	low, high := enter(t, s.Factory(), ranked(cfg, 1, 0), "low"), enter(t, s.Factory(), ranked(cfg, 3, 0), "high")
	low.await(t, leadership.StatusNotElected)
	high.await(t, leadership.StatusNotElected)
	profiled(t, s, cfg, map[string]int{"low": 1, "high": 3})
	began := time.Now()
	if err := given.Resign(soon(t)); err != nil {
		t.Fatal(err)
	}
	next := high.await(t, leadership.StatusElectedFirst)
	if took := next.At.Sub(began); took > calmTTL/3 {
		t.Errorf("high led after %v: it waited for the given session", took)
	}
}

func strategyTraceGoes(t *testing.T, s stores.Store) {
	cfg := newElection(time.Minute)
	backend := must(s.Backend())(t)
	defer func() {
		if err := backend.Close(); err != nil {
			t.Error(err)
		}
	}()
	var sessions [2]leadership.Session
	var votes [2]leadership.Vote
	for i := range sessions {
		sessions[i] = must(backend.Open(soon(t), time.Minute))(t)
		votes[i] = leadership.Vote{SessionID: sessions[i].ID(), ServiceName: cfg.ServiceName, ServiceID: string(rune('a' + i))}
		must(sessions[i].Campaign(soon(t), cfg.Key(), votes[i].Encode()))(t)
	}
	sign := leadership.Vote{ServiceName: cfg.ServiceName, ServiceID: "a"}.Encode()
	if err := sessions[0].Transfer(soon(t), cfg.Key(), sign, votes[1]); err != nil {
		t.Fatal(err)
	}
	for _, left := range must(s.Left(soon(t), cfg.Key()))(t) {
		if strings.Contains(left, "holders/") && strings.HasSuffix(left, sessions[0].ID()) {
			t.Errorf("%s is left", left)
		}
	}
	for _, i := range []int{1, 0, 1} {
		seen := must(sessions[i].Campaign(soon(t), cfg.Key(), votes[i].Encode()))(t)
		if seen.Holder.Session != sessions[1].ID() || i == 1 && len(seen.Earlier) > 0 {
			t.Errorf("session %d sees %+v", i, seen)
		}
	}
	for _, session := range sessions {
		if err := session.Close(soon(t)); err != nil {
			t.Error(err)
		}
	}
	nothingLeft(t, s, cfg.Key())
}
