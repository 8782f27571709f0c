package operators_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/internal/marble"
	"github.com/leadership-go/leadership/operators"
)

// with has op take a second stream from a diagram.
func with(op func(a, b stream) stream, second string) func(stream) stream {
	return func(first stream) stream { return op(first, marble.Source(second)) }
}

func merged(a, b stream) stream  { return operators.Merge(a, b) }
func chained(a, b stream) stream { return operators.Concat(a, b) }
func raced(a, b stream) stream   { return operators.Race(a, b) }

// cell is a letter for two: A, B, C for a1, a2, a3, D, E, F for b1, b2, b3, and so on.
func cell(a, b string) string { return string(rune('A' + (a[0]-'a')*3 + b[0] - '1')) }

func combined(a, b stream) stream { return operators.CombineLatest(a, b, cell) }
func zipped(a, b stream) stream   { return operators.Zip(a, b, cell) }
func latest(a, b stream) stream   { return operators.WithLatestFrom(a, b, cell) }

func TestMerge(t *testing.T) {
	spec(t, with(merged, "---b-----d|"), "-a---c-|", "-a-b-c---d|")
	spec(t, with(merged, "---#"), "-a-----", "-a-#")
	spec(t, with(merged, "-----b"), "-a-#", "-a-#")
	spec(t, with(merged, "---|"), "-|", "---|")
	if err := operators.Merge[int]().ForEach(t.Context(), nil); err != nil {
		t.Error(err)
	}
	t.Run("after an error at once the rest is not subscribed to", func(t *testing.T) {
		source := leadership.New(func(*leadership.Scope, leadership.Observer[int]) { t.Error("subscribed") })
		if err := operators.Merge(leadership.Throw[int](marble.ErrMarble), source).ForEach(t.Context(), nil); !errors.Is(err, marble.ErrMarble) {
			t.Error(err)
		}
	})
}

func TestConcat(t *testing.T) {
	spec(t, with(chained, "-b|"), "-a-|", "-a--b|")
	spec(t, with(chained, "-b#"), "-a-|", "-a--b#")
	spec(t, with(chained, "-b|"), "-a-#", "-a-#")
	spec(t, with(chained, "-b|"), "-a-", "-a-")
	if err := operators.Concat[int]().ForEach(t.Context(), nil); err != nil {
		t.Error(err)
	}
	t.Run("more sources than a mailbox holds, each subscription from the first one", func(t *testing.T) {
		sources := make([]numbers, 1000)
		for i := range sources {
			sources[i] = leadership.Just(i)
		}
		o := operators.Concat(sources...)
		for range 2 {
			next := 0
			if err := o.ForEach(t.Context(), func(v int) {
				if v != next {
					t.Errorf("heard %d, want %d", v, next)
				}
				next++
			}); err != nil || next != 1000 {
				t.Errorf("heard %d, %v", next, err)
			}
		}
	})
}

func TestRace(t *testing.T) {
	spec(t, with(raced, "-1--2-|"), "---a-b|", "-1--2-|")
	spec(t, with(raced, "---1"), "-a--b|", "-a--b|")
	spec(t, with(raced, "---1"), "--|", "--|")
	spec(t, with(raced, "---1"), "--#", "--#")
	spec(t, with(raced, "--1-#"), "", "--1-#")
	if err := operators.Race[int]().ForEach(t.Context(), nil); err != nil {
		t.Error(err)
	}
	t.Run("the others are released when one emits", func(t *testing.T) {
		open := 0
		sub := operators.Race(held[int](&open), held(&open, 1), held(&open, 2)).Subscribe(func(v int) {
			if v != 1 || open != 1 {
				t.Errorf("heard %d with %d open", v, open)
			}
		})
		sub.Unsubscribe()
		if open != 0 {
			t.Errorf("%d left open", open)
		}
	})
	t.Run("of sources that begin at once, one is heard", func(t *testing.T) {
		for range 200 {
			var heard atomic.Int64
			source := func(n int64) leadership.Observable[int64] {
				return leadership.Create(func(s *leadership.Scope, out leadership.Observer[int64]) {
					s.Go(func() {
						out.Next(n)
						out.Next(n)
						out.Complete()
					})
				})
			}
			err := operators.Race(source(1), source(10), source(100)).ForEach(t.Context(), func(n int64) { heard.Add(n) })
			if n := heard.Load(); err != nil || n != 2 && n != 20 && n != 200 {
				t.Fatalf("heard %d, %v", n, err)
			}
		}
	})
}

