package differential

import (
	"slices"
	"testing"

	"github.com/samber/ro"

	"github.com/leadership-go/leadership/operators"
)

func tapping() map[string]comparison {
	value := func(s *stage) func(string) { return func(v string) { s.note("saw " + v) } }
	failure := func(s *stage) func(error) { return func(err error) { s.note("saw " + name(err)) } }
	end := func(s *stage) func() { return func() { s.note("saw the end") } }
	return map[string]comparison{
		"Tap": {
			called: map[peer]string{inRo: "TapOnNext"},
			ours:   func(s *stage) { recordOurs(s, operators.Tap(s.source(0), value(s))) },
			ro:     func(s *stage) { recordRo(s, ro.TapOnNext(value(s))(s.roSource(0))) },
		},
		"Do": {
			ours: func(s *stage) {
				recordOurs(s, operators.Do(s.source(0), operators.Hooks[string]{Next: value(s), Error: failure(s), Complete: end(s)}))
			},
			ro: func(s *stage) { recordRo(s, ro.Do(value(s), failure(s), end(s))(s.roSource(0))) },
		},
		"Finally": {
			expected: finally,
			shape:    shape{n: [2]int{1, 4}},
			called:   map[peer]string{inRo: "DoOnFinalize"},
			ours:     func(s *stage) { recordOurs(s, operators.Take(operators.Finally(s.source(0), end(s)), s.n)) },
			ro: func(s *stage) {
				recordRo(s, ro.Take[string](int64(s.n))(ro.DoOnFinalize[string](end(s))(s.roSource(0))))
			},
		},
	}
}

func tappingDiffers() []difference {
	return []difference{
		{
			operator: "Finally",
			standard: "Open: when an operator below has had enough, RxJava calls it before that one completes, RxJS after.",
			here:     "calls it when the source is released, before an operator below completes",
			ro: &deviation{
				does: "calls it after an operator below has completed",
				account: func(in input, ours trace) trace {
					values, _ := in.sources[0].split()
					if len(values) < in.n {
						return ours
					}
					made := slices.Clone(ours)
					last := len(made) - 1
					made[last], made[last-1] = made[last-1], made[last]
					return made
				},
			},
		},
		{
			operator: "Do",
			standard: "It registers callbacks and passes the stream on.",
			here:     "passes the stream on",
			rxgo: &deviation{
				does:  "has DoOnNext, DoOnError and DoOnCompleted, which each subscribe, and pass nothing on",
				alone: doSubscribes,
			},
		},
	}
}

func doSubscribes(t *testing.T) {
	in := input{sources: []trace{{{1 * frame, "a1"}, {2 * frame, completed}}}}
	got := staged(t, in, func(s *stage) {
		var over <-chan struct{} = s.rxSource(0).DoOnNext(func(v any) { s.note(text(v)) }) // nothing to subscribe to
		<-over
		s.note("over")
	})
	if want := (trace{{1 * frame, "a1"}, {2 * frame, "over"}}); !slices.Equal(got, want) {
		t.Errorf("got %v", got)
	}
}
