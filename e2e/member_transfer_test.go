package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/e2e/internal/stores"
)

// TestMemberTransfer is how members hand over to one of their choice, and how that looks from outside.
func TestMemberTransfer(t *testing.T) {
	t.Parallel()
	onEachStore(t, stores.Options{}, true, []memberCase{
		{"a leader hands over to the instance it names, whoever waits longer", transferToNamed},
		{"with a given session, which lives on, it hands over as well", transferFromGiven},
		{"more candidates than fit into one transaction are passed over", transferPastMany},
		{"an observer follows an election without standing", observerFollows},
	})
}

// standing waits for what an observer tells.
func standing(t *testing.T, o *leadership.ElectionObserver, what string, ok func(leadership.Standing) bool) leadership.Standing {
	t.Helper()
	var last leadership.Standing
	for s, err := range o.AsObservable().Seq(soon(t)) {
		if err != nil {
			break
		}
		if last = s; ok(s) {
			return s
		}
	}
	t.Fatalf("the observer has not told that %s; the last was %+v", what, last)
	return last
}

func observing(t *testing.T, s stores.Store, cfg leadership.Config) *leadership.ElectionObserver {
	t.Helper()
	o := must(s.Factory().Configure(cfg).Observer(t.Context()))(t)
	t.Cleanup(func() {
		if err := o.Close(); err != nil {
			t.Error(err)
		}
	})
	return o
}

// led says that id leads, and all of these stand.
func led(id string, all ...string) func(leadership.Standing) bool {
	return func(s leadership.Standing) bool {
		var ids []string
		for _, c := range s.Candidates {
			ids = append(ids, c.ServiceID)
		}
		slices.Sort(ids)
		return s.Err == nil && s.Leader != nil && s.Leader.ServiceID == id && slices.Equal(ids, all)
	}
}

// frequent has members read often enough that Consul's candidates, of whom nothing tells, are listed soon.
func frequent() leadership.Config {
	cfg := newElection(calmTTL)
	cfg.Election.Frequency = 500 * time.Millisecond
	return cfg
}

func transferToNamed(t *testing.T, s stores.Store) {
	cfg := newElection(calmTTL)
	watching := cfg
	watching.Election.Frequency = 500 * time.Millisecond
	o := observing(t, s, watching)
	a := enter(t, s.Factory(), cfg, "a")
	first := a.await(t, leadership.StatusElectedFirst)
	others := make(map[string]*candidate)
	for _, id := range []string{"b", "c", "d", "e"} {
		others[id] = enter(t, s.Factory(), cfg, id)
		others[id].await(t, leadership.StatusNotElected)
	}
	standing(t, o, "five stand", led("a", "a", "b", "c", "d", "e"))
	if err := a.TransferTo(soon(t), "nobody"); !errors.Is(err, leadership.ErrNoCandidate) || !a.IsLeader() {
		t.Errorf("to nobody: %v, leads %v", err, a.IsLeader())
	}
	began := time.Now()
	if err := a.TransferTo(soon(t), "e"); err != nil {
		t.Fatal(err)
	}
	next := others["e"].await(t, leadership.StatusElectedFirst)
	t.Logf("handover to the last of five: %v", next.At.Sub(began))
	if next.Term <= first.Term || a.IsLeader() {
		t.Errorf("token %d after %d; the former leader leads: %v", next.Term, first.Term, a.IsLeader())
	}
	standing(t, o, "e leads", func(s leadership.Standing) bool {
		return s.Leader != nil && s.Leader.ServiceID == "e" && s.Term == next.Term
	})
	delete(others, "e")
	for id, m := range others {
		if m.IsLeader() || m.Term().Token() != 0 {
			t.Errorf("%s was passed over and led with %d", id, m.Term().Token())
		}
		standing(t, o, id+" stands again", func(s leadership.Standing) bool {
			return slices.ContainsFunc(s.Candidates, func(c leadership.Candidate) bool { return c.ServiceID == id })
		})
	}
}

func transferFromGiven(t *testing.T, s stores.Store) {
	cfg := newElection(calmTTL)
	id := must(s.OpenSession(soon(t), calmTTL))(t)
	a := enter(t, s.Factory().Session(id, calmTTL), cfg, "a")
	a.await(t, leadership.StatusElectedFirst)
	b, c := enter(t, s.Factory(), cfg, "b"), enter(t, s.Factory(), cfg, "c")
	b.await(t, leadership.StatusNotElected)
	c.await(t, leadership.StatusNotElected)
	began := time.Now()
	if err := a.TransferTo(soon(t), "c"); err != nil {
		t.Fatal(err)
	}
	next := c.await(t, leadership.StatusElectedFirst)
	if took := next.At.Sub(began); took > calmTTL/2 {
		t.Errorf("c led after %v: it waited for the given session", took)
	}
	if live := must(s.Sessions(soon(t)))(t); !slices.Contains(live, id) {
		t.Error("a session is gone that is not the member's")
	}
}

func transferPastMany(t *testing.T, s stores.Store) {
	cfg := newElection(time.Minute)
	backend := must(s.Backend())(t)
	defer func() {
		if err := backend.Close(); err != nil {
			t.Error(err)
		}
	}()
	const many = 230
	sessions := make([]leadership.Session, many)
	votes := make([]leadership.Vote, many)
	for i := range sessions {
		sessions[i] = must(backend.Open(soon(t), time.Minute))(t)
		votes[i] = leadership.Vote{SessionID: sessions[i].ID(), ServiceName: cfg.ServiceName, ServiceID: fmt.Sprint("node-", i)}
		must(sessions[i].Campaign(soon(t), cfg.Key(), votes[i].Encode()))(t)
	}
	sign := leadership.Vote{ServiceName: cfg.ServiceName, ServiceID: "node-0"}.Encode()
	last := sessions[many-1]
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := sessions[0].Transfer(ctx, cfg.Key(), sign, votes[many-1]); err != nil {
		t.Fatal(err)
	}
	seen := must(last.Campaign(soon(t), cfg.Key(), votes[many-1].Encode()))(t)
	if seen.Holder.Session != last.ID() {
		t.Errorf("session %s holds the key that session %s was given", seen.Holder.Session, last.ID())
	}
	for _, session := range sessions {
		if err := session.Close(soon(t)); err != nil {
			t.Error(err)
		}
	}
	nothingLeft(t, s, cfg.Key())
}

func observerFollows(t *testing.T, s stores.Store) {
	cfg := frequent()
	o := observing(t, s, cfg)
	standing(t, o, "nobody leads", func(s leadership.Standing) bool { return s.Err == nil && s.Leader == nil && len(s.Candidates) == 0 })
	a := enter(t, s.Factory(), cfg, "a")
	first := a.await(t, leadership.StatusElectedFirst)
	seen := standing(t, o, "a leads", led("a", "a"))
	if *seen.Leader != *first.Vote || seen.Term != first.Term {
		t.Errorf("a leads with %v of term %d, and %v of term %d is observed", first.Vote, first.Term, seen.Leader, seen.Term)
	}
	b := enter(t, s.Factory(), cfg, "b")
	b.await(t, leadership.StatusNotElected)
	standing(t, o, "b stands", led("a", "a", "b"))
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	standing(t, o, "b leads", led("b", "b"))
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	standing(t, o, "nobody leads any more", func(s leadership.Standing) bool { return s.Err == nil && s.Leader == nil && len(s.Candidates) == 0 })
	nothingLeft(t, s, cfg.Key())
}
