package operators_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/internal/marble"
	"github.com/leadership-go/leadership/operators"
)

func tapped(s stream) stream { return operators.Tap(s, func(string) {}) }

// hooked has all hooks.
func hooked(s stream) stream {
	return operators.Do(s, operators.Hooks[string]{Next: func(string) {}, Error: func(error) {}, Complete: func() {}})
}

// unhooked has none.
func unhooked(s stream) stream { return operators.Do(s, operators.Hooks[string]{}) }

func finished(s stream) stream { return operators.Finally(s, func() {}) }

func TestSideEffectsChangeNothing(t *testing.T) {
	for name, op := range map[string]func(stream) stream{
		"Tap": tapped, "Do": hooked, "Do, without hooks": unhooked, "Finally": finished, "Log": written,
	} {
		t.Run(name, func(t *testing.T) {
			for _, diagram := range []string{"-a-b-|", "-a-b-#", "(ab|)", "(a#)", "|", "#", "-a-", ""} {
				spec(t, op, diagram, diagram)
			}
		})
	}
}

// diary notes what happens.
type diary []string

func (d *diary) add(s string)      { *d = append(*d, s) }
func (d *diary) next(v int)        { d.add(fmt.Sprint("next ", v)) }
func (d *diary) failed(err error)  { d.add("error " + err.Error()) }
func (d *diary) completed()        { d.add("complete") }
func (d *diary) finally()          { d.add("finally") }
func (d *diary) told(v int)        { d.add(fmt.Sprint("told ", v)) }
func (d *diary) toldFailure(error) { d.add("told error") }
func (d *diary) toldCompletion()   { d.add("told complete") }

// read subscribes and notes what is told.
func (d *diary) read(o numbers, opts ...leadership.SubscribeOption) *leadership.Subscription {
	return o.Subscribe(d.told, append(opts, leadership.OnError(d.toldFailure), leadership.OnComplete(d.toldCompletion))...)
}

func (d *diary) expect(t *testing.T, want ...string) {
	t.Helper()
	if !slices.Equal(*d, want) {
		t.Errorf("noted %q, want %q", *d, want)
	}
}

func TestSideEffectsReleaseTheSourceBeforeTheTerminalIsTold(t *testing.T) {
	for name, op := range map[string]func(numbers) numbers{
		"Finally": func(s numbers) numbers { return operators.Finally(s, func() {}) },
		"Log": func(s numbers) numbers {
			return operators.Log(s, slog.New(slog.DiscardHandler), slog.LevelInfo, "s")
		},
	} {
		for _, ending := range []numbers{leadership.Empty[int](), leadership.Throw[int](marble.ErrMarble)} {
			released := false
			source := leadership.New(func(s *leadership.Scope, out leadership.Observer[int]) {
				s.OnEnd(func() { released = true })
				ending.SubscribeIn(s, out)
			})
			atEnd(t, op(source), func() {
				if !released {
					t.Errorf("%s: told before", name)
				}
			}).Subscribe(nil)
		}
	}
}

func TestTap(t *testing.T) {
	var d diary
	d.read(operators.Tap(leadership.Just(1, 2), d.next))
	d.expect(t, "next 1", "told 1", "next 2", "told 2", "told complete")
}

