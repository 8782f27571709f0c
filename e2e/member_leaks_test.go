package e2e_test

import (
	"fmt"
	"testing"

	"go.uber.org/goleak"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/e2e/internal/stores"
)

// TestMemberLeavesNothing counts what is left, here and at a server of its own, after many members have come and gone. It runs alone: no
// other test's goroutines come and go meanwhile.
func TestMemberLeavesNothing(t *testing.T) {
	for _, starter := range stores.All() {
		t.Run(starter.Name, func(t *testing.T) {
			s := startStore(t, starter, stores.Options{})
			sessions := must(s.Sessions(soon(t)))(t)
			before := goleak.IgnoreCurrent()
			cfg := newElection(calmTTL)
			t.Run("failures 5 and 26: members that led, waited and never led are gone after Close", func(t *testing.T) { comeAndGo(t, s, cfg) })
			if left := must(s.Sessions(soon(t)))(t); len(left) != len(sessions) {
				t.Errorf("sessions at the store: %q, before: %q", left, sessions)
			}
			if keys := must(s.Left(soon(t), cfg.Key()))(t); len(keys) > 0 {
				t.Errorf("keys at the store: %q", keys)
			}
			goleak.VerifyNone(t, before)
		})
	}
}

// comeAndGo has the leader close, again and again, and leaves the last members to the test's end.
func comeAndGo(t *testing.T, s stores.Store, cfg leadership.Config) {
	members := []*candidate{enter(t, s.Factory(), cfg, "0")}
	for i := range 9 {
		leader := members[i]
		first := leader.await(t, leadership.StatusElectedFirst)
		if i == 4 { // a term that ends in another way
			if err := s.DeleteKey(soon(t), cfg.Key()); err != nil {
				t.Fatal(err)
			}
			leader.await(t, leadership.StatusRelegation)
			first = leader.await(t, leadership.StatusElectedFirst)
		}
		next := enter(t, s.Factory(), cfg, fmt.Sprint(i+1))
		members = append(members, next)
		if heard := next.await(t, leadership.StatusNotElected); heard.Term != first.Term {
			t.Errorf("member %d hears of term %d, not %d", i+1, heard.Term, first.Term)
		}
		if err := leader.Close(); err != nil {
			t.Errorf("member %d: %v", i, err)
		}
	}
	members[9].await(t, leadership.StatusElectedFirst)
	enter(t, s.Factory(), cfg, "waits").await(t, leadership.StatusNotElected)
	enter(t, s.Factory(), cfg, "comes too late") // it is closed while it opens its session
}
