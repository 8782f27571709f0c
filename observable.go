package leadership

import (
	"context"
	"errors"
)

// Observable is a stream of values that whoever subscribes receives. It is a small value: copy it, pass it on, keep it.
//
// Every Observable of this module keeps these rules, the Observable contract of ReactiveX and what Go needs besides:
//
//   - Any number of values, then at most one terminal: an error or the completion. Calls to one subscriber never overlap.
//   - Nothing is called after the terminal, nor after [Subscription.Unsubscribe] has returned from outside a callback.
//   - Unsubscribe, the end of the subscriber's context and a terminal release everything upstream, once. Cancellation is
//     its own cause in [Subscription.Err], never a completion, and calls neither OnError nor OnComplete.
//   - A panic in a callback, or in a function given to an operator, ends that one subscription with a [*PanicError].
//   - User code never runs under a lock; a callback may subscribe, unsubscribe and close.
//   - Nobody waits for a slow subscriber of a hot source: it has a mailbox of its own, and when that is full, the
//     subscription ends with [ErrOverflow].
//
// The zero Observable completes at once, as [Empty].
type Observable[T any] struct {
	subscribe func(s *Scope, out Observer[T])
}

// Observer receives a stream. Whoever calls it keeps the rules of [Observable]: no two calls at a time, nothing after
// Error or Complete.
type Observer[T any] interface {
	// Next receives a value.
	Next(value T)
	// Error receives the failure that ended the stream. It is not nil.
	Error(err error)
	// Complete is told that the stream has ended well.
	Complete()
}

// ErrOverflow ends a subscription that was too slow for its source, once its mailbox was full of what must not be lost.
var ErrOverflow = errors.New("leadership: subscriber too slow, mailbox full")

// ErrUnsubscribed is the cause that [Subscription.Err] gives after [Subscription.Unsubscribe].
var ErrUnsubscribed = errors.New("leadership: unsubscribed")

// errNilError stands in for a nil that was given as the error of a stream.
var errNilError = errors.New("leadership: a stream failed with a nil error")

// failure is err, and an error even if that is nil.
func failure(err error) error {
	if err == nil {
		return errNilError
	}
	return err
}

// New makes a source or an operator from the function that serves one subscription; it is for authors of those.
// [Create] is the safer choice where values come from several goroutines.
//
// subscribe runs once for each subscription, within the call of Subscribe. It and what it starts must call out by the
// rules of [Observable], and only
//
//   - before it returns,
//   - from functions run by [Scope.Do], [Scope.Go] or a [Timer], or from the observer of [Serialize], or
//   - from an observer that it subscribed upstream with [Observable.SubscribeIn].
//
// A source that loops must leave when [Scope.Ended] says so.
func New[T any](subscribe func(s *Scope, out Observer[T])) Observable[T] {
	return Observable[T]{subscribe: subscribe}
}

// SubscribeIn subscribes out as a part of the subscription that s belongs to, as an operator does with its source. What it
// starts ends with s.
func (o Observable[T]) SubscribeIn(s *Scope, out Observer[T]) {
	switch {
	case s.Ended():
	case o.subscribe == nil:
		out.Complete()
	default:
		o.subscribe(s, out)
	}
}

// Subscribe calls next for each value until the stream or the subscription ends. next may be nil.
//
// Sources that have their values at hand, such as [FromSlice], deliver before Subscribe returns; hot sources deliver
// from a goroutine that lives while there is something to deliver. Without [OnError] a failure shows in
// [Subscription.Err] only.
func (o Observable[T]) Subscribe(next func(T), opts ...SubscribeOption) *Subscription {
	g := newGate(next, opts)
	g.start(o)
	return &g.Subscription
}

// Pipe applies prepared chains of operators from left to right.
func (o Observable[T]) Pipe(fs ...func(Observable[T]) Observable[T]) Observable[T] {
	for _, f := range fs {
		if f != nil {
			o = f(o)
		}
	}
	return o
}

// SubscribeOption sets what a subscription does besides taking values.
type SubscribeOption func(*Subscription)

// OnError has f called when the stream fails. Its argument is never nil.
func OnError(f func(err error)) SubscribeOption {
	return func(s *Subscription) { s.onError = f }
}

// OnComplete has f called when the stream completes.
func OnComplete(f func()) SubscribeOption {
	return func(s *Subscription) { s.onComplete = f }
}

// WithContext ends the subscription when ctx ends, with the cause of ctx in [Subscription.Err]. No value is delivered after that.
func WithContext(ctx context.Context) SubscribeOption {
	return func(s *Subscription) { s.ctx = ctx }
}

// Mailbox sets how many undelivered values the source keeps for this subscriber before it coalesces, and in the end gives
// up with [ErrOverflow]. What one publication holds always fits an empty mailbox. Default, also for n < 1: what the source chose.
func Mailbox(n int) SubscribeOption {
	return func(s *Subscription) { s.mailbox = max(n, 0) }
}

// gate is the subscriber's end of a chain: the one place that calls the user's callbacks.
type gate[T any] struct {
	Subscription
	next func(T)
}

func newGate[T any](next func(T), opts []SubscribeOption) *gate[T] {
	if next == nil {
		next = func(T) {}
	}
	g := &gate[T]{next: next}
	g.scope.sub = &g.Subscription
	for _, opt := range opts {
		if opt != nil {
			opt(&g.Subscription)
		}
	}
	return g
}

// start subscribes the gate to o.
func (g *gate[T]) start(o Observable[T]) {
	if !g.enter() {
		return
	}
	defer g.leave()
	g.call(func() {
		if g.watch() {
			o.SubscribeIn(&g.scope, g)
		}
	})
}

// Next delivers a value. Whoever calls it holds an activity of the subscription (see [Subscription.enter]), so that one load is
// enough to know that the callback is waited for.
func (g *gate[T]) Next(v T) {
	if state := g.state.Load(); state <= 0 || state >= endedBit {
		g.nextAlone(v)
		return
	}
	if g.ctx != nil && g.cancelled() {
		return
	}
	g.next(v)
}

// nextAlone delivers for a source that did not say that it was active, and drops what comes after the end.
func (g *gate[T]) nextAlone(v T) {
	if !g.enter() {
		return
	}
	defer g.leave()
	if !g.cancelled() {
		g.call(func() { g.next(v) })
	}
}

// Error ends the subscription with err.
func (g *gate[T]) Error(err error) {
	g.finish(failure(err))
}

// Complete ends the subscription well.
func (g *gate[T]) Complete() { g.finish(nil) }
