package operators_test

import (
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/operators"
)

type numbers = leadership.Observable[int]

// frugal are operators under which an event allocates nothing.
var frugal = map[string]func(numbers) numbers{
	"Throttle, leading":  func(s numbers) numbers { return operators.Throttle(s, time.Hour, operators.ThrottleLeading) },
	"Throttle, trailing": func(s numbers) numbers { return operators.Throttle(s, time.Hour, operators.ThrottleTrailing) },
	"Throttle, both":     func(s numbers) numbers { return operators.Throttle(s, time.Hour, operators.ThrottleBoth) },
	"Sample":             func(s numbers) numbers { return operators.Sample(s, time.Hour) },
	"Timeout":            func(s numbers) numbers { return operators.Timeout(s, time.Hour) },
	"Window, in the windows": func(s numbers) numbers {
		return operators.FlatMap(operators.Window(s, leadership.Never[int]()), itself[int])
	},
	"WindowCount, in the windows": func(s numbers) numbers {
		return operators.FlatMap(operators.WindowCount(s, 1_000_000), itself[int])
	},
	"WindowTime, in the windows": func(s numbers) numbers {
		return operators.FlatMap(operators.WindowTime(s, time.Hour), itself[int])
	},
	"GroupBy, in the groups": func(s numbers) numbers {
		return operators.FlatMap(operators.GroupBy(s, func(v int) int { return v }), func(g operators.Group[int, int]) numbers { return g.Observable })
	},
	"Merge":  func(s numbers) numbers { return operators.Merge(s, s) },
	"Concat": func(s numbers) numbers { return operators.Concat(s, s) },
	"Race":   func(s numbers) numbers { return operators.Race(s, s) },
	"CombineLatest": func(s numbers) numbers {
		return operators.CombineLatest(leadership.Just(1), s, func(a, b int) int { return a + b })
	},
	"WithLatestFrom": func(s numbers) numbers {
		return operators.WithLatestFrom(s, leadership.Just(1), func(a, b int) int { return a + b })
	},
	"Distinct":               operators.Distinct[int],
	"DistinctUntilChanged":   operators.DistinctUntilChanged[int],
	"DistinctUntilChangedBy": func(s numbers) numbers { return operators.DistinctUntilChangedBy(s, func(v int) int { return v / 2 }) },
	"Retry":                  func(s numbers) numbers { return operators.Retry(s, operators.RetryPolicy{}) },
	"IgnoreElements":         operators.IgnoreElements[int],
	"Last":                   operators.Last[int],
	"Skip":                   func(s numbers) numbers { return operators.Skip(s, 5) },
	"SkipWhile":              func(s numbers) numbers { return operators.SkipWhile(s, func(v int) bool { return v < 3 }) },
	"Take":                   func(s numbers) numbers { return operators.Take(s, 1_000_000) },
	"TakeWhile":              func(s numbers) numbers { return operators.TakeWhile(s, func(int) bool { return true }) },
	"TakeUntil":              func(s numbers) numbers { return operators.TakeUntil(s, leadership.Never[int]()) },
	"MapErr":                 func(s numbers) numbers { return operators.MapErr(s, func(v int) (int, error) { return v, nil }) },
	"Scan":                   func(s numbers) numbers { return operators.Scan(s, 0, func(sum, v int) int { return sum + v }) },
	"Pairwise": func(s numbers) numbers {
		return operators.Map(operators.Pairwise(s), func(p [2]int) int { return p[0] + p[1] })
	},
	"StartWith": func(s numbers) numbers { return operators.StartWith(s, 1, 2) },
	"Materialize": func(s numbers) numbers {
		return operators.Map(operators.Materialize(s), func(n operators.Notification[int]) int { return n.Value })
	},
	"FlatMap, in the streams": func(s numbers) numbers {
		return operators.FlatMap(leadership.Just(1, 2), func(int) numbers { return s })
	},
	"ConcatMap, in the streams": func(s numbers) numbers {
		return operators.ConcatMap(leadership.Just(1, 2), func(int) numbers { return s })
	},
	"SwitchMap, in the streams": func(s numbers) numbers {
		return operators.SwitchMap(leadership.Just(1, 2), func(int) numbers { return s })
	},
	"ElementAt": func(s numbers) numbers { return operators.ElementAt(s, 9) },
	"Zip": func(s numbers) numbers {
		return forked(s, func(a, b numbers) numbers { return operators.Zip(a, b, func(a, b int) int { return a + b }) })
	},
	"Debounce": func(s numbers) numbers { return operators.Debounce(s, time.Hour) },
	"WhileLeading, in the stream": func(s numbers) numbers {
		elected := operators.Concat(leadership.Just(message{Status: leadership.StatusElectedFirst}), leadership.Never[message]())
		work := operators.WhileLeading(elected, func(uint64) numbers { return operators.Concat(s, leadership.Just(-1)) })
		return operators.TakeWhile(work, func(v int) bool { return v >= 0 }) // completes when the work is done
	},
	"Edges": numbered(operators.Edges),
	"OfStatus": numbered(func(m messages) messages {
		return operators.OfStatus(m, leadership.StatusElected, leadership.StatusRelegation)
	}),
	"DebounceEdges":    numbered(func(m messages) messages { return operators.DebounceEdges(m, time.Hour) }),
	"ErrorsAsTerminal": numbered(func(m messages) messages { return operators.ErrorsAsTerminal(operators.Filter(m, noError)) }),
	"LeaderChanges": func(s numbers) numbers {
		return operators.Map(operators.LeaderChanges(told(s)), func(*leadership.Vote) int { return 1 })
	},
	"Catch": func(s numbers) numbers { return operators.Catch(s, boom[error, numbers]) },
	"Catch, caught": func(s numbers) numbers {
		return operators.Catch(leadership.Throw[int](errors.New("")), func(error) numbers { return s })
	},
	"OnErrorReturn": func(s numbers) numbers { return operators.OnErrorReturn(s, boom[error, int]) },
	"RepeatWhen":    func(s numbers) numbers { return operators.RepeatWhen(s, rounds(2)) },
	"Tap":           func(s numbers) numbers { return operators.Tap(s, func(int) {}) },
	"Do":            func(s numbers) numbers { return operators.Do(s, operators.Hooks[int]{Next: func(int) {}}) },
	"Finally":       func(s numbers) numbers { return operators.Finally(s, func() {}) },
	"Log, disabled": numbered(func(m messages) messages {
		return operators.Log(m, slog.New(slog.DiscardHandler), slog.LevelError, "messages")
	}),
}

