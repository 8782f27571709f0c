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

// TestMemberElection is what members do at a store that works.
func TestMemberElection(t *testing.T) {
	t.Parallel()
	onEachStore(t, stores.Options{}, true, []memberCase{
		{"failure 15: the first is elected once its key stands at the store, and the others hear who leads", firstLeads},
		{"a leader that resigns hands over and stands again", resignHandsOver},
		{"a leader that closes hands over", closeHandsOver},
		{"failure 12: a leader whose context is cancelled hands over within a second and leaves nothing", cancelHandsOver},
		{"failure 13: a candidate that attempts 1,000 times in vain has one session", lostAttemptsLeakNothing},
		{"failure 16: a candidate whose campaigns fail leaves no key and no session", failedCampaignsLeaveNothing},
		{"failure 22: an election is not in the way of one with a longer name", prefixesDoNotClash},
		{"a member stands with a session it was given, and leaves it alive", givenSessionIsUsed},
		{"failure 19: a member whose given session ends goes on with one of its own", givenSessionEnds},
	})
}

func firstLeads(t *testing.T, s stores.Store) {
	cfg := newElection(calmTTL)
	a := enter(t, s.Factory(), cfg, "a")
	first := a.await(t, leadership.StatusElectedFirst)
	vote := leadership.Vote{SessionID: first.Vote.SessionID, ServiceName: cfg.ServiceName, ServiceID: "a"}
	if *first.Vote != vote || first.Term == 0 || !a.IsLeader() || a.Term().Token() != first.Term {
		t.Errorf("a leads with %v, IsLeader %v, token %d", first, a.IsLeader(), a.Term().Token())
	}
	if value := must(s.Value(soon(t), cfg.Key()))(t); string(value) != string(vote.Encode()) {
		t.Errorf("the key holds %s", value)
	}
	for _, id := range []string{"b", "c"} {
		m := enter(t, s.Factory(), cfg, id)
		heard := m.await(t, leadership.StatusNotElected)
		if heard.Vote == nil || *heard.Vote != vote || heard.Term != first.Term || m.IsLeader() {
			t.Errorf("%s hears %v of term %d, IsLeader %v", id, heard, heard.Term, m.IsLeader())
		}
		leader, err := m.Leader(soon(t))
		if err != nil || leader == nil || *leader != vote {
			t.Errorf("%s is told that %v leads, %v", id, leader, err)
		}
	}
	a.stillLeads(t, first)
}

// twoCandidates are a leader and one that waits.
func twoCandidates(t *testing.T, s stores.Store, cfg leadership.Config) (a, b *candidate) {
	t.Helper()
	a = enter(t, s.Factory(), cfg, "a")
	a.await(t, leadership.StatusElectedFirst)
	b = enter(t, s.Factory(), cfg, "b")
	b.await(t, leadership.StatusNotElected)
	return a, b
}

