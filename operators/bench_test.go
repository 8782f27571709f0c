package operators_test

import (
	"testing"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/operators"
)

// bare is the cheapest chain there could be: functions that call the next one, with no rule kept.
func bare(next func(int)) func(int) {
	return bareFilter(bareMap(bareDistinct(next), triple), notSeventh)
}

//go:noinline
func bareFilter(next func(int), keep func(int) bool) func(int) {
	return func(v int) {
		if keep(v) {
			next(v)
		}
	}
}

//go:noinline
func bareMap(next func(int), f func(int) int) func(int) {
	return func(v int) { next(f(v)) }
}

//go:noinline
func bareDistinct(next func(int)) func(int) {
	last, has := 0, false
	return func(v int) {
		if has && v == last {
			return
		}
		last, has = v, true
		next(v)
	}
}

func triple(v int) int      { return 3 * v }
func notSeventh(v int) bool { return v%7 != 0 }

func chain(src leadership.Observable[int]) leadership.Observable[int] {
	return operators.DistinctUntilChanged(operators.Map(operators.Filter(src, notSeventh), triple))
}

// sources are the ways in which n numbers may come.
func sources(n int) map[string]leadership.Observable[int] {
	numbers := make([]int, n)
	for i := range numbers {
		numbers[i] = i
	}
	return map[string]leadership.Observable[int]{
		"FromSlice": leadership.FromSlice(numbers),
		"FromSeq": leadership.FromSeq(func(yield func(int) bool) {
			for i := range n {
				if !yield(i) {
					return
				}
			}
		}),
		"Create": leadership.Create(func(_ *leadership.Scope, out leadership.Observer[int]) {
			for i := range n {
				out.Next(i)
			}
			out.Complete()
		}),
	}
}

func BenchmarkPipeline(b *testing.B) {
	b.Run("bare", func(b *testing.B) {
		sum := 0
		push := bare(func(v int) { sum += v })
		b.ReportAllocs()
		for i := range b.N {
			push(i)
		}
	})
	for name := range sources(0) {
		b.Run(name, func(b *testing.B) {
			sum := 0
			o := chain(sources(b.N)[name])
			b.ReportAllocs()
			b.ResetTimer()
			o.Subscribe(func(v int) { sum += v })
		})
	}
}

func TestAnEventAllocatesNothing(t *testing.T) {
	for name, o := range sources(1000) {
		o = chain(o)
		sum := 0
		next := func(v int) { sum += v }
		perSubscription := testing.AllocsPerRun(10, func() { chain(sources(0)[name]).Subscribe(next) })
		if got := testing.AllocsPerRun(10, func() { o.Subscribe(next) }); got > perSubscription {
			t.Errorf("%s: %v allocations for 1000 events, a subscription alone has %v", name, got, perSubscription)
		}
	}
}
