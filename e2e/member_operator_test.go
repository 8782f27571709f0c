package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/e2e/internal/fault"
	"github.com/leadership-go/leadership/e2e/internal/probe"
	"github.com/leadership-go/leadership/e2e/internal/stores"
)

// TestMemberOperator is what members do when an operator has a hand in their election.
func TestMemberOperator(t *testing.T) {
	t.Parallel()
	onEachStore(t, stores.Options{}, true, []memberCase{
		{"failure 18: the leader's key is deleted: relegation at once, a new token", keyDeleted},
		{"failure 5: a leader that lost its key gives its old session back and stands again", lostKeyFreesSession},
		{"failure 19: the leader's session is ended: relegation at once, a new session and token", leaderSessionEnded},
		{"failure 14: a waiter whose session was ended enters again", waiterSessionEnded},
		{"the leader's value is overwritten by a plain write", valueOverwritten},
		{"the key of a leader that is cut off is deleted: its successor waits until it believes no more", keyOfCutOffDeleted},
		{"the key of a leader that is cut off is deleted, and only then another member comes: it waits all the same", keyOfCutOffDeletedUnseen},
		{"the session of a leader that is cut off is ended: with a takeover delay nobody else believes meanwhile", sessionOfCutOffEnded},
	})
}

// relegatedAtOnce waits for the end of the term of first after something that began then, and checks it.
func relegatedAtOnce(t *testing.T, c *candidate, first probe.Message, began time.Time, causes ...error) {
	t.Helper()
	relegated := c.await(t, leadership.StatusRelegation)
	t.Logf("relegation after %v: %v", relegated.At.Sub(began), relegated.Err)
	if relegated.Term != first.Term || !slices.ContainsFunc(causes, func(cause error) bool { return errors.Is(relegated.Err, cause) }) {
		t.Errorf("term %d ended because of %v; want term %d and one of %v", relegated.Term, relegated.Err, first.Term, causes)
	}
	if took := relegated.At.Sub(began); took > calmTTL/3 {
		t.Errorf("relegation came after %v", took)
	}
}

func keyDeleted(t *testing.T, s stores.Store) {
	cfg := newElection(calmTTL)
	a := enter(t, s.Factory(), cfg, "a")
	first := a.await(t, leadership.StatusElectedFirst)
	term := a.Term()
	began := time.Now()
	if err := s.DeleteKey(soon(t), cfg.Key()); err != nil {
		t.Fatal(err)
	}
	relegatedAtOnce(t, a, first, began, leadership.ErrKeyLost)
	if term.Valid() {
		t.Error("the term outlives its relegation")
	}
	next := a.await(t, leadership.StatusElectedFirst)
	t.Logf("elected again after %v", next.At.Sub(began))
	if next.Term <= first.Term || next.Vote.SessionID == first.Vote.SessionID {
		t.Errorf("term %d of session %s, then %d of %s", first.Term, first.Vote.SessionID, next.Term, next.Vote.SessionID)
	}
}

func lostKeyFreesSession(t *testing.T, s stores.Store) {
	cfg := newElection(calmTTL)
	a, b := twoCandidates(t, s, cfg)
	old := must(s.Keys(soon(t), cfg.Key()))(t)
	session := must(leadership.ParseVote(must(s.Value(soon(t), cfg.Key()))(t)))(t).SessionID
	if err := s.DeleteKey(soon(t), cfg.Key()); err != nil {
		t.Fatal(err)
	}
	a.await(t, leadership.StatusRelegation)
	eventually(t, func(ctx context.Context) error {
		live, err := s.Sessions(ctx)
		if err == nil && slices.Contains(live, session) {
			err = fmt.Errorf("session %s, which held %q, lives", session, old)
		}
		return err
	})
	// Both stand; whoever is first leads, and the other follows when that one goes.
	leader := eitherLeads(t, a, b)
	other := a
	if leader == a {
		other = b
	}
	if err := leader.Close(); err != nil {
		t.Fatal(err)
	}
	other.await(t, leadership.StatusElectedFirst)
}

// eitherLeads waits until one of them leads.
func eitherLeads(t *testing.T, a, b *candidate) (leader *candidate) {
	t.Helper()
	eventually(t, func(context.Context) error {
		for _, c := range []*candidate{a, b} {
			if c.IsLeader() {
				leader = c
				return nil
			}
		}
		return errors.New("nobody leads")
	})
	return leader
}

