package differential

import (
	"github.com/samber/ro"

	"github.com/leadership-go/leadership/operators"
)

func taking() map[string]comparison {
	any := func(string) bool { return true }
	return map[string]comparison{
		"Take": {
			shape: shape{n: [2]int{0, 4}},
			ours:  func(s *stage) { recordOurs(s, operators.Take(s.source(0), s.n)) },
			rxgo:  func(s *stage) { recordRx(s, s.rxSource(0).Take(uint(s.n))) },
			ro:    func(s *stage) { recordRo(s, ro.Take[string](int64(s.n))(s.roSource(0))) },
		},
		"TakeWhile": {
			ours: func(s *stage) { recordOurs(s, operators.TakeWhile(s.source(0), low)) },
			rxgo: func(s *stage) { recordRx(s, s.rxSource(0).TakeWhile(rxLow)) },
			ro:   func(s *stage) { recordRo(s, ro.TakeWhile(low)(s.roSource(0))) },
		},
		"TakeUntil": {
			shape:    shape{sources: 2, most: 4},
			expected: takeUntil,
			ours:     func(s *stage) { recordOurs(s, operators.TakeUntil(s.source(0), s.source(1))) },
			ro:       func(s *stage) { recordRo(s, ro.TakeUntil[string](s.roSource(1))(s.roSource(0))) },
		},
		"First": {
			shape: shape{most: 2},
			ours:  func(s *stage) { recordOurs(s, operators.First(s.source(0))) },
			rxgo:  func(s *stage) { recordRx(s, s.rxSource(0).First()) },
			ro:    func(s *stage) { recordRo(s, ro.First(any)(s.roSource(0))) },
		},
		"Last": {
			shape: shape{most: 4},
			ours:  func(s *stage) { recordOurs(s, operators.Last(s.source(0))) },
			rxgo:  func(s *stage) { recordRx(s, s.rxSource(0).Last()) },
			ro:    func(s *stage) { recordRo(s, ro.Last(any)(s.roSource(0))) },
		},
		"ElementAt": {
			shape: shape{n: [2]int{0, 4}},
			ours:  func(s *stage) { recordOurs(s, operators.ElementAt(s.source(0), s.n)) },
			rxgo:  func(s *stage) { recordRx(s, s.rxSource(0).ElementAt(uint(s.n))) },
			ro:    func(s *stage) { recordRo(s, ro.ElementAt[string](s.n)(s.roSource(0))) },
		},
	}
}

func takingDiffers() []difference {
	return []difference{
		{
			operator: "Take",
			standard: "It emits the first n items and then completes.",
			here:     "completes with the nth value, for n of 0 at once",
			rxgo: &deviation{
				does: "ends only at what comes after the nth item: an item or a completion completes it then, an error fails it",
				account: func(in input, ours trace) trace {
					values, _ := in.sources[0].split()
					if len(values) < in.n {
						return ours
					}
					rest := in.sources[0][in.n:]
					switch made := values[:in.n:in.n]; {
					case len(rest) == 0:
						return made
					case rest[0].failure():
						return made.with(rest[0])
					default:
						return made.with(event{rest[0].at, completed})
					}
				},
			},
		},
		{
			operator: "TakeUntil",
			standard: "It stops when the second Observable emits an item or terminates.",
			here:     "completes when the notifier completes, and fails when it fails",
			ro: &deviation{
				does: "goes on when the notifier ends without a value, by a completion or an error",
				account: func(in input, ours trace) trace {
					if values, _ := in.sources[1].split(); len(values) > 0 {
						return ours
					}
					return in.sources[0]
				},
			},
		},
		{
			operator: "TakeUntil",
			standard: "The second Observable is the signal; the operator on a condition is TakeWhile.",
			here:     "takes a notifier",
			rxgo: &deviation{
				does:  "takes a condition instead of a notifier, and emits the item that fulfils it",
				alone: takeUntilTakesACondition,
			},
		},
		{
			operator: "First",
			standard: "An empty source: RxJava has first, which fails, and firstElement, which completes.",
			here:     "fails with ErrNoValue; Take with 1 completes",
			rxgo: &deviation{
				does:    "completes without an item",
				account: emptyCompletes,
			},
		},
		{
			operator: "Last",
			standard: "An empty source: RxJava has lastOrError, which fails, and lastElement, which completes.",
			here:     "fails with ErrNoValue",
			rxgo: &deviation{
				does:    "completes without an item",
				account: emptyCompletes,
			},
		},
		{
			operator: "Last",
			standard: "It emits nothing of a source that fails but the error.",
			here:     "fails without a value",
			rxgo: &deviation{
				does: "emits the last item after the error",
				account: func(in input, ours trace) trace {
					values, end := in.sources[0].split()
					if len(values) == 0 || !end.failure() {
						return ours
					}
					return ours.with(event{end.at, values[len(values)-1].what})
				},
			},
		},
		{
			operator: "ElementAt",
			standard: "After an error there is nothing more.",
			here:     "tells the error of the source alone",
			rxgo: &deviation{
				does: "sends a second error, that there is no such item, after the error of the source",
				account: func(in input, ours trace) trace {
					values, end := in.sources[0].split()
					if len(values) > in.n || !end.failure() {
						return ours
					}
					return ours.with(event{end.at, noValue})
				},
			},
		},
	}
}

// emptyCompletes accounts for a peer that completes where there is no value to emit.
func emptyCompletes(_ input, ours trace) trace {
	if len(ours) == 1 && ours[0].what == noValue {
		return trace{{ours[0].at, completed}}
	}
	return ours
}
