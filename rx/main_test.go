package rx_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reactivex/rxgo/v2"
	"go.uber.org/goleak"

	"github.com/leadership-go/leadership"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errBroken = errors.New("broken")

// source counts its subscriptions, so that a test sees whether they were released.
type source[T any] struct{ total, active atomic.Int64 }

// emitting gives each subscriber the values, one each interval, and then what end does.
func (c *source[T]) emitting(interval time.Duration, end func(leadership.Observer[T]), values ...T) leadership.Observable[T] {
	return leadership.New(func(s *leadership.Scope, out leadership.Observer[T]) {
		c.total.Add(1)
		c.active.Add(1)
		s.OnEnd(func() { c.active.Add(-1) })
		s.Go(func() {
			ticks := time.NewTicker(max(interval, 1))
			defer ticks.Stop()
			for _, v := range values {
				if interval > 0 {
					select {
					case <-ticks.C:
					case <-s.Context().Done():
						return
					}
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

// all receives what rxgo sends until it closes the channel.
func all(items <-chan rxgo.Item) (seen []string) {
	for item := range items {
		if item.Error() {
			seen = append(seen, "#"+item.E.Error())
			continue
		}
		seen = append(seen, fmt.Sprint(item.V))
	}
	return append(seen, "|")
}

// bubble runs test on virtual time. It fails if a goroutine is left that can't go on.
func bubble(t *testing.T, name string, test func(t *testing.T)) {
	t.Helper()
	t.Run(name, func(t *testing.T) { synctest.Test(t, test) })
}

func identity(_ context.Context, v any) (any, error) { return v, nil }