func TestCombineLatest(t *testing.T) {
	spec(t, with(combined, "---1---2--|"), "-a---b---|", "---A-D-E--|")
	spec(t, with(combined, "---1|"), "-a-----b|", "---A---D|")
	spec(t, with(combined, "---|"), "-a--b", "---|")
	spec(t, with(combined, "-1--2"), "---|", "---|")
	spec(t, with(combined, "--1-#"), "-a-", "--A-#")
	spec(t, with(combined, "--1-"), "-a-#", "--A#")
	t.Run("the last one made is of the last of both", func(t *testing.T) {
		const n = 200
		count := func() numbers {
			return leadership.Create(func(s *leadership.Scope, out leadership.Observer[int]) {
				s.Go(func() {
					for i := range n {
						out.Next(i + 1)
					}
					out.Complete()
				})
			})
		}
		for range 50 {
			sum := 0
			o := operators.CombineLatest(count(), count(), func(a, b int) int { return a + b })
			if err := o.ForEach(t.Context(), func(v int) {
				if v < sum {
					t.Errorf("%d after %d", v, sum)
				}
				sum = v
			}, leadership.Mailbox(2*n+2)); err != nil || sum != 2*n {
				t.Fatalf("%d, %v", sum, err)
			}
		}
	})
}

func TestZip(t *testing.T) {
	spec(t, with(zipped, "--1---2---3"), "-a-b--c--|", "--A---E---(I|)")
	spec(t, with(zipped, "-----1"), "-a|", "-----(A|)")
	spec(t, with(zipped, "--|"), "-a-b", "--|")
	spec(t, with(zipped, "--1-#"), "-a-b", "--A-#")
	spec(t, with(zipped, "--1"), "-a-#", "--A#")
	t.Run("more than the mailbox holds may not wait", func(t *testing.T) {
		for _, tt := range []struct {
			values, mailbox int
			want            error
		}{{256, 0, nil}, {257, 0, leadership.ErrOverflow}, {2, 2, nil}, {3, 2, leadership.ErrOverflow}} {
			waiting := operators.Concat(leadership.FromSlice(make([]int, tt.values)), leadership.Never[int]())
			for _, o := range []numbers{
				operators.Zip(waiting, leadership.Never[int](), func(a, _ int) int { return a }),
				operators.Zip(leadership.Never[int](), waiting, func(a, _ int) int { return a }),
			} {
				sub := o.Subscribe(nil, leadership.Mailbox(tt.mailbox))
				if err := sub.Err(); !errors.Is(err, tt.want) {
					t.Errorf("%d values, mailbox %d: %v", tt.values, tt.mailbox, err)
				}
				sub.Unsubscribe()
			}
		}
	})
}

func TestWithLatestFrom(t *testing.T) {
	spec(t, with(latest, "--1-2"), "-a-b-c-|", "---D-H-|")
	spec(t, with(latest, "--1-2|"), "-a----b-|", "------E-|")
	spec(t, with(latest, "--1-#"), "-a-b", "---D#")
	spec(t, with(latest, "--1-"), "---a-#", "---A-#")
	spec(t, with(latest, ""), "-a-b|", "----|")
}

func ExampleMerge() {
	total := 0
	numbers := operators.Merge(leadership.Just(1, 2), leadership.Just(3))
	err := numbers.ForEach(context.Background(), func(n int) { total += n })
	fmt.Println(total, err)
	// Output: 6 <nil>
}

func ExampleConcat() {
	show(operators.Concat(leadership.Just("a", "b"), leadership.Just("c")))
	// Output: a b c |
}

func ExampleRace() {
	show(operators.Race(leadership.Never[string](), leadership.Just("from the second")))
	// Output: from the second |
}

func ExampleCombineLatest() {
	show(operators.CombineLatest(leadership.Just("a", "b"), leadership.Just(1, 2), func(s string, n int) string {
		return fmt.Sprint(s, n)
	}))
	// Output: b1 b2 |
}

func ExampleZip() {
	show(operators.Zip(leadership.Just("a", "b", "c"), leadership.Just(1, 2), func(s string, n int) string {
		return fmt.Sprint(s, n)
	}))
	// Output: a1 b2 |
}

func ExampleWithLatestFrom() {
	jobs, leader := leadership.Just("job 1", "job 2"), leadership.Just("node-1")
	show(operators.WithLatestFrom(jobs, leader, func(job, leader string) string { return job + " to " + leader }))
	// Output: job 1 to node-1 job 2 to node-1 |
}