func resignHandsOver(t *testing.T, s stores.Store) {
	cfg := newElection(calmTTL)
	cfg.Election.Frequency = 2 * time.Second
	a, b := twoCandidates(t, s, cfg)
	term := a.Term()
	began := time.Now()
	if err := a.Resign(soon(t)); err != nil {
		t.Fatal(err)
	}
	if a.IsLeader() || term.Valid() || !errors.Is(context.Cause(term.Context()), leadership.ErrResigned) {
		t.Errorf("after Resign: IsLeader %v, Valid %v, %v", a.IsLeader(), term.Valid(), context.Cause(term.Context()))
	}
	next := b.await(t, leadership.StatusElectedFirst)
	t.Logf("handover after Resign: %v", next.At.Sub(began))
	relegated := a.await(t, leadership.StatusRelegation)
	if !errors.Is(relegated.Err, leadership.ErrResigned) || relegated.Term != term.Token() || next.Term <= term.Token() {
		t.Errorf("term %d: %v; the next is %d", term.Token(), relegated, next.Term)
	}
	if next.At.Before(relegated.At) && next.At.Before(began) {
		t.Error("the successor believed before the resignation")
	}
	// It waits behind b now, and is elected again when b is gone.
	if heard := a.await(t, leadership.StatusNotElected); heard.Vote != nil && heard.Vote.ServiceID != "b" {
		t.Errorf("a hears %v", heard)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if again := a.await(t, leadership.StatusElectedFirst); again.Term <= next.Term {
		t.Errorf("a leads again with token %d after %d", again.Term, next.Term)
	}
}

func closeHandsOver(t *testing.T, s stores.Store) {
	a, b := twoCandidates(t, s, newElection(calmTTL))
	term := a.Term()
	began := time.Now()
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	next := b.await(t, leadership.StatusElectedFirst)
	t.Logf("handover after Close: %v", next.At.Sub(began))
	if relegated := a.await(t, leadership.StatusRelegation); !errors.Is(relegated.Err, leadership.ErrClosed) {
		t.Errorf("a was relegated because of %v", relegated.Err)
	}
	if next.Term <= term.Token() || term.Valid() {
		t.Errorf("term %d is valid: %v; the next is %d", term.Token(), term.Valid(), next.Term)
	}
}

func cancelHandsOver(t *testing.T, s stores.Store) {
	cfg := newElection(calmTTL)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	a := enterUntil(ctx, t, s.Factory(), cfg, "a")
	first := a.await(t, leadership.StatusElectedFirst)
	b := enterRecorded(t, s, cfg, "b")
	b.await(t, leadership.StatusNotElected)
	began := time.Now()
	cancel()
	if err := a.Close(); err != nil {
		t.Errorf("Close after the context's end: %v", err)
	}
	next := b.await(t, leadership.StatusElectedFirst)
	took := next.At.Sub(began)
	t.Logf("handover after the context's end: %v", took)
	if took > time.Second {
		t.Errorf("the successor came after %v", took)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	nothingLeft(t, s, cfg.Key(), first.Vote.SessionID, b.session(t))
}

// nothingLeft checks that the store knows none of the sessions and no key of the election.
func nothingLeft(t *testing.T, s stores.Store, key string, sessions ...string) {
	t.Helper()
	live := must(s.Sessions(soon(t)))(t)
	for _, id := range sessions {
		if slices.Contains(live, id) {
			t.Errorf("session %s is left", id)
		}
	}
	if keys := must(s.Left(soon(t), key))(t); len(keys) > 0 {
		t.Errorf("keys are left: %q", keys)
	}
}

func lostAttemptsLeakNothing(t *testing.T, s stores.Store) {
	const attempts = 1000
	cfg := newElection(calmTTL)
	a := enter(t, s.Factory(), cfg, "a")
	a.await(t, leadership.StatusElectedFirst)
	recorder := &attemptCounter{polls: true}
	cfg.Election.Frequency = time.Millisecond
	b := enter(t, leadership.NewClusterFactory(recorder.connect(s)), cfg, "b")
	eventually(t, func(context.Context) error {
		if n := recorder.attempts.Load(); n < attempts {
			return fmt.Errorf("%d attempts", n)
		}
		return nil
	})
	sessions := recorder.opened()
	if len(sessions) != 1 {
		t.Errorf("%d sessions were opened for %d attempts", len(sessions), recorder.attempts.Load())
	}
	if keys := must(s.Keys(soon(t), cfg.Key()))(t); len(keys) > 2 {
		t.Errorf("two candidates have the keys %q", keys)
	}
	if err := errors.Join(b.Close(), a.Close()); err != nil {
		t.Fatal(err)
	}
	nothingLeft(t, s, cfg.Key(), sessions...)
}

func failedCampaignsLeaveNothing(t *testing.T, s stores.Store) {
	cfg := newElection(calmTTL)
	recorder := &attemptCounter{lose: true}
	a := enter(t, leadership.NewClusterFactory(recorder.connect(s)), cfg, "a")
	a.awaitError(t, errAnswerLost)
	eventually(t, func(ctx context.Context) error {
		keys, err := s.Keys(ctx, cfg.Key())
		if err == nil && len(keys) == 0 {
			err = errors.New("the campaign took no effect at the store")
		}
		return err
	})
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if n := a.says.Count(leadership.StatusElectedFirst); n > 0 {
		t.Errorf("elected without ever hearing of it:\n%v", a.says)
	}
	nothingLeft(t, s, cfg.Key(), recorder.opened()...)
}

func prefixesDoNotClash(t *testing.T, s stores.Store) {
	short := newElection(calmTTL)
	short.Election.EnvelopeTemplate = "%s"
	long := short
	long.ServiceName += "-more"
	for _, cfg := range []leadership.Config{long, short} {
		enter(t, s.Factory(), cfg, cfg.ServiceName).await(t, leadership.StatusElectedFirst)
	}
}

func givenSessionIsUsed(t *testing.T, s stores.Store) {
	cfg := newElection(calmTTL)
	id := must(s.OpenSession(soon(t), calmTTL))(t)
	a := enter(t, s.Factory().Session(id, calmTTL), cfg, "a")
	first := a.await(t, leadership.StatusElectedFirst)
	if first.Vote.SessionID != id {
		t.Errorf("a leads with %v, not with session %s", first.Vote, id)
	}
	b := enter(t, s.Factory(), cfg, "b")
	b.await(t, leadership.StatusNotElected)
	began := time.Now()
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	next := b.await(t, leadership.StatusElectedFirst)
	t.Logf("handover after Close with a given session: %v", next.At.Sub(began))
	if live := must(s.Sessions(soon(t)))(t); !slices.Contains(live, id) {
		t.Error("Close ended a session that is not the member's")
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	nothingLeft(t, s, cfg.Key())
}

func givenSessionEnds(t *testing.T, s stores.Store) {
	cfg := newElection(calmTTL)
	id := must(s.OpenSession(soon(t), calmTTL))(t)
	a := enter(t, s.Factory().Session(id, calmTTL), cfg, "a")
	first := a.await(t, leadership.StatusElectedFirst)
	if err := s.EndSession(soon(t), id); err != nil {
		t.Fatal(err)
	}
	relegated := a.await(t, leadership.StatusRelegation)
	if !errors.Is(relegated.Err, leadership.ErrSessionLost) && !errors.Is(relegated.Err, leadership.ErrKeyLost) {
		t.Errorf("relegated because of %v", relegated.Err)
	}
	next := a.await(t, leadership.StatusElectedFirst)
	if next.Vote.SessionID == id || next.Term <= first.Term {
		t.Errorf("term %d with session %s ended, and the next is %d with %v", first.Term, id, next.Term, next.Vote)
	}
}