// forked has op hear each value of s twice, as that of one stream and then of another.
func forked(s numbers, op func(a, b numbers) numbers) numbers {
	return leadership.New(func(scope *leadership.Scope, out leadership.Observer[int]) {
		var prongs [2]leadership.Observer[int]
		prong := func(i int) numbers {
			return leadership.New(func(_ *leadership.Scope, out leadership.Observer[int]) { prongs[i] = out })
		}
		op(prong(0), prong(1)).SubscribeIn(scope, out)
		s.SubscribeIn(scope, &fork{prongs})
	})
}

type fork struct{ prongs [2]leadership.Observer[int] }

func (f *fork) Next(v int) {
	for _, p := range f.prongs {
		p.Next(v)
	}
}

func (f *fork) Error(err error) { f.prongs[0].Error(err) }

func (f *fork) Complete() {
	for _, p := range f.prongs {
		p.Complete()
	}
}

// numbered has op see numbers as messages, and turns what it emits into numbers again.
func numbered(op func(messages) messages) func(numbers) numbers {
	return func(s numbers) numbers { return operators.Map(op(told(s)), func(m message) int { return int(m.Term) }) }
}

// told makes of each number from 0 to 6 a message of an election in which leaders come and go.
func told(s numbers) messages {
	a, b := &leadership.Vote{ServiceID: "a"}, &leadership.Vote{ServiceID: "b"}
	all := [...]message{
		{Status: leadership.StatusElected, Vote: a, Term: 1},
		{Status: leadership.StatusElectedFirst, Vote: a, Term: 1},
		{Status: leadership.StatusElected, Vote: a, Term: 1},
		{Status: leadership.StatusError, Err: leadership.ErrDenied},
		{Status: leadership.StatusNotElected, Vote: b},
		{Status: leadership.StatusRelegation, Vote: b, Term: 1, Err: leadership.ErrKeyLost},
		{Status: leadership.StatusNotElected},
	}
	return operators.Map(s, func(v int) message { return all[v] })
}

func noError(m message) bool { return m.Status != leadership.StatusError }

