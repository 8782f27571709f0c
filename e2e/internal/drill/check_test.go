package drill

import (
	"slices"
	"testing"
	"time"
)

// In these tests an instant is a number of milliseconds.
const (
	ms       = Instant(time.Millisecond)
	testTTL  = 2 * time.Second
	testEnd  = 60_000 * ms
	testIdle = 5 * time.Second // Rules.Leaderless
)

func term(token uint64, first, last Instant) Term {
	return Term{Token: token, First: first * ms, Last: last * ms, Over: (last + 1) * ms}
}

// lived is a life whose edges are told right, a little after the terms' ends.
func lived(name string, terms ...Term) Life {
	l := Life{Candidate: name, Terms: terms, Told: true, Samples: 1}
	for _, t := range terms {
		l.Edges = append(l.Edges, Edge{true, t.Token, t.First + 1}, Edge{false, t.Token, t.Over + 1})
	}
	return l
}

// good is a history with nothing wrong: a, b, a, c lead in turn, and b is killed while it leads.
func good() History {
	b := lived("b", term(20, 10_100, 20_000))
	b.Killed = 20_000*ms + 1
	b.Terms[0].Over = 0
	b.Edges = b.Edges[:1]
	return History{
		Began: 0, Ended: testEnd,
		Lives: []Life{
			lived("a", term(10, 100, 10_000), term(30, 22_000, 40_000)),
			b,
			lived("c", term(40, 41_000, 59_990)),
		},
		Faults: []Fault{
			{Kind: HalfOpenUp, Life: 0, At: 8_500 * ms, Healed: 12_000 * ms},
			{Kind: Kill, Life: 1, At: 20_000 * ms, Healed: 21_000 * ms},
			{Kind: EndSession, Life: 0, At: 39_000 * ms, Healed: 39_001 * ms},
		},
	}
}

