package e2e_test

import (
	"errors"
	"testing"
	"time"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/e2e/internal/stores"
)

// TestMemberOutage is what members do when their store's only server is away. The cases take turns on one server.
func TestMemberOutage(t *testing.T) {
	t.Parallel()
	onEachStore(t, stores.Options{Persist: true}, false, []memberCase{
		{"failure 2: a leader whose server hangs with its connections open is relegated in time, and recovers", serverHangs},
		{"failure 7: a leader rides out a restart of the store that is shorter than its lease", restartWithinLease},
		{"failure 24: a leader that a restart of the store outlasts is relegated, and recovers by itself", restartBeyondLease},
		{"failure 24: a member whose store is down at the start is elected once it is up", downAtStart},
	})
}

func serverHangs(t *testing.T, s stores.Store) {
	a := enterRecorded(t, s, newElection(shortTTL), "a")
	first := a.await(t, leadership.StatusElectedFirst)
	a.awaitRenewal(t, first)
	if err := s.Pause(0); err != nil {
		t.Fatal(err)
	}
	resumed := false
	defer func() {
		if !resumed {
			_ = s.Resume(0)
		}
	}()
	ended := a.await(t, leadership.StatusRelegation)
	if believed := ended.At.Sub(a.recorder.Renewed(first.Vote.SessionID)); believed >= shortTTL {
		t.Errorf("relegated %v after the last renewal was sent; TTL %v", believed, shortTTL)
	}
	if a.IsLeader() || !errors.Is(ended.Err, leadership.ErrLeaseExpired) {
		t.Errorf("IsLeader %v, relegated because of %v", a.IsLeader(), ended.Err)
	}
	if err := s.Resume(0); err != nil {
		t.Fatal(err)
	}
	resumed = true
	again := time.Now()
	next := a.await(t, leadership.StatusElectedFirst)
	t.Logf("elected again %v after the server went on", next.At.Sub(again))
	if next.Term <= first.Term {
		t.Errorf("token %d after %d", next.Term, first.Term)
	}
}

func restartWithinLease(t *testing.T, s stores.Store) {
	cfg := newElection(2 * calmTTL)
	cfg.Session.Refresh = time.Second
	a := enterRecorded(t, s, cfg, "a")
	first := a.await(t, leadership.StatusElectedFirst)
	b := enter(t, s.Factory(), cfg, "b")
	b.await(t, leadership.StatusNotElected)
	if err := s.Kill(0); err != nil {
		t.Fatal(err)
	}
	a.awaitAttempt(t, first)
	if err := s.Restart(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	a.awaitRenewal(t, first)
	a.stillLeads(t, first)
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if next := b.await(t, leadership.StatusElectedFirst); next.Term <= first.Term {
		t.Errorf("token %d after %d", next.Term, first.Term)
	}
}

func restartBeyondLease(t *testing.T, s stores.Store) {
	a := enterRecorded(t, s, newElection(shortTTL), "a")
	first := a.await(t, leadership.StatusElectedFirst)
	if err := s.Kill(0); err != nil {
		t.Fatal(err)
	}
	a.await(t, leadership.StatusError)
	ended := a.await(t, leadership.StatusRelegation)
	if believed := ended.At.Sub(a.recorder.Renewed(first.Vote.SessionID)); believed >= shortTTL {
		t.Errorf("relegated %v after the last renewal was sent; TTL %v", believed, shortTTL)
	}
	up := time.Now()
	if err := s.Restart(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	next := a.await(t, leadership.StatusElectedFirst)
	t.Logf("elected again %v after the server was started", next.At.Sub(up))
	if next.Term <= first.Term || next.Vote.SessionID == first.Vote.SessionID {
		t.Errorf("term %d of session %s, then %d of %s", first.Term, first.Vote.SessionID, next.Term, next.Vote.SessionID)
	}
}

func downAtStart(t *testing.T, s stores.Store) {
	if err := s.Kill(0); err != nil {
		t.Fatal(err)
	}
	a := enter(t, s.Factory(), newElection(shortTTL), "a")
	failed := a.await(t, leadership.StatusError)
	t.Logf("told %v", failed.Err)
	if a.IsLeader() {
		t.Error("it leads without a store")
	}
	up := time.Now()
	if err := s.Restart(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	first := a.await(t, leadership.StatusElectedFirst)
	t.Logf("elected %v after the server was started", first.At.Sub(up))
}

// TestMemberFailover is what members do when their store elects another leader of its own.
func TestMemberFailover(t *testing.T) {
	t.Parallel()
	onEachStore(t, stores.Options{Servers: 3}, false, []memberCase{
		{"failure 4: a leader rides out the death of the store's leader: error messages at most", storeLeaderDies},
	})
}

func storeLeaderDies(t *testing.T, s stores.Store) {
	leader, addrs, err := s.AwayFromLeader(soon(t))
	if err != nil {
		t.Fatal(err)
	}
	cfg := newElection(calmTTL)
	cfg.Session.Refresh = time.Second
	a := enterRecorded(t, s, cfg, "a", addrs...)
	first := a.await(t, leadership.StatusElectedFirst)
	b := enter(t, s.Factory(addrs...), cfg, "b")
	b.await(t, leadership.StatusNotElected)
	if err := s.Kill(leader); err != nil {
		t.Fatal(err)
	}
	died := time.Now()
	a.awaitRenewal(t, first)
	t.Logf("renewed again %v after the store's leader died", time.Since(died))
	a.stillLeads(t, first)
	if err := s.Restart(t.Context(), leader); err != nil {
		t.Fatal(err)
	}
	a.awaitRenewal(t, first)
	a.stillLeads(t, first)
	if n := b.says.Count(leadership.StatusElected); n > 0 {
		t.Errorf("the waiter was elected meanwhile:\n%v", b.says)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if next := b.await(t, leadership.StatusElectedFirst); next.Term <= first.Term {
		t.Errorf("token %d after %d", next.Term, first.Term)
	}
}
