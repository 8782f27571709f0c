package e2e_test

import (
	"testing"
	"time"

	"github.com/leadership-go/leadership/e2e/internal/crowd"
	"github.com/leadership-go/leadership/e2e/internal/stores"
)

// TestCrowd is a small form of what figures-safety measures with a thousand members.
func TestCrowd(t *testing.T) {
	for _, starter := range stores.All() {
		t.Run(starter.Name, func(t *testing.T) {
			t.Parallel()
			s := startStore(t, starter, stores.Options{})
			t.Run("a hundred members for one key have one leader at a time, and hand it over, cut off or not", func(t *testing.T) {
				r, err := crowd.Run(soon(t), s, crowd.Options{Members: 100, Chain: 10, TTL: 5 * time.Second, Idle: 3 * time.Second, Rest: 100 * time.Millisecond})
				if err != nil {
					t.Fatal(err)
				}
				t.Logf("closes %v, resigns %v, %.1f requests for a handover, seen %+v", r.Closes, r.Resigns, r.PerHandover(), r.Seen)
				if len(r.Closes) != 5 || len(r.Resigns) != 5 {
					t.Errorf("%d and %d handovers, want 5 and 5", len(r.Closes), len(r.Resigns))
				}
				if r.Relegation <= 0 || r.Relegation > r.TTL || r.Recovery <= r.Relegation {
					t.Errorf("cut off, the leader believed for %v and was succeeded after %v, TTL %v", r.Relegation, r.Recovery, r.TTL)
				}
				if r.Seen.Terms < 12 || r.Seen.Led == 0 {
					t.Errorf("the witness has seen %+v of 12 terms", r.Seen)
				}
				if starter.Name == "etcd" && r.Spontaneous == 0 && r.InLine != r.Chain {
					t.Errorf("%d of %d successors were next in line", r.InLine, r.Chain)
				}
				if r.Idle.Total() == 0 || r.Asked.Total() == 0 {
					t.Errorf("no requests were counted: %v, %v", r.Idle, r.Asked)
				}
			})
			t.Run("none starves", func(t *testing.T) {
				f, err := crowd.TakeTurns(soon(t), s, crowd.Options{Turns: 20, Lottery: 4})
				if err != nil {
					t.Fatal(err)
				}
				t.Logf("%+v", f)
				if f.Once != f.Turns {
					t.Errorf("%d of %d led once, in a crowd in which each leader closes", f.Once, f.Turns)
				}
				if f.Least == 0 {
					t.Errorf("after %d handovers one of %d members has never led", f.Handovers, f.Lottery)
				}
			})
		})
	}
}
