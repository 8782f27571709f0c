package operators_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/operators"
)

// modelled is an operator and what it does to a list.
type modelled struct {
	name string
	op   func(numbers) numbers
	list func([]int) []int
}

func modelledFilter(name string, keep func(int) bool) modelled {
	return modelled{name, func(o numbers) numbers { return operators.Filter(o, keep) }, func(l []int) []int {
		return slices.DeleteFunc(slices.Clone(l), func(v int) bool { return !keep(v) })
	}}
}

func modelledMap(name string, f func(int) int) modelled {
	return modelled{name, func(o numbers) numbers { return operators.Map(o, f) }, func(l []int) []int {
		l = slices.Clone(l)
		for i := range l {
			l[i] = f(l[i])
		}
		return l
	}}
}

// models are operators of which the values do not depend on time.
func models() []modelled {
	same := func(l []int) []int { return l }
	fifth := func(v int) int { return v % 5 }
	just := func(v int) numbers { return leadership.Just(v) }
	return []modelled{
		modelledFilter("no 7", func(v int) bool { return v%7 != 0 }),
		modelledFilter("no 3", func(v int) bool { return v%3 != 0 }),
		modelledFilter("small", func(v int) bool { return v < 60 }),
		modelledMap("double", func(v int) int { return v * 2 }),
		modelledMap("next", func(v int) int { return v + 1 }),
		modelledMap("half", func(v int) int { return v / 2 }),
		{"distinct", operators.DistinctUntilChanged[int], func(l []int) []int { return slices.Compact(slices.Clone(l)) }},
		{"take", func(o numbers) numbers { return operators.Take(o, 20) }, func(l []int) []int { return l[:min(20, len(l))] }},
		{"skip", func(o numbers) numbers { return operators.Skip(o, 2) }, func(l []int) []int { return l[min(2, len(l)):] }},
		{"scan", func(o numbers) numbers {
			return operators.Scan(o, 0, func(a, b int) int { return (a + b) % 100 })
		}, func(l []int) []int {
			l, sum := slices.Clone(l), 0
			for i := range l {
				sum = (sum + l[i]) % 100
				l[i] = sum
			}
			return l
		}},
		{"buffers", func(o numbers) numbers {
			return operators.ConcatMap(operators.BufferCount(o, 3), leadership.FromSlice[int])
		}, same},
		{"windows", func(o numbers) numbers { return operators.ConcatMap(operators.WindowCount(o, 3), itself[int]) }, same},
		{"groups", func(o numbers) numbers {
			return operators.FlatMap(operators.GroupBy(o, fifth), func(g operators.Group[int, int]) numbers { return g.Observable })
		}, same},
		{"groups of two", func(o numbers) numbers {
			return operators.FlatMap(operators.GroupBy(o, fifth), func(g operators.Group[int, int]) numbers { return operators.Take(g.Observable, 2) })
		}, same},
		{"catch", func(o numbers) numbers { return operators.OnErrorReturn(o, func(error) int { return 1 }) }, same},
		{"tap", func(o numbers) numbers { return operators.Tap(o, func(int) {}) }, same},
		{"do", func(o numbers) numbers { return operators.Do(o, operators.Hooks[int]{}) }, same},
		{"finally", func(o numbers) numbers { return operators.Finally(o, func() {}) }, same},
		{"share", operators.Share[int], same},
		{"observe", operators.ObserveOn[int], same},
		{"timeout", func(o numbers) numbers { return operators.Timeout(o, time.Hour) }, same},
		{"flat", func(o numbers) numbers { return operators.FlatMap(o, just) }, same},
		{"switch", func(o numbers) numbers { return operators.SwitchMap(o, just) }, same},
		{"again", func(o numbers) numbers {
			return operators.RepeatWhen(o, func(done numbers) numbers {
				return operators.TakeWhile(done, func(n int) bool { return n < 2 })
			})
		}, func(l []int) []int { return slices.Concat(l, l) }},
	}
}

