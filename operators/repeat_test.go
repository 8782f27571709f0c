package operators_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/internal/marble"
	"github.com/leadership-go/leadership/operators"
)

// repeated repeats as when says.
func repeated[U any](when func(numbers) leadership.Observable[U]) func(stream) stream {
	return func(s stream) stream { return operators.RepeatWhen(s, when) }
}

// rounds is for so many of them.
func rounds(n int) func(numbers) numbers {
	return func(completed numbers) numbers {
		return operators.TakeWhile(completed, func(done int) bool { return done < n })
	}
}

// later answers some frames after a completion.
func later(frames int) func(numbers) numbers {
	return func(completed numbers) numbers {
		return operators.Debounce(completed, time.Duration(frames)*marble.Frame)
	}
}

// answered plays a diagram from the subscription on.
func answered(diagram string) func(numbers) stream {
	return func(numbers) stream { return marble.Source(diagram) }
}

func TestRepeatWhen(t *testing.T) {
	spec(t, repeated(rounds(3)), "-a-|", "-a--a--a-|")
	spec(t, repeated(rounds(1)), "-a-|", "-a-|")
	spec(t, repeated(rounds(2)), "(ab|)", "(abab|)")
	spec(t, repeated(rounds(2)), "|", "|")
	spec(t, repeated(rounds(2)), "-a-", "-a")
	t.Run("a pause between the rounds", func(t *testing.T) {
		spec(t, repeated(func(completed numbers) numbers { return rounds(3)(later(2)(completed)) }), "-a-|", "-a----a----a---|")
	})
	t.Run("an error of the source passes at once", func(t *testing.T) {
		spec(t, repeated(rounds(3)), "-a-#", "-a-#")
		spec(t, repeated(answered("--------x")), "-a-#", "-a-#")
	})
	t.Run("the terminal of the answers is that of the whole, and cuts a round short", func(t *testing.T) {
		spec(t, repeated(answered("---|")), "-a---b|", "-a-|")
		spec(t, repeated(answered("---#")), "-a---b|", "-a-#")
		spec(t, repeated(answered("-----|")), "-a-|", "-a---|")
		spec(t, repeated(answered("-----#")), "-a-|", "-a---#")
	})
	t.Run("an answer counts once, and not before the completion", func(t *testing.T) {
		spec(t, repeated(answered("-x---x---(xx)")), "-a-|", "-a----a---a")
		spec(t, repeated(answered("(xx)x")), "-a-|", "-a-")
	})
	t.Run("the last answer and the completion together begin no round", func(t *testing.T) {
		begun := 0
		source := leadership.Defer(func() stream {
			begun++
			return marble.Source("-a-|")
		})
		once := func(completed numbers) numbers { return operators.Take(completed, 2) }
		spec(t, repeated(once), "-a-|", "-a--a-|")
		synctest.Test(t, func(t *testing.T) {
			if err := operators.RepeatWhen(source, once).ForEach(t.Context(), nil); err != nil || begun != 2 {
				t.Errorf("%d rounds, %v", begun, err)
			}
		})
	})
	t.Run("answers that are complete before the first round keep it from beginning", func(t *testing.T) {
		source := leadership.New(func(*leadership.Scope, leadership.Observer[int]) { t.Error("subscribed") })
		for _, tt := range []struct {
			answers numbers
			want    error
		}{{leadership.Empty[int](), nil}, {leadership.Just(1, 2), nil}, {leadership.Throw[int](marble.ErrMarble), marble.ErrMarble}} {
			err := operators.RepeatWhen(source, func(numbers) numbers { return tt.answers }).ForEach(t.Context(), nil)
			if !errors.Is(err, tt.want) {
				t.Errorf("ended with %v", err)
			}
		}
	})
	t.Run("rounds are counted, each subscription from 1", func(t *testing.T) {
		var counts []int
		asked := 0
		o := operators.RepeatWhen(leadership.Just("a"), func(completed numbers) numbers {
			asked++
			return operators.Tap(rounds(3)(completed), func(n int) { counts = append(counts, n) })
		})
		for range 2 {
			if err := o.ForEach(t.Context(), nil); err != nil {
				t.Error(err)
			}
		}
		if !slices.Equal(counts, []int{1, 2, 1, 2}) || asked != 2 {
			t.Errorf("counted %v, asked %d times", counts, asked)
		}
	})
	t.Run("the completions may be subscribed to any number of times, from outside too", func(t *testing.T) {
		var outside *leadership.Subscription
		heard := 0
		source := leadership.New(func(_ *leadership.Scope, out leadership.Observer[string]) {
			out.Next("a")
			out.Complete() // without asking whether it is still heard
		})
		o := operators.RepeatWhen(source, func(completed numbers) numbers {
			outside = completed.Subscribe(func(n int) { heard += n })
			return operators.Merge(rounds(3)(completed), completed)
		})
		n := 0
		if err := operators.Take(o, 5).ForEach(t.Context(), func(string) { n++ }); err != nil || n != 5 {
			t.Errorf("heard %d, %v", n, err)
		}
		if heard != 1+2+3+4 { // the fifth round was left within
			t.Errorf("outside %d was heard", heard)
		}
		if outside.Err() != nil {
			t.Errorf("outside ended with %v", outside.Err())
		}
		outside.Unsubscribe()
	})
	t.Run("who leaves the completions is forgotten", func(t *testing.T) {
		var left weak.Pointer[[]int]
		sub := operators.RepeatWhen(leadership.Empty[int](), func(completed numbers) numbers {
			heard := new([]int)
			left = weak.Make(heard)
			completed.Subscribe(func(n int) { *heard = append(*heard, n) }).Unsubscribe()
			return operators.IgnoreElements(completed)
		}).Subscribe(nil)
		for range 3 {
			runtime.GC()
		}
		if left.Value() != nil {
			t.Error("it is still there")
		}
		sub.Unsubscribe()
	})
	t.Run("a round is released before its completion is told, and the next begins after that", func(t *testing.T) {
		open, begun := 0, 0
		source := leadership.New(func(s *leadership.Scope, out leadership.Observer[int]) {
			begun++
			if open++; open > 1 {
				t.Error("two rounds at a time")
			}
			s.OnEnd(func() { open-- })
			out.Complete()
		})
		err := operators.RepeatWhen(source, func(completed numbers) numbers {
			return operators.Tap(rounds(9)(completed), func(n int) {
				if open != 0 || begun != n {
					t.Errorf("told of round %d with %d open and %d begun", n, open, begun)
				}
			})
		}).ForEach(t.Context(), nil)
		if err != nil || open != 0 || begun != 9 {
			t.Errorf("ended with %v, %d open, %d begun", err, open, begun)
		}
	})
	t.Run("rounds at once do not grow the stack", func(t *testing.T) {
		const last = 2000
		depths, begun := map[int]bool{}, 0
		source := leadership.Defer(func() numbers {
			depths[runtime.Callers(0, make([]uintptr, 10*last))] = true
			begun++
			return leadership.Just(begun)
		})
		for name, when := range map[string]func(numbers) numbers{
			"answered directly": rounds(last),
			"answered through streams": func(completed numbers) numbers {
				return operators.ConcatMap(rounds(last)(completed), func(n int) numbers { return leadership.Just(n) })
			},
		} {
			clear(depths)
			begun = 0
			sum := 0
			if err := operators.RepeatWhen(source, when).ForEach(t.Context(), func(v int) { sum += v }); err != nil {
				t.Error(err)
			}
			if begun != last || sum != last*(last+1)/2 || len(depths) != 1 {
				t.Errorf("%s: %d rounds, sum %d; %d different depths", name, begun, sum, len(depths))
			}
		}
	})
	t.Run("rounds on goroutines of their own and answers from timers lose nothing", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			const last = 300
			source := leadership.Create(func(s *leadership.Scope, out leadership.Observer[int]) {
				s.Go(func() {
					out.Next(1)
					out.Next(1)
					out.Complete()
				})
			})
			n := 0
			err := operators.RepeatWhen(source, func(completed numbers) numbers {
				return rounds(last)(operators.Debounce(completed, time.Millisecond))
			}).ForEach(t.Context(), func(v int) { n += v })
			if err != nil || n != 2*last {
				t.Errorf("heard %d, %v", n, err)
			}
		})
	})
	t.Run("answers that race with completions begin one round at a time", func(t *testing.T) {
		open, begun := make(chan struct{}, 1), 0
		source := leadership.Create(func(s *leadership.Scope, out leadership.Observer[int]) {
			select {
			case open <- struct{}{}:
			default:
				t.Error("two rounds at a time")
			}
			begun++
			s.OnEnd(func() { <-open })
			s.Go(func() {
				out.Next(1)
				out.Complete()
			})
		})
		o := operators.RepeatWhen(source, func(numbers) numbers { return ticks(t.Context(), 5*time.Microsecond) })
		if err := operators.Take(o, 500).ForEach(t.Context(), nil); err != nil || begun != 500 {
			t.Errorf("%d rounds, %v", begun, err)
		}
	})
	t.Run("a loop without end ends with its subscription", func(t *testing.T) {
		n := 0
		endless := operators.RepeatWhen(leadership.Just(1), func(completed numbers) numbers { return completed })
		sub := endless.Subscribe(func(int) {
			if n++; n == 1000 {
				panic("enough")
			}
		})
		if _, ok := errors.AsType[*leadership.PanicError](sub.Err()); !ok || n != 1000 {
			t.Errorf("ended with %v after %d", sub.Err(), n)
		}
		if err := operators.Take(endless, 7).ForEach(t.Context(), nil); err != nil {
			t.Error(err)
		}
	})
	t.Run("a panic is no completion", func(t *testing.T) {
		for name, o := range map[string]numbers{
			"of when":       operators.RepeatWhen(leadership.Just(1), func(numbers) numbers { panic("boom") }),
			"of the answer": operators.RepeatWhen(leadership.Empty[int](), func(c numbers) numbers { return operators.Map(c, boom[int, int]) }),
			"of the source": operators.RepeatWhen(operators.Map(leadership.Just(1), boom[int, int]), rounds(3)),
		} {
			failed, ok := errors.AsType[*leadership.PanicError](operators.Retry(o, operators.RetryPolicy{Max: 3}).ForEach(t.Context(), nil))
			if !ok || failed.Value != "boom" {
				t.Errorf("%s: ended with %v", name, failed)
			}
		}
	})
}

func ExampleRepeatWhen() {
	// A reading of who leads, made anew twice.
	reading := 0
	leader := leadership.Defer(func() leadership.Observable[string] {
		reading++
		return leadership.Just(fmt.Sprintf("reading %d: node-1", reading))
	})
	show(operators.RepeatWhen(leader, func(completions leadership.Observable[int]) leadership.Observable[int] {
		return operators.TakeWhile(completions, func(n int) bool { return n < 3 })
	}))
	// Output: reading 1: node-1 reading 2: node-1 reading 3: node-1 |
}

// In place of the completions themselves, something later can begin the next round: here 10 ms.
func ExampleRepeatWhen_pause() {
	began := time.Now()
	polled := operators.RepeatWhen(leadership.Just("node-1"), func(completions leadership.Observable[int]) leadership.Observable[int] {
		return operators.Debounce(completions, 10*time.Millisecond)
	})
	err := operators.Take(polled, 3).ForEach(context.Background(), func(leader string) { fmt.Println(leader) })
	fmt.Println(err, time.Since(began) >= 20*time.Millisecond)
	// Output:
	// node-1
	// node-1
	// node-1
	// <nil> true
}