func TestDo(t *testing.T) {
	failing := operators.StartWith(leadership.Throw[int](marble.ErrMarble), 1)
	t.Run("each hook comes before the event passes on", func(t *testing.T) {
		var d diary
		hooks := operators.Hooks[int]{Next: d.next, Error: d.failed, Complete: d.completed}
		d.read(operators.Do(leadership.Just(1), hooks))
		d.expect(t, "next 1", "told 1", "complete", "told complete")
		d = nil
		d.read(operators.Do(failing, hooks))
		d.expect(t, "next 1", "told 1", "error marble: #", "told error")
	})
	t.Run("a hook that is nil is left out", func(t *testing.T) {
		var d diary
		d.read(operators.Do(failing, operators.Hooks[int]{Complete: d.completed}))
		d.read(operators.Do(leadership.Just(2), operators.Hooks[int]{Error: d.failed}))
		d.expect(t, "told 1", "told error", "told 2", "told complete")
	})
	t.Run("who leaves calls none", func(t *testing.T) {
		var d diary
		d.read(operators.Do(leadership.Never[int](), operators.Hooks[int]{Error: d.failed, Complete: d.completed})).Unsubscribe()
		d.expect(t)
	})
	t.Run("a panic in a hook is one of the subscription", func(t *testing.T) {
		for name, o := range map[string]numbers{
			"Error":    operators.Do(failing, operators.Hooks[int]{Error: func(error) { panic("boom") }}),
			"Complete": operators.Do(leadership.Just(1), operators.Hooks[int]{Complete: func() { panic("boom") }}),
		} {
			err := operators.Retry(o, operators.RetryPolicy{Max: 3}).ForEach(t.Context(), nil)
			if _, ok := errors.AsType[*leadership.PanicError](err); !ok {
				t.Errorf("%s: ended with %v", name, err)
			}
		}
	})
}