// TestChainsMakeTheValuesThatListsWould is the one for what TestRandomChains does not look at: the values.
func TestChainsMakeTheValuesThatListsWould(t *testing.T) {
	all := models()
	const most = 200 // values, so that no mailbox overflows
	for range 6000 {
		in := make([]int, rand.IntN(40))
		for i := range in {
			in[i] = rand.IntN(100)
		}
		o, want := leadership.FromSlice(in), in
		var names []string
		for range 1 + rand.IntN(6) {
			next := all[rand.IntN(len(all))]
			if rand.IntN(2) == 0 {
				next = all[rand.IntN(6)] // filters and maps, which may be made one
			}
			if len(next.list(want)) > most {
				break
			}
			names = append(names, next.name)
			o, want = next.op(o), next.list(want)
		}
		var got []int
		if err := o.ForEach(t.Context(), func(v int) { got = append(got, v) }); err != nil || !slices.Equal(got, want) {
			t.Fatalf("%v of %v\n made %v\n want %v, %v", names, in, got, want, err)
		}
	}
}

func TestFiltersAboveAMapAllCount(t *testing.T) {
	odd, small, big := func(v int) bool { return v%2 == 1 }, func(v int) bool { return v <= 5 }, func(v int) bool { return v > 1 }
	src := operators.Filter(operators.Filter(operators.Filter(leadership.Just(1, 2, 3, 4, 5, 6, 7), odd), small), big)
	var got []int
	operators.Map(src, func(v int) int { return v }).Subscribe(func(v int) { got = append(got, v) })
	if !slices.Equal(got, []int{3, 5}) {
		t.Errorf("got %v", got)
	}
}

func TestGroupsWhoseKeyDoesNotEqualItselfAreForgotten(t *testing.T) {
	var before, after runtime.MemStats
	src := leadership.New(func(_ *leadership.Scope, out leadership.Observer[float64]) {
		runtime.GC()
		runtime.ReadMemStats(&before)
		for range 20_000 {
			out.Next(math.NaN())
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		out.Complete()
	})
	groups := operators.GroupBy(src, func(v float64) float64 { return v })
	heard := 0
	operators.FlatMap(groups, func(g operators.Group[float64, float64]) leadership.Observable[float64] {
		return operators.Take(g.Observable, 1)
	}).Subscribe(func(float64) { heard++ })
	if kept := int64(after.HeapAlloc) - int64(before.HeapAlloc); heard != 20_000 || kept > 1<<20 {
		t.Errorf("heard %d of 20000, %d bytes are kept", heard, kept)
	}
}

func TestASlowCallbackCostsWindowTimeBoundariesAndNoOverflow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src, windows := leadership.NewSubject[int](), 0
		sub := operators.WindowTime(src.AsObservable(), time.Millisecond).Subscribe(func(w numbers) {
			windows++
			w.Subscribe(func(int) { time.Sleep(time.Second) })
		})
		src.Next(1)
		time.Sleep(1001*time.Millisecond + time.Microsecond)
		synctest.Wait()
		if windows > 5 || sub.Err() != nil {
			t.Errorf("%d windows, %v", windows, sub.Err())
		}
		sub.Unsubscribe()
	})
}

func TestANilErrorIsNoCompletionBehindAnyOperator(t *testing.T) {
	rude := leadership.New(func(_ *leadership.Scope, out leadership.Observer[int]) { out.Error(nil) })
	for name, op := range map[string]func(numbers) numbers{
		"Debounce":    func(s numbers) numbers { return operators.Debounce(s, time.Second) },
		"Sample":      func(s numbers) numbers { return operators.Sample(s, time.Second) },
		"Delay":       func(s numbers) numbers { return operators.Delay(s, time.Second) },
		"ObserveOn":   operators.ObserveOn[int],
		"WindowCount": func(s numbers) numbers { return operators.FlatMap(operators.WindowCount(s, 2), itself[int]) },
	} {
		if err := op(rude).ForEach(t.Context(), nil); err == nil || errors.Is(err, leadership.ErrOverflow) {
			t.Errorf("%s ended with %v", name, err)
		}
	}
}
