package operators_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/internal/marble"
	"github.com/leadership-go/leadership/operators"
)

// stream is what the diagrams of package marble are about.
type stream = leadership.Observable[string]

// spec checks that op makes want of source, in virtual time, and that it leaves nothing behind when it is unsubscribed at
// any frame on the way.
func spec(t *testing.T, op func(stream) stream, source, want string) {
	t.Helper()
	frames, err := marble.Parse(want)
	if err != nil {
		t.Fatal(err)
	}
	last := 0
	if len(frames) > 0 {
		last = frames[len(frames)-1].Frame
	}
	synctest.Test(t, func(t *testing.T) {
		r, sub := marble.Record(op(marble.Source(source)))
		time.Sleep(time.Duration(last+100) * marble.Frame)
		if got, _ := marble.Normal(want); got != r.Diagram() {
			t.Errorf("\n source %s\n   want %s\n    got %s", source, got, r.Diagram())
		}
		sub.Unsubscribe()
	})
	for cut := range last + 1 {
		synctest.Test(t, func(t *testing.T) {
			r, sub := marble.Record(op(marble.Source(source)))
			time.Sleep(time.Duration(cut)*marble.Frame + marble.Frame/2)
			sub.Unsubscribe()
			heard := r.Diagram()
			if before := upTo(frames, cut); heard != before {
				t.Errorf("\n source %s\n   want %s until frame %d\n    got %s", source, before, cut, heard)
			}
			time.Sleep(100 * marble.Frame)
			if now := r.Diagram(); now != heard {
				t.Errorf("unsubscribed in frame %d after %s, but heard %s", cut, heard, now)
			}
		})
	}
}

// upTo is the diagram of what has happened by the end of a frame.
func upTo(events []marble.Event, frame int) string {
	n := 0
	for n < len(events) && events[n].Frame <= frame {
		n++
	}
	return marble.Format(events[:n])
}

// atEnd has f called when o tells its terminal, before anything below hears of it. Whatever comes after that fails the test.
func atEnd[T any](t *testing.T, o leadership.Observable[T], f func()) leadership.Observable[T] {
	return leadership.New(func(s *leadership.Scope, out leadership.Observer[T]) {
		o.SubscribeIn(s, &ending[T]{t: t, Observer: out, f: f})
	})
}

type ending[T any] struct {
	leadership.Observer[T]
	t    *testing.T
	f    func()
	over bool
}

func (e *ending[T]) Next(v T) {
	if e.over {
		e.t.Errorf("%v after the terminal", v)
	}
	e.Observer.Next(v)
}

func (e *ending[T]) Error(err error) {
	e.end()
	e.Observer.Error(err)
}

func (e *ending[T]) Complete() {
	e.end()
	e.Observer.Complete()
}

func (e *ending[T]) end() {
	if e.over {
		e.t.Error("a second terminal")
	}
	e.over = true
	e.f()
}

// held emits values and then nothing, and counts in open how many subscriptions to it are not released.
func held[T any](open *int, values ...T) leadership.Observable[T] {
	return leadership.New(func(s *leadership.Scope, out leadership.Observer[T]) {
		*open++
		s.OnEnd(func() { *open-- })
		for _, v := range values {
			out.Next(v)
		}
	})
}

func TestSourcesAreReleasedBeforeTheTerminalIsTold(t *testing.T) {
	open := 0
	source, never, failed := held(&open, 1, 2, 3), held[int](&open), leadership.Throw[int](marble.ErrMarble)
	failAt3 := func(v int) numbers { return []numbers{never, never, never, failed}[v] }
	failAt2 := func(v int) (int, error) {
		if v == 2 {
			return 0, marble.ErrMarble
		}
		return v, nil
	}
	var fire func()
	notifier := leadership.New(func(_ *leadership.Scope, out leadership.Observer[int]) { fire = func() { out.Next(1) } })
	firing := operators.Map(source, func(v int) int {
		if v == 2 {
			fire()
		}
		return v
	})
	for name, o := range map[string]numbers{
		"TakeUntil, notified":  operators.TakeUntil(firing, notifier),
		"TakeUntil, failed":    operators.TakeUntil(failed, never),
		"Take":                 operators.Take(source, 2),
		"TakeWhile":            operators.TakeWhile(source, func(v int) bool { return v < 3 }),
		"ElementAt":            operators.ElementAt(source, 1),
		"MapErr":               operators.MapErr(source, failAt2),
		"FlatMap":              operators.FlatMap(source, failAt3),
		"SwitchMap":            operators.SwitchMap(source, failAt3),
		"ConcatMap":            operators.ConcatMap(source, func(int) numbers { return failed }),
		"Merge":                operators.Merge(source, never, failed),
		"CombineLatest":        operators.CombineLatest(source, failed, func(a, _ int) int { return a }),
		"Zip":                  operators.Zip(source, leadership.Just(1), func(a, _ int) int { return a }),
		"RepeatWhen, answered": operators.RepeatWhen(firing, func(numbers) numbers { return operators.Take(notifier, 1) }),
		"RepeatWhen, refused": operators.RepeatWhen(firing, func(numbers) numbers {
			return operators.MapErr(notifier, func(int) (int, error) { return 0, marble.ErrMarble })
		}),
		"RepeatWhen, failed": operators.RepeatWhen(failed, func(numbers) numbers { return never }),
		"OnErrorReturn":      operators.OnErrorReturn(operators.Merge(source, failed), func(error) int { return 0 }),
		"ErrorsAsTerminal":   numbered(operators.ErrorsAsTerminal)(source),
		"latest":             operators.WithLatestFrom(failed, source, func(a, _ int) int { return a }),
	} {
		t.Run(name, func(t *testing.T) {
			told := false
			sub := atEnd(t, o, func() {
				told = true
				if open != 0 {
					t.Errorf("told with %d open", open)
				}
			}).Subscribe(nil)
			sub.Unsubscribe()
			if !told || open != 0 {
				t.Errorf("told %v, %d left open", told, open)
			}
		})
	}
}