func TestFinally(t *testing.T) {
	failing := operators.StartWith(leadership.Throw[int](marble.ErrMarble), 1)
	t.Run("a terminal is told first", func(t *testing.T) {
		var d diary
		d.read(operators.Finally(leadership.Just(1), d.finally))
		d.expect(t, "told 1", "told complete", "finally")
		d = nil
		d.read(operators.Finally(failing, d.finally))
		d.expect(t, "told 1", "told error", "finally")
	})
	t.Run("everything above is released first, the nearest last", func(t *testing.T) {
		var d diary
		source := leadership.New(func(s *leadership.Scope, _ leadership.Observer[int]) { s.OnEnd(func() { d.add("released") }) })
		inner := operators.Finally(source, func() { d.add("inner") })
		d.read(operators.Finally(inner, func() { d.add("outer") })).Unsubscribe()
		d.expect(t, "released", "inner", "outer")
	})
	t.Run("once, though everything ends at once", func(t *testing.T) {
		for range 300 {
			var n atomic.Int64
			source := leadership.Create(func(s *leadership.Scope, out leadership.Observer[int]) {
				s.Go(func() { out.Complete() })
			})
			ctx, cancel := context.WithCancel(t.Context())
			sub := operators.Finally(source, func() { n.Add(1) }).Subscribe(nil, leadership.WithContext(ctx))
			var all sync.WaitGroup
			all.Go(cancel)
			all.Go(sub.Unsubscribe)
			all.Wait()
			if <-sub.Done(); n.Load() != 1 {
				t.Fatalf("called %d times", n.Load())
			}
		}
	})
	t.Run("for each subscription, a retried and a repeated one too", func(t *testing.T) {
		n := 0
		count := func() { n++ }
		_ = operators.Retry(operators.Finally(failing, count), operators.RetryPolicy{Max: 2}).ForEach(t.Context(), nil)
		if n != 3 {
			t.Errorf("called %d times for three attempts", n)
		}
		n = 0
		_ = operators.RepeatWhen(operators.Finally(leadership.Just(1), count), rounds(4)).ForEach(t.Context(), nil)
		if n != 4 {
			t.Errorf("called %d times for four rounds", n)
		}
	})
	t.Run("whatever the cause", func(t *testing.T) {
		callback := func(int) { panic("boom") }
		for name, end := range map[string]func(*testing.T, numbers, *diary){
			"Unsubscribe": func(_ *testing.T, o numbers, d *diary) { d.read(o).Unsubscribe() },
			"the end of the context": func(t *testing.T, o numbers, d *diary) {
				ctx, cancel := context.WithCancel(t.Context())
				sub := d.read(o, leadership.WithContext(ctx))
				cancel()
				<-sub.Done()
			},
			"an operator that has had enough": func(_ *testing.T, o numbers, d *diary) {
				operators.Take(o, 1).Subscribe(d.told)
			},
			"a panic in the callback": func(_ *testing.T, o numbers, _ *diary) { o.Subscribe(callback) },
			"a panic below":           func(_ *testing.T, o numbers, _ *diary) { operators.Map(o, boom[int, int]).Subscribe(nil) },
		} {
			t.Run(name, func(t *testing.T) {
				var d diary
				source := operators.Finally(operators.Merge(leadership.Just(1), leadership.Never[int]()), d.finally)
				end(t, source, &d)
				d = slices.DeleteFunc(d, func(s string) bool { return s == "told 1" })
				d.expect(t, "finally")
			})
		}
		t.Run("a panic above", func(t *testing.T) {
			var d diary
			operators.Finally(operators.Map(leadership.Just(1), boom[int, int]), d.finally).Subscribe(nil)
			d.expect(t, "finally")
		})
		t.Run("a panic below, at the terminal", func(t *testing.T) {
			var d diary
			below := operators.Hooks[int]{Error: func(error) { panic("boom") }, Complete: func() { panic("boom") }}
			for _, o := range []numbers{leadership.Empty[int](), leadership.Throw[int](marble.ErrMarble)} {
				err := operators.Do(operators.Finally(o, d.finally), below).Subscribe(nil).Err()
				if _, ok := errors.AsType[*leadership.PanicError](err); !ok {
					t.Errorf("ended with %v", err)
				}
			}
			d.expect(t, "finally", "finally")
		})
	})
	t.Run("above an operator that leaves, before the terminal is told", func(t *testing.T) {
		var d diary
		d.read(operators.Take(operators.Finally(leadership.Just(1, 2), d.finally), 1))
		d.expect(t, "told 1", "finally", "told complete")
	})
	t.Run("Done waits for it", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			for _, diagram := range []string{"-|", "-#", "-"} {
				var over atomic.Bool
				sub := operators.Finally(marble.Source(diagram), func() {
					time.Sleep(marble.Frame) // longer than it should
					over.Store(true)
				}).Subscribe(nil)
				time.Sleep(marble.Frame)
				sub.Unsubscribe()
				if <-sub.Done(); !over.Load() {
					t.Errorf("%s: done before", diagram)
				}
			}
		})
	})
	t.Run("a panic in it shows in the error of the subscription", func(t *testing.T) {
		for name, o := range map[string]numbers{
			"after a completion": leadership.Empty[int](), "after a failure": failing, "after Unsubscribe": leadership.Never[int](),
		} {
			sub := operators.Finally(o, func() { panic("boom") }).Subscribe(nil)
			sub.Unsubscribe()
			if failed, ok := errors.AsType[*leadership.PanicError](sub.Err()); !ok || failed.Value != "boom" {
				t.Errorf("%s: %v", name, sub.Err())
			}
		}
	})
}

func ExampleTap() {
	var seen []string
	leaders := operators.Tap(leadership.Just("node-1", "node-1", "node-2"), func(name string) { seen = append(seen, name) })
	show(operators.DistinctUntilChanged(leaders))
	fmt.Println(seen)
	// Output:
	// node-1 node-2 |
	// [node-1 node-1 node-2]
}

func ExampleDo() {
	terms := 0
	messages := leadership.Just(
		leadership.ElectionMessage{Status: leadership.StatusElected},
		leadership.ElectionMessage{Status: leadership.StatusElectedFirst},
	)
	counted := operators.Do(messages, operators.Hooks[leadership.ElectionMessage]{
		Next: func(m leadership.ElectionMessage) {
			if m.Status == leadership.StatusElectedFirst {
				terms++
			}
		},
		Complete: func() { fmt.Println("terms:", terms) },
	})
	counted.Subscribe(nil)
	// Output: terms: 1
}

func ExampleFinally() {
	jobs := operators.Finally(leadership.Just("job 1", "job 2", "job 3"), func() { fmt.Println("queue closed") })
	operators.Take(jobs, 2).Subscribe(func(job string) { fmt.Println(job) })
	// Output:
	// job 1
	// job 2
	// queue closed
}
