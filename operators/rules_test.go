package operators_test

import (
	"errors"
	"testing"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/operators"
)

type numbers = leadership.Observable[int]

// frugal are operators under which an event allocates nothing.
var frugal = map[string]func(numbers) numbers{
	"Merge":  func(s numbers) numbers { return operators.Merge(s, s) },
	"Concat": func(s numbers) numbers { return operators.Concat(s, s) },
	"Race":   func(s numbers) numbers { return operators.Race(s, s) },
	"CombineLatest": func(s numbers) numbers {
		return operators.CombineLatest(leadership.Just(1), s, func(a, b int) int { return a + b })
	},
	"WithLatestFrom": func(s numbers) numbers {
		return operators.WithLatestFrom(s, leadership.Just(1), func(a, b int) int { return a + b })
	},
	"Distinct":       operators.Distinct[int],
	"IgnoreElements": operators.IgnoreElements[int],
	"Last":           operators.Last[int],
	"Skip":           func(s numbers) numbers { return operators.Skip(s, 5) },
	"SkipWhile":      func(s numbers) numbers { return operators.SkipWhile(s, func(v int) bool { return v < 3 }) },
	"Take":           func(s numbers) numbers { return operators.Take(s, 1_000_000) },
	"TakeWhile":      func(s numbers) numbers { return operators.TakeWhile(s, func(int) bool { return true }) },
	"TakeUntil":      func(s numbers) numbers { return operators.TakeUntil(s, leadership.Never[int]()) },
	"MapErr":         func(s numbers) numbers { return operators.MapErr(s, func(v int) (int, error) { return v, nil }) },
	"Scan":           func(s numbers) numbers { return operators.Scan(s, 0, func(sum, v int) int { return sum + v }) },
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
}

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
			base := testing.AllocsPerRun(20, func() { op(leadership.FromSlice(few)).Subscribe(next) })
			if got := testing.AllocsPerRun(20, func() { op(leadership.FromSlice(many)).Subscribe(next) }); got > base {
				t.Errorf("%v allocations for 1000 events, %v for 10", got, base)
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
	"Map":            operators.Map(leadership.Just(1), boom[int, int]),
	"WhileLeading": operators.WhileLeading(leadership.Just(message{Status: leadership.StatusElectedFirst}),
		func(uint64) numbers { panic("boom") }),
	"MapErr":    operators.MapErr(leadership.Just(1), func(int) (int, error) { panic("boom") }),
	"Scan":      operators.Scan(leadership.Just(1), 0, func(int, int) int { panic("boom") }),
	"FlatMap":   operators.FlatMap(leadership.Just(1), boom[int, numbers]),
	"ConcatMap": operators.ConcatMap(leadership.Just(1), boom[int, numbers]),
	"SwitchMap": operators.SwitchMap(leadership.Just(1), boom[int, numbers]),
	"Materialize": operators.Map(operators.Materialize(operators.Map(leadership.Just(1), boom[int, int])),
		func(operators.Notification[int]) int { return 0 }),
	"TakeWhile": operators.TakeWhile(leadership.Just(1), boom[int, bool]),
	"SkipWhile": operators.SkipWhile(leadership.Just(1), boom[int, bool]),
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
