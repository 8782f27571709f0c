package drill

import (
	"testing"
	"time"
)

func TestOutcomes(t *testing.T) {
	const d = time.Millisecond
	h := good()
	h.Faults = append(h.Faults, Fault{Kind: Latency, Life: 2, At: 45_000 * ms, Healed: 46_000 * ms})
	want := []Outcome{
		{Held: true, Noticed: true, Notice: 1501 * d, Succeeded: true, Successor: 1600 * d},
		{Held: true, Succeeded: true, Successor: 2000 * d},                                  // the killed one notices nothing
		{Held: true, Noticed: true, Notice: 1001 * d, Succeeded: true, Successor: 2000 * d}, // the leader again
		{Held: true, Noticed: true, Notice: 14_991 * d},                                     // it closed
	}
	for i, o := range h.Outcomes() {
		want[i].Fault = h.Faults[i]
		if o != want[i] {
			t.Errorf("fault %d:\ngot  %+v\nwant %+v", i, o, want[i])
		}
	}
	t.Run("of a leader that never notices", func(t *testing.T) {
		h := good()
		h.Lives[0].Terms[0].Last, h.Lives[0].Terms[0].Over = 30_000*ms, 30_001*ms
		h.Lives[0].Terms = h.Lives[0].Terms[:1]
		o := h.Outcomes()[0]
		if o.Noticed || !o.Succeeded || !o.Both || o.Overlap != 9900*d {
			t.Errorf("%+v", o)
		}
	})
	t.Run("up to the next fault", func(t *testing.T) {
		h := good()
		h.Faults = append([]Fault{{Kind: Latency, Life: 0, At: 8_000 * ms, Healed: 8_100 * ms}}, h.Faults...)
		if o := h.Outcomes()[0]; !o.Held || o.Noticed || o.Succeeded {
			t.Errorf("%+v", o)
		}
	})
	t.Run("of a candidate that waits", func(t *testing.T) {
		h := good()
		h.Faults[0].Life = 2
		o := h.Outcomes()[0]
		if o.Held || o.Noticed || o.Succeeded {
			t.Errorf("%+v", o)
		}
	})
	t.Run("of the store, whoever leads", func(t *testing.T) {
		h := good()
		h.Faults[0].Life = -1
		if o := h.Outcomes()[0]; !o.Held || !o.Noticed || o.Successor != 1600*d {
			t.Errorf("%+v", o)
		}
	})
}
