package drill

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// governed is a history with nothing wrong in which c, and before it a, is told things: a resigned its first term, transferred its second one to c,
// and was sick and stood down afterwards.
func governed() History {
	a := lived("a", term(10, 100, 10_000), term(30, 22_000, 40_000))
	a.Orders = []Order{
		{Command{Verb: Resign}, -1, 9_950 * ms, 10_020 * ms, Done},
		{Command{Verb: Transfer, To: "c"}, 2, 39_950 * ms, 40_020 * ms, Done},
		{Command{Verb: Sicken}, -1, 45_000 * ms, 45_000*ms + 1, Done},
		{Command{Verb: Recover}, -1, 47_000 * ms, 47_000*ms + 1, Done},
		{Command{Verb: StandDown, For: 2 * time.Second}, -1, 50_000 * ms, 50_001 * ms, Done},
	}
	c := lived("c", term(40, 40_100, 59_990))
	c.Orders = []Order{
		{Command{Verb: Resign}, -1, 30_000 * ms, 30_001 * ms, Done}, // it does not lead
		{Command{Verb: Transfer, To: "a"}, 0, 41_000 * ms, 41_100 * ms, Refused},
	}
	return History{
		Began: 0, Ended: testEnd,
		Lives: []Life{a, lived("b", term(20, 10_100, 21_900)), c},
		Faults: []Fault{
			{Kind: ToldResign, Life: 0, At: 9_940 * ms, Healed: 10_030 * ms},
			{Kind: ToldResign, Life: 2, At: 29_990 * ms, Healed: 30_010 * ms},
			{Kind: ToldTransfer, Life: 0, At: 39_940 * ms, Healed: 40_030 * ms},
			{Kind: ToldTransfer, Life: 2, At: 40_990 * ms, Healed: 41_200 * ms},
			{Kind: FallsSick, Life: 0, At: 44_990 * ms, Healed: 47_100 * ms},
			{Kind: ToldStandDown, Life: 0, At: 49_990 * ms, Healed: 52_100 * ms},
		},
	}
}

