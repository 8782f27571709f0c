package operators

import (
	"sync/atomic"

	"github.com/leadership-go/leadership"
)

// Tap calls f with each value before it passes that on.
//
//	-a-b-|
//	-a-b-|   f(a), f(b)
func Tap[T any](src leadership.Observable[T], f func(T)) leadership.Observable[T] {
	return leadership.New(func(s *leadership.Scope, out leadership.Observer[T]) {
		src.SubscribeIn(s, &tap[T]{out, f})
	})
}

type tap[T any] struct {
	leadership.Observer[T]
	f func(T)
}

func (t *tap[T]) Next(v T) {
	t.f(v)
	t.Observer.Next(v)
}

// Hooks are what [Do] calls. What is nil is left out.
type Hooks[T any] struct {
	// Next is called with each value.
	Next func(value T)
	// Error is called with the failure that ends the stream.
	Error func(err error)
	// Complete is called when the stream ends well.
	Complete func()
}

// Do calls a hook for each value, for the failure and for the completion, before it passes that on. What ends a subscription without being
// told on the way calls none: Unsubscribe, the end of the context and a panic; [Finally] hears of those too.
//
//	-a-b-|
//	-a-b-|   Next(a), Next(b), Complete()
func Do[T any](src leadership.Observable[T], hooks Hooks[T]) leadership.Observable[T] {
	return leadership.New(func(s *leadership.Scope, out leadership.Observer[T]) {
		src.SubscribeIn(s, &do[T]{out, hooks})
	})
}

type do[T any] struct {
	out   leadership.Observer[T]
	hooks Hooks[T]
}

func (d *do[T]) Next(v T) {
	if d.hooks.Next != nil {
		d.hooks.Next(v)
	}
	d.out.Next(v)
}

func (d *do[T]) Error(err error) {
	if d.hooks.Error != nil {
		d.hooks.Error(err)
	}
	d.out.Error(err)
}

func (d *do[T]) Complete() {
	if d.hooks.Complete != nil {
		d.hooks.Complete()
	}
	d.out.Complete()
}

// Finally calls f once for each subscription, when it ends, by whatever cause. A completion or a failure has been passed on by then.
// Otherwise, after Unsubscribe, the end of the context, a panic, or when an operator below has had enough, everything above has been released;
// a callback may still run where it was another goroutine that unsubscribed. f must not block.
//
//	-a-b-|
//	-a-b-|   then f()
//
// A panic in f ends the subscription with a [*leadership.PanicError] if it has not ended, and is joined to the error of
// [leadership.Subscription.Err] if it has.
func Finally[T any](src leadership.Observable[T], f func()) leadership.Observable[T] {
	return leadership.New(func(s *leadership.Scope, out leadership.Observer[T]) {
		o := &finally[T]{Observer: out, source: s.Child(), f: f}
		o.source.OnEnd(o.released)
		src.SubscribeIn(o.source, o)
	})
}

type finally[T any] struct {
	leadership.Observer[T]
	source *leadership.Scope
	f      func()
	taken  atomic.Bool // somebody calls f, or has
}

// released is for an end that nobody told us of.
func (o *finally[T]) released() {
	if !o.taken.Swap(true) {
		o.f()
	}
}

func (o *finally[T]) Error(err error) {
	if !o.taken.Swap(true) {
		defer o.f() // deferred, so that a panic below does not keep it from being called
	}
	o.source.End()
	o.Observer.Error(err)
}

func (o *finally[T]) Complete() {
	if !o.taken.Swap(true) {
		defer o.f()
	}
	o.source.End()
	o.Observer.Complete()
}
