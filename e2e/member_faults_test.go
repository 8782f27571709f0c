package e2e_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/e2e/internal/fault"
	"github.com/leadership-go/leadership/e2e/internal/probe"
	"github.com/leadership-go/leadership/e2e/internal/stores"
)

// TestMemberHalfOpen is what members do when the network loses what they send or get, and no connection breaks.
func TestMemberHalfOpen(t *testing.T) {
	t.Parallel()
	onEachStore(t, stores.Options{}, true, []memberCase{
		{"failure 1: a leader whose packets vanish is relegated in time, and then succeeded", func(t *testing.T, s stores.Store) { halfOpen(t, s, fault.Upstream) }},
		{"failure 1: a leader that hears nothing is relegated in time, and then succeeded", func(t *testing.T, s stores.Store) { halfOpen(t, s, fault.Downstream) }},
		{"failure 1: a leader that nobody asks is relegated in time", unaskedLeaderIsRelegated},
		{"failure 1: a leader on a slow link counts its lease from the sending of a renewal", slowLinkCounts},
		{"failure 3: a leader rides out a hole in the network that is shorter than its lease", shortHoleIsRiddenOut},
	})
}

// halfOpen samples the belief of both.
func halfOpen(t *testing.T, s stores.Store, d fault.Direction) {
	a, b, first := cutOffPair(t, s, newElection(shortTTL), d)
	sampling := probe.Sample()
	defer sampling.Stop()
	old, successor := sampling.Of(a.Member), sampling.Of(b.Member)
	ended, next := notBoth(t, a, b, first)
	before := must(old.AwaitSpan(soon(t), first.Term, true))(t)
	after := must(successor.AwaitSpan(soon(t), next.Term, false))(t)
	sent := a.recorder.Renewed(first.Vote.SessionID)
	t.Logf("IsLeader is false after %v, the message after %v", before.Over.Sub(sent), ended.At.Sub(sent))
	if believed := before.Over.Sub(sent); believed >= shortTTL {
		t.Errorf("IsLeader was true until %v after the last renewal was sent; TTL %v", believed, shortTTL)
	}
	if !before.Last.Before(after.First) {
		t.Errorf("both believed for %v", before.Last.Sub(after.First))
	}
}

// unaskedLeaderIsRelegated has nobody but the member's own timer look at the clock.
func unaskedLeaderIsRelegated(t *testing.T, s stores.Store) {
	a, b, first := cutOffPair(t, s, newElection(shortTTL), fault.Both)
	term := a.Term()
	over := make(chan time.Time, 1)
	context.AfterFunc(term.Context(), func() { over <- time.Now() })
	notBoth(t, a, b, first)
	if believed := (<-over).Sub(a.recorder.Renewed(first.Vote.SessionID)); believed >= shortTTL {
		t.Errorf("the term's context lived for %v after the last renewal was sent; TTL %v", believed, shortTTL)
	}
	if cause := context.Cause(term.Context()); !errors.Is(cause, leadership.ErrLeaseExpired) {
		t.Errorf("the term's context ended because of %v", cause)
	}
}

// slowLinkCounts has answers come later than the clock drift that is allowed for.
func slowLinkCounts(t *testing.T, s stores.Store) {
	link := newLink(t, s)
	if err := link.Delay(shortTTL / 8); err != nil {
		t.Fatal(err)
	}
	a, b, first := cutOff(t, s, link, newElection(shortTTL), fault.Upstream)
	notBoth(t, a, b, first)
}

// shortHoleIsRiddenOut loses the first renewal attempt with the hole: the second one has to come in time.
func shortHoleIsRiddenOut(t *testing.T, s stores.Store) {
	link := newLink(t, s)
	cfg := newElection(2 * shortTTL)
	cfg.Session.Refresh = time.Second
	a := enterRecorded(t, s, cfg, "a", link.Addr())
	first := a.await(t, leadership.StatusElectedFirst)
	a.awaitRenewal(t, first)
	if err := link.Cut(fault.Upstream); err != nil {
		t.Fatal(err)
	}
	a.await(t, leadership.StatusError)
	link.Heal(soon(t))
	a.awaitRenewal(t, first)
	a.stillLeads(t, first)
}

// cutOffPair is a leader at a link that is cut, and a waiter with a direct one.
func cutOffPair(t *testing.T, s stores.Store, cfg leadership.Config, d fault.Direction) (a, b *candidate, first probe.Message) {
	t.Helper()
	return cutOff(t, s, newLink(t, s), cfg, d)
}

func cutOff(t *testing.T, s stores.Store, link *fault.Link, cfg leadership.Config, d fault.Direction) (a, b *candidate, first probe.Message) {
	t.Helper()
	a = enterRecorded(t, s, cfg, "a", link.Addr())
	t.Cleanup(link.Close) // before a is closed, so that its farewell fails at once
	first = a.await(t, leadership.StatusElectedFirst)
	b = enterRecorded(t, s, cfg, "b")
	b.await(t, leadership.StatusNotElected)
	a.awaitProof(t)
	if err := link.Cut(d); err != nil {
		t.Fatal(err)
	}
	return a, b, first
}

// notBoth checks that a's term was over by its own deadline and before that of b began.
func notBoth(t *testing.T, a, b *candidate, first probe.Message) (ended, next probe.Message) {
	t.Helper()
	ended = a.await(t, leadership.StatusRelegation)
	sent := a.recorder.Renewed(first.Vote.SessionID)
	next = b.await(t, leadership.StatusElectedFirst)
	t.Logf("relegation %v after the last renewal was sent, succeeded %v later", ended.At.Sub(sent), next.At.Sub(ended.At))
	if believed := ended.At.Sub(sent); believed >= shortTTL {
		t.Errorf("the leader was relegated %v after its last renewal was sent; TTL %v", believed, shortTTL)
	}
	if !errors.Is(ended.Err, leadership.ErrLeaseExpired) {
		t.Errorf("relegated because of %v", ended.Err)
	}
	if !ended.At.Before(next.At) {
		t.Errorf("the successor was elected %v before the relegation", ended.At.Sub(next.At))
	}
	if next.Term <= first.Term {
		t.Errorf("token %d after %d", next.Term, first.Term)
	}
	return ended, next
}
