package robridge_test

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/samber/ro"
	"go.uber.org/goleak"

	"github.com/leadership-go/leadership"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errBroken = errors.New("broken")

// counted counts its subscriptions, so that a test sees whether they were released.
type counted[T any] struct{ total, active atomic.Int64 }

// emitting gives each subscriber the values, one each interval, and then does what end does. Without an interval it delivers within Subscribe.
func (c *counted[T]) emitting(interval time.Duration, end func(leadership.Observer[T]), values ...T) leadership.Observable[T] {
	return leadership.New(func(s *leadership.Scope, out leadership.Observer[T]) {
		c.total.Add(1)
		c.active.Add(1)
		s.OnEnd(func() { c.active.Add(-1) })
		if interval <= 0 {
			for _, v := range values {
				if s.Ended() {
					return
				}
				out.Next(v)
			}
			end(out)
			return
		}
		s.Go(func() {
			ticks := time.NewTicker(interval)
			defer ticks.Stop()
			for _, v := range values {
				select {
				case <-ticks.C:
				case <-s.Context().Done():
				}
				if s.Ended() {
					return
				}
				out.Next(v)
			}
			end(out)
		})
	})
}

func (c *counted[T]) released(t *testing.T, atLeast int64) {
	t.Helper()
	if total, active := c.total.Load(), c.active.Load(); active != 0 || total < atLeast {
		t.Errorf("%d of %d subscriptions are left", active, total)
	}
}

func complete[T any](out leadership.Observer[T]) { out.Complete() }

func fail[T any](out leadership.Observer[T]) { out.Error(errBroken) }

func stay[T any](leadership.Observer[T]) {}

func numbers(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return all
}

// trace is what a subscriber saw.
type trace struct {
	mu   sync.Mutex
	seen []string
}

func (r *trace) add(what string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen = append(r.seen, what)
}

// all is a copy of what was seen so far.
func (r *trace) all() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.seen)
}

func (r *trace) is(t *testing.T, want ...string) {
	t.Helper()
	if seen := r.all(); !slices.Equal(seen, want) {
		t.Errorf("saw %q, want %q", seen, want)
	}
}

// traced subscribes to o and writes down all that comes.
func traced[T any](r *trace, o leadership.Observable[T], opts ...leadership.SubscribeOption) *leadership.Subscription {
	opts = append(opts,
		leadership.OnError(func(err error) { r.add("#" + err.Error()) }),
		leadership.OnComplete(func() { r.add("|") }))
	return o.Subscribe(func(v T) { r.add(fmt.Sprint(v)) }, opts...)
}

// observer writes down all that ro says.
func observer[T any](r *trace) ro.Observer[T] {
	return ro.NewObserver(
		func(v T) { r.add(fmt.Sprint(v)) },
		func(err error) { r.add("#" + err.Error()) },
		func() { r.add("|") })
}

// bubble runs test on virtual time. It fails if a goroutine is left that can't go on.
func bubble(t *testing.T, name string, test func(t *testing.T)) {
	t.Helper()
	t.Run(name, func(t *testing.T) { synctest.Test(t, test) })
}

// within fails the test unless done is closed soon, by the real clock: for what a lock of ro would stop for ever.
func within(t *testing.T, what string, done <-chan struct{}) {
	t.Helper()
	const limit = 10 * time.Second
	select {
	case <-done:
	case <-time.After(limit):
		t.Fatalf("%s: not within %v", what, limit)
	}
}

// panicValue is the innermost value of the panic that ended a subscription, nil if none did.
func panicValue(err error) any {
	caught, ok := errors.AsType[*leadership.PanicError](err)
	if !ok {
		return nil
	}
	if inner, ok := caught.Value.(*leadership.PanicError); ok {
		return inner.Value
	}
	return caught.Value
}

func identity[T any](v T) T { return v }

func exit() { runtime.Goexit() }