func TestCheck(t *testing.T) {
	rules := Rules{TTL: testTTL, Leaderless: testIdle, Outage: 4 * time.Second}
	for _, c := range []struct {
		name  string
		spoil func(*History, *Rules)
		want  Findings // of the numbers below
	}{
		{"nothing is wrong", func(*History, *Rules) {}, Findings{}},
		{
			"two believe for 300 ms",
			func(h *History, _ *Rules) {
				h.Lives[0].Terms[0] = term(10, 100, 10_400)
				h.Lives[1].Edges[0].At = 10_500 * ms
			},
			Findings{Overlaps: 1, Worst: 300 * time.Millisecond},
		},
		{
			"the old leader's last yes is in the instant of the new one's first",
			func(h *History, _ *Rules) {
				h.Lives[0].Terms[0] = term(10, 100, 10_100)
				h.Lives[1].Edges[0].At = 10_500 * ms
			},
			Findings{Overlaps: 1},
		},
		{
			"one believes all through the short term of another",
			func(h *History, _ *Rules) {
				h.Lives[2] = lived("c", term(40, 30_000, 30_500), term(50, 41_000, 59_990))
			},
			Findings{Overlaps: 1, Worst: 500 * time.Millisecond, Regressions: 0, ToldEarly: 1},
		},
		{
			"three believe at once: two of them began while another did",
			func(h *History, _ *Rules) {
				h.Lives[0].Terms[0] = term(10, 100, 22_500)
				h.Lives[0].Terms[1] = term(30, 23_000, 40_000)
				h.Lives[1].Terms[0].First = 10_000 * ms
				h.Lives[2] = lived("c", term(25, 19_000, 19_500), term(40, 41_000, 59_990))
				h.Lives = append(h.Lives, lived("d"))
			},
			Findings{Overlaps: 2, Worst: 10_000 * time.Millisecond, ToldEarly: 3},
		},
		{
			"an operator ended the leader's session, and no takeover delay is set",
			func(h *History, r *Rules) {
				r.HandsOver = true
				h.Lives[0].Terms[1] = term(30, 22_000, 41_050)
				h.Lives[0].Edges[3].At = 41_060 * ms
			},
			Findings{Windows: []Window{{EndSession, 50 * time.Millisecond}}},
		},
		{
			"two believe long after an operator ended the session of a third, and it has nothing to do with that",
			func(h *History, r *Rules) {
				r.HandsOver = true
				h.Lives[2] = lived("c", term(40, 41_000, 56_500))
				h.Lives = append(h.Lives, lived("d", term(50, 55_000, 59_990)))
			},
			Findings{Overlaps: 1, Worst: 1500 * time.Millisecond, ToldEarly: 1},
		},
		{
			"such a window is as long as a TTL",
			func(h *History, r *Rules) {
				r.HandsOver = true
				h.Lives[0].Terms[1] = term(30, 22_000, 43_000)
			},
			Findings{Overlaps: 1, Worst: 2 * time.Second},
		},
		{
			"an operator ended the leader's session, and a takeover delay is set",
			func(h *History, _ *Rules) {
				h.Lives[0].Terms[1] = term(30, 22_000, 41_050)
				h.Lives[2].Edges[0].At = 41_100 * ms
			},
			Findings{Overlaps: 1, Worst: 50 * time.Millisecond},
		},
		{
			"a token is smaller than the one before",
			func(h *History, _ *Rules) { h.Lives[2] = lived("c", term(25, 41_000, 59_990)) },
			Findings{Regressions: 1},
		},
		{
			"two terms have one token",
			func(h *History, _ *Rules) { h.Lives[2] = lived("c", term(30, 41_000, 59_990)) },
			Findings{Regressions: 1},
		},
		{
			"a term has no token",
			func(h *History, _ *Rules) { h.Lives[2] = lived("c", term(0, 41_000, 59_990)) },
			Findings{Regressions: 1},
		},
		{
			"who slept for longer than the TTL believes at its first check",
			func(h *History, _ *Rules) {
				h.Lives[0].Wakes = []Wake{
					{Slept: 1_000 * ms, Woke: 3_500 * ms, Led: true},
					{Slept: 4_000 * ms, Woke: 5_500 * ms, Led: true}, // less than the TTL
					{Slept: 6_000 * ms, Woke: 9_500 * ms, Led: false},
				}
			},
			Findings{Asleep: 1, Wakes: 3},
		},
		{
			"who slept for longer than the TTL comes to lead before its first check",
			func(h *History, _ *Rules) {
				h.Lives[0].Wakes = []Wake{{Slept: 18_000 * ms, Woke: 22_000 * ms, Led: true}}
			},
			Findings{Wakes: 1},
		},
		{
			"nobody leads for long after a crash that a session check notices",
			func(_ *History, r *Rules) { r.Crash = 1900 * time.Millisecond },
			Findings{TooLong: 1},
		},
		{
			"nobody leads for a while after a crash that a session check notices",
			func(_ *History, r *Rules) { r.Crash = 2100 * time.Millisecond },
			Findings{},
		},
		{
			"nobody leads for longer than after a crash, which was another time",
			func(h *History, r *Rules) {
				r.Crash = 2100 * time.Millisecond
				h.Lives[2] = lived("c", term(40, 43_000, 59_990))
			},
			Findings{},
		},
		{
			"nobody leads for longer than after a crash, and it was none",
			func(h *History, r *Rules) {
				r.Crash = 1900 * time.Millisecond
				h.Lives[1] = lived("b", term(20, 10_100, 20_000))
			},
			Findings{},
		},
		{
			"one that waits is killed right after somebody stopped to lead",
			func(h *History, r *Rules) {
				r.Crash = 1900 * time.Millisecond
				h.Lives[1] = lived("b", term(20, 10_100, 20_000))
				h.Lives = append(h.Lives, Life{Candidate: "d", Killed: 20_001 * ms})
				h.Faults[1].Life = 3
			},
			Findings{},
		},
		{
			"a relegation is not told",
			func(h *History, _ *Rules) { h.Lives[0].Edges = slices.Delete(h.Lives[0].Edges, 1, 2) },
			Findings{Lost: 1},
		},
		{
			"an elected.first is not told",
			func(h *History, _ *Rules) { h.Lives[0].Edges = slices.Delete(h.Lives[0].Edges, 2, 3) },
			Findings{Lost: 1},
		},
		{
			"nothing is told of the last term",
			func(h *History, _ *Rules) { h.Lives[2].Edges = nil },
			Findings{Lost: 2},
		},
		{
			"who was killed was not told of its last term",
			func(h *History, _ *Rules) { h.Lives[1].Edges = nil },
			Findings{},
		},
		{
			"who was killed was told of an end without a beginning",
			func(h *History, _ *Rules) { h.Lives[1].Edges = []Edge{{false, 20, 20_000 * ms}} },
			Findings{Lost: 1},
		},
		{
			"who was killed was not told of a term before its last",
			func(h *History, _ *Rules) {
				h.Lives[0].Killed = 59_000 * ms
				h.Lives[0].Edges = h.Lives[0].Edges[2:]
			},
			Findings{Lost: 2},
		},
		{
			"an edge is told twice",
			func(h *History, _ *Rules) { h.Lives[0].Edges = slices.Insert(h.Lives[0].Edges, 2, h.Lives[0].Edges[1]) },
			Findings{Doubled: 1},
		},
		{
			"a relegation is told before its elected.first",
			func(h *History, _ *Rules) {
				e := h.Lives[2].Edges
				e[0], e[1] = e[1], e[0]
			},
			Findings{Reordered: 1},
		},
		{
			"an elected.first is told before the relegation of the term before",
			func(h *History, _ *Rules) {
				e := h.Lives[0].Edges
				e[1], e[2] = e[2], e[1]
			},
			Findings{Reordered: 2},
		},
		{
			"a later term is told of before an earlier one",
			func(h *History, _ *Rules) {
				e := h.Lives[0].Edges
				h.Lives[0].Edges = []Edge{e[2], e[3], e[0], e[1]}
			},
			Findings{Reordered: 1},
		},
		{
			"the messages break the grammar",
			func(h *History, _ *Rules) { h.Lives[2].Breach = `"relegation" after "elected"` },
			Findings{Problems: []string{"one"}},
		},
		{
			"elected.first is told while another one believes",
			func(h *History, _ *Rules) { h.Lives[2].Edges[0].At = 39_000 * ms },
			Findings{ToldEarly: 1},
		},
		{
			"nobody leads for longer than the bound",
			func(h *History, _ *Rules) { h.Lives[2] = lived("c", term(40, 45_500, 59_990)) },
			Findings{TooLong: 1},
		},
		{
			"nobody leads at the end",
			func(h *History, _ *Rules) { h.Lives[2] = lived("c", term(40, 41_000, 50_000)) },
			Findings{TooLong: 1},
		},
		{
			"nobody ever leads",
			func(h *History, _ *Rules) { h.Lives = []Life{lived("a"), lived("b")} },
			Findings{TooLong: 1},
		},
		{
			"nobody leads for long after a server was killed, within the bound for that",
			func(h *History, _ *Rules) {
				h.Lives[2] = lived("c", term(40, 48_000, 59_990))
				h.Faults[2] = Fault{Kind: StoreLeadKill, Life: -1, At: 39_900 * ms, Healed: 41_000 * ms}
			},
			Findings{},
		},
		{
			"nobody leads for too long after a server was killed",
			func(h *History, _ *Rules) {
				h.Lives[2] = lived("c", term(40, 49_500, 59_990))
				h.Faults[2] = Fault{Kind: StoreLeadKill, Life: -1, At: 39_900 * ms, Healed: 49_000 * ms}
			},
			Findings{TooLong: 1},
		},
		{
			"nobody leads without a quorum, and soon after its return somebody does",
			func(h *History, _ *Rules) {
				h.Lives[2] = lived("c", term(40, 57_000, 59_990))
				h.Faults[2] = Fault{Kind: Quorum, Life: -1, At: 39_000 * ms, Healed: 50_000 * ms}
			},
			Findings{},
		},
		{
			"nobody leads for long after the return of the quorum",
			func(h *History, _ *Rules) {
				h.Lives[2] = lived("c", term(40, 59_500, 59_990))
				h.Faults[2] = Fault{Kind: Quorum, Life: -1, At: 39_000 * ms, Healed: 50_000 * ms}
			},
			Findings{TooLong: 1},
		},
		{
			"one believes after it has closed",
			func(h *History, _ *Rules) { h.Lives[2].Terms[0].Over = 0 },
			Findings{Problems: []string{"one"}},
		},
		{
			"a process ended badly",
			func(h *History, _ *Rules) { h.Lives[2].Failure = "exit status 2" },
			Findings{Problems: []string{"one"}},
		},
		{
			"a store did not answer a farewell",
			func(h *History, _ *Rules) { h.Lives[2].Unconfirmed = true },
			Findings{},
		},
		{
			"a file was too small",
			func(h *History, _ *Rules) { h.Lives[2].Full = true },
			Findings{Problems: []string{"one"}},
		},
		{
			"another library tells no edges",
			func(h *History, _ *Rules) { h.Lives[2].Told, h.Lives[2].Edges = false, nil },
			Findings{},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			h, r := good(), rules
			c.spoil(&h, &r)
			got := h.Check(r)
			type numbers struct {
				Overlaps, Regressions, Asleep, Wakes, Lost, Reordered, Doubled, ToldEarly, TooLong int
				Worst                                                                              time.Duration
			}
			of := func(f Findings) numbers {
				return numbers{
					f.Overlaps, f.Regressions, f.Asleep, f.Wakes, f.Lost, f.Reordered, f.Doubled, f.ToldEarly, f.TooLong, f.Worst,
				}
			}
			want := of(c.want)
			if of(got) != want || !slices.Equal(got.Windows, c.want.Windows) {
				t.Errorf("got  %+v, windows %v\nwant %+v, windows %v\n%q", of(got), got.Windows, want, c.want.Windows, got.Problems)
			}
			n := want.Overlaps + want.Regressions + want.Asleep + want.Lost + want.Reordered + want.Doubled + want.ToldEarly + want.TooLong
			if bad := n+len(c.want.Problems) > 0; bad != (got.Violations() > 0) {
				t.Errorf("violations: %q", got.Problems)
			}
		})
	}
}

func TestCheckMeasures(t *testing.T) {
	f := good().Check(Rules{TTL: testTTL, Leaderless: testIdle})
	want := []time.Duration{100 * time.Millisecond, 2 * time.Second, time.Second}
	if !slices.Equal(f.Leaderless, want) {
		t.Errorf("leaderless for %v, want %v", f.Leaderless, want)
	}
	if f.Terms != 4 || f.Samples != 3 || f.Span != time.Minute {
		t.Errorf("%d terms, %d samples, span %v", f.Terms, f.Samples, f.Span)
	}
	if led := f.Span - 3100*time.Millisecond - 110*time.Millisecond; f.Led != led { // at the beginning and the end nobody led, either
		t.Errorf("led for %v, want %v", f.Led, led)
	}
}