func leaderSessionEnded(t *testing.T, s stores.Store) {
	cfg := newElection(calmTTL)
	a := enter(t, s.Factory(), cfg, "a")
	first := a.await(t, leadership.StatusElectedFirst)
	began := time.Now()
	if err := s.EndSession(soon(t), first.Vote.SessionID); err != nil {
		t.Fatal(err)
	}
	relegatedAtOnce(t, a, first, began, leadership.ErrKeyLost, leadership.ErrSessionLost)
	next := a.await(t, leadership.StatusElectedFirst)
	t.Logf("elected again after %v", next.At.Sub(began))
	if next.Term <= first.Term || next.Vote.SessionID == first.Vote.SessionID {
		t.Errorf("term %d of session %s, then %d of %s", first.Term, first.Vote.SessionID, next.Term, next.Vote.SessionID)
	}
}

func waiterSessionEnded(t *testing.T, s stores.Store) {
	cfg := newElection(calmTTL)
	cfg.Session.Refresh = time.Second
	a := enter(t, s.Factory(), cfg, "a")
	a.await(t, leadership.StatusElectedFirst)
	b := enterRecorded(t, s, cfg, "b")
	b.await(t, leadership.StatusNotElected)
	old := b.session(t)
	if err := s.EndSession(soon(t), old); err != nil {
		t.Fatal(err)
	}
	b.awaitError(t, leadership.ErrSessionLost)
	eventually(t, func(ctx context.Context) error {
		live, err := s.Sessions(ctx)
		if err == nil && (b.session(t) == old || !slices.Contains(live, b.session(t))) {
			err = errors.New("the waiter has no new session")
		}
		return err
	})
	b.await(t, leadership.StatusNotElected)
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if next := b.await(t, leadership.StatusElectedFirst); next.Vote.SessionID == old {
		t.Errorf("b leads with its dead session %s", old)
	}
}

func valueOverwritten(t *testing.T, s stores.Store) {
	cfg := newElection(calmTTL)
	cfg.Session.Refresh = time.Second
	a := enterRecorded(t, s, cfg, "a")
	first := a.await(t, leadership.StatusElectedFirst)
	began := time.Now()
	name := must(s.Overwrite(soon(t), cfg.Key(), []byte("operator")))(t)
	if s.Name() == "consul" { // the key is still held
		a.awaitError(t, leadership.ErrMalformedVote)
		a.awaitRenewal(t, first)
		a.stillLeads(t, first)
		if leader, err := a.Leader(soon(t)); leader != nil || !errors.Is(err, leadership.ErrMalformedVote) {
			t.Errorf("who leads: %v, %v", leader, err)
		}
		b := enter(t, s.Factory(), cfg, "b")
		b.awaitError(t, leadership.ErrMalformedVote)
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
		b.await(t, leadership.StatusElectedFirst)
		return
	}
	// etcd: the key hangs on the lease no more.
	relegatedAtOnce(t, a, first, began, leadership.ErrKeyLost)
	next := a.await(t, leadership.StatusElectedFirst)
	if next.Term <= first.Term {
		t.Errorf("token %d after %d", next.Term, first.Term)
	}
	if keys := must(s.Keys(soon(t), cfg.Key()))(t); slices.Contains(keys, name) || len(keys) != 1 {
		t.Errorf("the key %s that was overwritten is left: %q", name, keys)
	}
}

func keyOfCutOffDeleted(t *testing.T, s stores.Store) {
	cfg := newElection(shortTTL)
	a, b, first := cutOffPair(t, s, cfg, fault.Both)
	if err := s.DeleteKey(soon(t), cfg.Key()); err != nil {
		t.Fatal(err)
	}
	notBoth(t, a, b, first)
}

// P1: nobody has ever seen the leader whose key is deleted. Its trace tells of it.
func keyOfCutOffDeletedUnseen(t *testing.T, s stores.Store) {
	cfg := newElection(shortTTL)
	link := newLink(t, s)
	a := enterRecorded(t, s, cfg, "a", link.Addr())
	t.Cleanup(link.Close) // before a is closed, so that its farewell fails at once
	first := a.await(t, leadership.StatusElectedFirst)
	a.awaitProof(t)
	if err := link.Cut(fault.Both); err != nil {
		t.Fatal(err)
	}
	if err := s.DeleteKey(soon(t), cfg.Key()); err != nil {
		t.Fatal(err)
	}
	notBoth(t, a, enterRecorded(t, s, cfg, "b"), first)
}

func sessionOfCutOffEnded(t *testing.T, s stores.Store) {
	cfg := newElection(shortTTL)
	cfg.Election.TakeoverDelay = shortTTL
	a, b, first := cutOffPair(t, s, cfg, fault.Both)
	if err := s.EndSession(soon(t), first.Vote.SessionID); err != nil {
		t.Fatal(err)
	}
	notBoth(t, a, b, first)
}
