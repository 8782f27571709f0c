package differential

import (
	"context"
	"fmt"
	"time"

	"github.com/reactivex/rxgo/v2"
	"github.com/samber/ro"

	"github.com/leadership-go/leadership/operators"
)

// both is how a pair of samber/ro prints.
func both(a, b string) string { return fmt.Sprintf("{%s %s}", a, b) }

func rxBoth(_ context.Context, a, b any) (any, error) { return both(a.(string), b.(string)), nil }
func rxAll(v ...any) any                              { return both(v[0].(string), v[1].(string)) }

func combining() map[string]comparison {
	return map[string]comparison{
		"CombineLatest": {
			expected: combineLatest,
			shape:    shape{sources: 2, most: 4},
			ours:     func(s *stage) { recordOurs(s, operators.CombineLatest(s.source(0), s.source(1), both)) },
			rxgo:     func(s *stage) { recordRx(s, rxgo.CombineLatest(rxAll, s.rxSources(), rxgo.WithContext(s.ctx))) },
			ro:       func(s *stage) { recordRo(s, ro.CombineLatest2(s.roSource(0), s.roSource(1))) },
		},
		"Zip": {
			expected: zip,
			shape:    shape{sources: 2, most: 4},
			called:   map[peer]string{inRxgo: "ZipFromIterable"},
			ours:     func(s *stage) { recordOurs(s, operators.Zip(s.source(0), s.source(1), both)) },
			rxgo: func(s *stage) {
				recordRx(s, s.rxSource(0).ZipFromIterable(s.rxSource(1), rxBoth, rxgo.WithContext(s.ctx)))
			},
			ro: func(s *stage) { recordRo(s, ro.Zip2(s.roSource(0), s.roSource(1))) },
		},
	}
}

func combiningDiffers() []difference {
	return []difference{
		{
			operator: "CombineLatest",
			standard: "It says nothing of a source that completes without an item. RxJava completes then, as nothing can come any more.",
			here:     "completes at once",
			rxgo:     &deviation{does: "completes when both sources have", account: completesWithBoth},
			ro:       &deviation{does: "completes when both sources have", account: completesWithBoth},
		},
		{
			operator: "Zip",
			standard: "It emits as many items as the source with the fewest has. An error passes on at once, in RxJava.",
			here:     "completes as soon as no pair can come any more, and fails at the first error",
			rxgo: &deviation{
				does: "looks at one source at a time, first at the first one: a completion or an error of the other shows when its turn comes, or never",
				account: func(in input, _ trace) trace {
					var made trace
					var now time.Duration
					for i := 0; ; i++ {
						for _, source := range in.sources {
							if i >= len(source) {
								return made
							}
							now = max(now, source[i].at)
							if source[i].terminal() {
								return made.with(event{now, source[i].what})
							}
						}
						made = made.with(event{now, both(in.sources[0][i].what, in.sources[1][i].what)})
					}
				},
			},
			ro: &deviation{
				does: "releases both sources when one completes of which items wait for their partners: the pairs are lost, and it never ends",
				account: func(in input, ours trace) trace {
					for i, source := range in.sources {
						values, end := source.split()
						other, _ := in.sources[1-i].until(end.at).split()
						if end.what == completed && len(values) > len(other) {
							ours = ours.until(end.at + 1)
						}
					}
					return ours
				},
			},
		},
	}
}

// completesWithBoth accounts for a peer that waits for both sources, also where one has completed without a value.
func completesWithBoth(in input, ours trace) trace {
	values, end := ours.split()
	if end.what != completed {
		return ours
	}
	var last event
	for _, source := range in.sources {
		switch _, end := source.split(); {
		case end.what == "":
			return values
		case end.at > last.at:
			last = end
		}
	}
	return values.with(last)
}