func TestCheckOrders(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(*History)
		want  string // in the only problem; "" for none
	}{
		{"all obey", func(*History) {}, ""},
		{
			"one believes for a millisecond after its resignation has returned",
			func(h *History) { h.Lives[0].Orders[0].Returned = 9_999 * ms },
			"when it had answered",
		},
		{
			"the question that was under way when a resignation returned says yes",
			func(h *History) { h.Lives[0].Orders[0].Returned = 10_000*ms - Instant(tooLong) },
			"",
		},
		{
			"one believes after its transfer has returned",
			func(h *History) { h.Lives[0].Orders[1].Returned = 39_990 * ms },
			"when it had answered",
		},
		{
			"one leads on after a transfer that was refused",
			func(h *History) { h.Lives[0].Orders[1].Answer, h.Lives[0].Orders[1].Returned = Refused, 39_970*ms },
			"",
		},
		{
			"another one than the heir leads next",
			func(h *History) { h.Lives[0].Orders[1].Heir = 1 },
			"c led next",
		},
		{
			"another one than an heir that is stopped leads next",
			func(h *History) { h.Lives[0].Orders[1].Heir = -1 },
			"",
		},
		{
			"work is waited for within the drain time, and the store does not answer",
			func(h *History) {
				h.Lives[0].Orders[0] = Order{Command{Verb: Resign}, -1, 9_100 * ms, 13_000 * ms, Failed}
				h.Faults[0] = Fault{Kind: CutThenResign, Life: 0, At: 9_000 * ms, Healed: 14_000 * ms}
			},
			"",
		},
		{
			"one that is cut off believes for longer than the drain time after it was told to resign",
			func(h *History) {
				h.Lives[0].Orders[0] = Order{Command{Verb: Resign}, -1, 9_000 * ms, 13_000 * ms, Failed}
				h.Faults[0] = Fault{Kind: CutThenResign, Life: 0, At: 8_900 * ms, Healed: 14_000 * ms}
			},
			"it believed for 1s more",
		},
		{
			"it was stopped for as long",
			func(h *History) {
				h.Lives[0].Orders[0] = Order{Command{Verb: Resign}, -1, 9_000 * ms, 13_000 * ms, Failed}
				h.Lives[0].Wakes = []Wake{{Slept: 9_010 * ms, Woke: 9_900 * ms, Led: true}}
				h.Faults[0] = Fault{Kind: CutThenResign, Life: 0, At: 8_900 * ms, Healed: 14_000 * ms}
			},
			"",
		},
		{
			"who resigned leads again before a vote period is over",
			func(h *History) {
				h.Lives[1] = lived("b", term(15, 10_100, 10_500), term(20, 12_000, 21_900))
				h.Lives[0].Terms = append([]Term{h.Lives[0].Terms[0], term(17, 11_900, 11_950)}, h.Lives[0].Terms[1:]...)
				h.Lives[0].Edges = lived("a", h.Lives[0].Terms...).Edges
			},
			"was to wait for a vote period",
		},
		{
			"who stood down leads before the time is over",
			func(h *History) {
				h.Lives[2].Terms[0] = term(40, 40_100, 51_800)
				h.Lives[2].Edges = lived("c", h.Lives[2].Terms...).Edges
				h.Lives[0].Terms = append(h.Lives[0].Terms, term(50, 51_990, 59_990))
				h.Lives[0].Edges = lived("a", h.Lives[0].Terms...).Edges
			},
			"it began to lead with token 50",
		},
		{
			"who stood down leads when the time is over",
			func(h *History) {
				h.Lives[2].Terms[0] = term(40, 40_100, 51_800)
				h.Lives[2].Edges = lived("c", h.Lives[2].Terms...).Edges
				h.Lives[0].Terms = append(h.Lives[0].Terms, term(50, 52_000, 59_990))
				h.Lives[0].Edges = lived("a", h.Lives[0].Terms...).Edges
			},
			"",
		},
		{
			"a second command to stand down takes the place of the first",
			func(h *History) {
				h.Lives[0].Orders = append(h.Lives[0].Orders, Order{Command{Verb: StandDown, For: time.Millisecond}, -1, 51_000 * ms, 51_001 * ms, Done})
				h.Lives[2].Terms[0] = term(40, 40_100, 51_800)
				h.Lives[2].Edges = lived("c", h.Lives[2].Terms...).Edges
				h.Lives[0].Terms = append(h.Lives[0].Terms, term(50, 51_900, 59_990))
				h.Lives[0].Edges = lived("a", h.Lives[0].Terms...).Edges
			},
			"",
		},
		{
			"who leads believes for long although it is sick",
			func(h *History) {
				h.Lives[2].Orders = append(h.Lives[2].Orders, Order{Command{Verb: Sicken}, -1, 58_000 * ms, 58_001 * ms, Done})
			},
			"it believed for 1.99s more",
		},
		{
			"who is sick leads until it is known, and work has returned",
			func(h *History) {
				h.Lives[2].Orders = append(h.Lives[2].Orders, Order{Command{Verb: Sicken}, -1, 58_900 * ms, 58_901 * ms, Done})
			},
			"",
		},
		{
			"who is sick comes to lead",
			func(h *History) {
				h.Lives[2].Orders = append(h.Lives[2].Orders, Order{Command{Verb: Sicken}, -1, 38_000 * ms, 38_001 * ms, Done})
			},
			"it began to lead with token 40 after 2.1s",
		},
		{
			"who was sick comes to lead when it is well",
			func(h *History) {
				h.Lives[2].Orders = append(h.Lives[2].Orders,
					Order{Command{Verb: Sicken}, -1, 38_000 * ms, 38_001 * ms, Done}, Order{Command{Verb: Recover}, -1, 40_000 * ms, 40_001 * ms, Done})
			},
			"",
		},
		{
			"one has not answered",
			func(h *History) {
				h.Lives[0].Orders = append(h.Lives[0].Orders, Order{Command: Command{Verb: Resign}, Heir: -1})
			},
			"it has not answered",
		},
		{
			"one that was killed has not answered",
			func(h *History) {
				h.Lives[0].Killed = 59_000 * ms
				h.Lives[0].Orders = append(h.Lives[0].Orders, Order{Command: Command{Verb: Resign}, Heir: -1, Began: 58_990 * ms})
			},
			"",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := governed()
			c.spoil(&h)
			f := h.Check(Rules{TTL: testTTL, Leaderless: testIdle, Drain: testTTL / 3, ProbeEvery: testTTL / 10})
			switch {
			case c.want == "" && len(f.Problems)+f.Disobeyed > 0:
				t.Errorf("%d disobeyed: %q", f.Disobeyed, f.Problems)
			case c.want != "" && (len(f.Problems) != 1 || f.Disobeyed != 1 || !strings.Contains(f.Problems[0], c.want)):
				t.Errorf("want one problem with %q: %d disobeyed, %q", c.want, f.Disobeyed, f.Problems)
			}
		})
	}
	f := governed().Check(Rules{TTL: testTTL, Leaderless: testIdle, Drain: testTTL / 3, ProbeEvery: testTTL / 10})
	if f.Orders != 7 || f.Done != 6 || f.Refused != 1 || f.Failed != 0 {
		t.Errorf("%d orders, %d done, %d refused, %d failed", f.Orders, f.Done, f.Refused, f.Failed)
	}
}

func TestCheckTellsWhatTheStoreDidNotConfirm(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(*History)
		want  []string
	}{
		{"nothing is broken", func(*History) {}, []string{"a: resign: the store says no; nor now"}},
		{
			"a server was hung shortly before",
			func(h *History) {
				h.Faults = append([]Fault{{Kind: NodePause, Life: -1, At: 4_000 * ms, Healed: 6_000 * ms}}, h.Faults...)
			},
			nil,
		},
		{
			"a server was hung long before",
			func(h *History) {
				h.Faults = append([]Fault{{Kind: NodePause, Life: -1, At: -9_000 * ms, Healed: -8_000 * ms}}, h.Faults...)
			},
			[]string{"a: resign: the store says no; nor now"},
		},
		{"the links are cut", func(h *History) { h.Faults[0].Kind = CutThenResign }, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := governed()
			h.Lives[0].Orders[0].Answer = Failed
			h.Lives[0].Said = "transfer b: no\nresign: the store says no\nresign: nor now\n"
			c.spoil(&h)
			f := h.Check(Rules{TTL: testTTL, Leaderless: 2 * testIdle, Drain: testTTL / 3, ProbeEvery: testTTL / 10})
			if !slices.Equal(f.Unsure, c.want) || f.Failed != 1 || len(f.Problems) > 0 {
				t.Errorf("%q, %d failed, %q; want %q", f.Unsure, f.Failed, f.Problems, c.want)
			}
		})
	}
}