func TestAnEventAllocatesNothingUnderAnyOf(t *testing.T) {
	few, many := make([]int, 10), make([]int, 1000)
	for i := range many {
		many[i] = i % 7
		few[i%10] = i % 7
	}
	for name, op := range frugal {
		t.Run(name, func(t *testing.T) {
			sum := 0
			next := func(v int) { sum += v }
			allocs := func(values []int) float64 {
				return testing.AllocsPerRun(20, func() {
					sub := op(leadership.FromSlice(values)).Subscribe(next)
					<-sub.Done() // some deliver from a goroutine of their own
				})
			}
			// One more is for the runtime, where a goroutine begins.
			if got, base := allocs(many), allocs(few); got > base+1 || sum == 0 && name != "IgnoreElements" {
				t.Errorf("%v allocations for 1000 events, %v for 10; the sum is %d", got, base, sum)
			}
		})
	}
}

// boom is a function of a user that panics.
func boom[T, U any](T) U { panic("boom") }

// panicking are operators whose function panics at the value 1.
var panicking = map[string]numbers{
	"CombineLatest":  operators.CombineLatest(leadership.Just(1), leadership.Just(1), func(int, int) int { panic("boom") }),
	"Zip":            operators.Zip(leadership.Just(1), leadership.Just(1), func(int, int) int { panic("boom") }),
	"WithLatestFrom": operators.WithLatestFrom(leadership.Just(1), leadership.Just(1), func(int, int) int { panic("boom") }),
	"Filter":         operators.Filter(leadership.Just(1), boom[int, bool]),
	"GroupBy": operators.Map(operators.GroupBy(leadership.Just(1), boom[int, string]),
		func(operators.Group[string, int]) int { return 0 }),
	"Share": operators.Share(operators.Map(leadership.Just(1), boom[int, int])),
	"Map":   operators.Map(leadership.Just(1), boom[int, int]),
	"WhileLeading": operators.WhileLeading(leadership.Just(message{Status: leadership.StatusElectedFirst}),
		func(uint64) numbers { panic("boom") }),
	"MapErr":    operators.MapErr(leadership.Just(1), func(int) (int, error) { panic("boom") }),
	"Scan":      operators.Scan(leadership.Just(1), 0, func(int, int) int { panic("boom") }),
	"FlatMap":   operators.FlatMap(leadership.Just(1), boom[int, numbers]),
	"ConcatMap": operators.ConcatMap(leadership.Just(1), boom[int, numbers]),
	"SwitchMap": operators.SwitchMap(leadership.Just(1), boom[int, numbers]),
	"Materialize": operators.Map(operators.Materialize(operators.Map(leadership.Just(1), boom[int, int])),
		func(operators.Notification[int]) int { return 0 }),
	"TakeWhile":            operators.TakeWhile(leadership.Just(1), boom[int, bool]),
	"SkipWhile":            operators.SkipWhile(leadership.Just(1), boom[int, bool]),
	"Catch, below":         operators.Catch(operators.Map(leadership.Just(1), boom[int, int]), func(error) numbers { return leadership.Just(1) }),
	"OnErrorReturn, below": operators.OnErrorReturn(operators.Map(leadership.Just(1), boom[int, int]), func(error) int { return 1 }),
	"Catch":                operators.Catch(leadership.Throw[int](errors.New("")), boom[error, numbers]),
	"OnErrorReturn":        operators.OnErrorReturn(leadership.Throw[int](errors.New("")), boom[error, int]),
	"RepeatWhen":           operators.RepeatWhen(leadership.Empty[int](), boom[numbers, numbers]),
	"Tap":                  operators.Tap(leadership.Just(1), func(int) { panic("boom") }),
	"Do":                   operators.Do(leadership.Just(1), operators.Hooks[int]{Next: func(int) { panic("boom") }}),
	"Finally":              operators.Finally(leadership.Empty[int](), func() { panic("boom") }),
}

func TestAPanicEndsTheSubscription(t *testing.T) {
	for name, o := range panicking {
		t.Run(name, func(t *testing.T) {
			heard := 0
			// Recovering operators below must not get to see it.
			o = operators.Retry(o, operators.RetryPolicy{Max: 3})
			err := o.ForEach(t.Context(), func(int) { heard++ })
			var failed *leadership.PanicError
			if !errors.As(err, &failed) || failed.Value != "boom" || heard != 0 {
				t.Errorf("heard %d, ended with %v", heard, err)
			}
		})
	}
}
