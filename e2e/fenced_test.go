package e2e_test

import (
	"testing"
	"time"

	"github.com/leadership-go/leadership/e2e/internal/contender"
	"github.com/leadership-go/leadership/e2e/internal/fenced"
	"github.com/leadership-go/leadership/e2e/internal/stores"
)

// The writer is what a drill has its candidates write with.
var _ contender.FencedWriter = (*fenced.Writer)(nil)

// TestFencedWrites has leaders deposed in every way while all that have led go on writing, and checks what came of each write.
func TestFencedWrites(t *testing.T) {
	t.Parallel()
	for _, starter := range stores.All() {
		t.Run(starter.Name, func(t *testing.T) {
			t.Parallel()
			s := startStore(t, starter, stores.Options{})
			t.Run("not one late write is accepted, and the history is linearizable", func(t *testing.T) {
				m := measureFenced(t, s, fenced.Scenario{Guard: fenced.Fence, For: 20 * time.Second, Every: true})
				if err := m.Err(); err != nil {
					t.Error(err)
				}
				if !m.Linearizable || m.LateAccepted > 0 || m.Trails != m.Registers {
					t.Errorf("linearizable: %v, late writes accepted: %d, all writes known of %d elections", m.Linearizable, m.LateAccepted, m.Trails)
				}
				if m.Accepted == 0 || m.Reads == 0 || m.Unknown == 0 || m.LateRefused == 0 || m.Held == 0 {
					t.Errorf("not all that could happen did: %+v", m.Report)
				}
				for _, way := range fenced.Ways() {
					if m.Deposed[way] == 0 {
						t.Errorf("no leader was deposed this way: %s", way)
					}
				}
			})
			t.Run("without a fence late writes are accepted, and the check finds them", func(t *testing.T) {
				m := measureFenced(t, s, fenced.Scenario{Guard: fenced.Open, For: 4 * time.Second, Elections: 1})
				if m.LateAccepted == 0 || m.Held == 0 || m.Linearizable || m.Err() == nil {
					t.Errorf("late writes accepted: %d, of %d held back; linearizable behind a fence: %v; faults: %v",
						m.LateAccepted, m.Held, m.Linearizable, m.Err())
				}
				if !m.LinearizableUnfenced {
					t.Error("the store itself is not linearizable")
				}
			})
		})
	}
}

func measureFenced(t *testing.T, s stores.Store, scenario fenced.Scenario) fenced.Measured {
	t.Helper()
	m, err := scenario.Measure(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d elections' leaders deposed %d times: %v", m.Registers, m.Deposed.Total(), m.Deposed)
	t.Logf("%d writes: %d accepted, %d refused, %d unknown (%d of them took effect); %d reads", m.Writes, m.Accepted, m.Refused, m.Unknown, m.Seen, m.Reads)
	t.Logf("%d late writes, %d of them held back: %d accepted, %d refused, %d without an answer", m.Late, m.Held, m.LateAccepted, m.LateRefused, m.LateUnknown)
	t.Logf("linearizable behind a fence: %v, at all: %v; decided with %d operations", m.Linearizable, m.LinearizableUnfenced, m.Checked)
	return m
}
