package differential

import (
	"slices"
	"time"

	"github.com/reactivex/rxgo/v2"
	"github.com/samber/ro"

	"github.com/leadership-go/leadership/operators"
)

func flattening() map[string]comparison {
	return map[string]comparison{
		"FlatMap": {
			like:  "FlatMap and MergeMap",
			shape: shape{inner: true, most: 5, errors: 1},
			ours:  func(s *stage) { recordOurs(s, operators.FlatMap(s.source(0), s.of)) },
			rxgo:  func(s *stage) { recordRx(s, s.rxSource(0).FlatMap(s.rxOf)) },
			ro:    func(s *stage) { recordRo(s, ro.FlatMap(s.roOf)(s.roSource(0))) },
		},
		"FlatMap and MergeMap": {
			shape:    shape{inner: true, most: 5, errors: 1},
			operator: "FlatMap",
			called:   map[peer]string{inRo: "MergeMap"},
			ours:     func(s *stage) { recordOurs(s, operators.FlatMap(s.source(0), s.of)) },
			ro:       func(s *stage) { recordRo(s, ro.MergeMap(s.roOf)(s.roSource(0))) },
		},
		"ConcatMap": {
			expected: concatMap,
			shape:    shape{inner: true, most: 5, errors: 2},
			called:   map[peer]string{inRo: "Map, then ConcatAll"},
			ours:     func(s *stage) { recordOurs(s, operators.ConcatMap(s.source(0), s.of)) },
			ro:       func(s *stage) { recordRo(s, ro.ConcatAll[string]()(ro.Map(s.roOf)(s.roSource(0)))) },
		},
		"Merge": {
			shape: shape{sources: 3, most: 4, errors: 1},
			ours:  func(s *stage) { recordOurs(s, operators.Merge(s.source(0), s.source(1), s.source(2))) },
			rxgo:  func(s *stage) { recordRx(s, rxgo.Merge(s.rxSources(), rxgo.WithContext(s.ctx))) },
			ro:    func(s *stage) { recordRo(s, ro.Merge(s.roSource(0), s.roSource(1), s.roSource(2))) },
		},
		"Concat": {
			shape: shape{sources: 3, most: 4, errors: 1},
			ours:  func(s *stage) { recordOurs(s, operators.Concat(s.source(0), s.source(1), s.source(2))) },
			rxgo:  func(s *stage) { recordRx(s, rxgo.Concat(s.rxSources(), rxgo.WithContext(s.ctx))) },
			ro:    func(s *stage) { recordRo(s, ro.Concat(s.roSource(0), s.roSource(1), s.roSource(2))) },
		},
		"Race": {
			shape: shape{sources: 3, most: 4},
			ours:  func(s *stage) { recordOurs(s, operators.Race(s.source(0), s.source(1), s.source(2))) },
			ro:    func(s *stage) { recordRo(s, ro.Race(s.roSource(0), s.roSource(1), s.roSource(2))) },
		},
		// In rxgo, a second source that emits waits for a lock, which virtual time can't pass.
		"Race of one source": {
			shape:    shape{sources: 3, most: 4, alone: true},
			operator: "Race",
			like:     "Race",
			called:   map[peer]string{inRxgo: "Amb"},
			ours:     func(s *stage) { recordOurs(s, operators.Race(s.source(0), s.source(1), s.source(2))) },
			rxgo:     func(s *stage) { recordRx(s, rxgo.Amb(s.rxSources(), rxgo.WithContext(s.ctx))) },
		},
	}
}

func flatteningDiffers() []difference {
	return []difference{
		{
			operator: "FlatMap",
			standard: "It merges the streams made of the items: all of them run at the same time.",
			here:     "subscribes to each stream at once",
			rxgo: &deviation{
				does:    "subscribes to the next stream when the one before has completed, and holds the source up until then",
				account: oneAfterTheOther,
			},
			ro: &deviation{
				does:    "subscribes to the next stream when the one before has completed, and holds the source up until then; MergeMap is as FlatMap is here",
				account: oneAfterTheOther,
			},
		},
		{
			operator: "ConcatMap",
			standard: "An error of the source passes on at once, in RxJava and RxJS.",
			here:     "fails at once",
			ro: &deviation{
				does:    "holds the source up while a stream runs, so that its error comes late, or never",
				account: oneAfterTheOther,
			},
		},
		{
			operator: "Merge",
			standard: "It passes an error on at once and stops.",
			here:     "fails at the first error and releases the other sources",
			rxgo: &deviation{
				does: "goes on with the other sources after an error, and may send more of them",
				account: func(in input, ours trace) trace {
					if _, end := ours.split(); !end.failure() {
						return ours
					}
					return slices.DeleteFunc(merged(in.sources...), func(e event) bool { return e.what == completed })
				},
			},
		},
		{
			operator: "Race",
			standard: "The first source that emits or terminates wins.",
			here:     "a completion wins, too",
			rxgo: &deviation{
				does: "passes over a source that completes without an item; where all do, it never ends",
				of:   "Race of one source",
				account: func(in input, ours trace) trace {
					for _, source := range in.sources {
						if len(source) > 0 && source[0].what != completed {
							return source
						}
					}
					return nil
				},
			},
		},
	}
}

// oneAfterTheOther is what comes out where the source is held up while the stream of its last value runs.
func oneAfterTheOther(in input, _ trace) trace {
	var made trace
	var free time.Duration
	for i, e := range in.sources[0] {
		at := max(e.at, free)
		if e.terminal() {
			return made.with(event{at, e.what})
		}
		values, end := in.inner[i].later(at).split()
		made = made.with(values...)
		switch {
		case end.failure():
			return made.with(end)
		case end.what == "":
			return made
		}
		free = end.at
	}
	return made
}
