package leadership

import (
	"context"
	"iter"
	"slices"
)

// ForEach subscribes and blocks until the stream or ctx has ended and no callback runs any more. It returns nil after a completion, the
// cause of ctx when that has ended first, and otherwise what ended the subscription (see [Subscription.Err]).
func (o Observable[T]) ForEach(ctx context.Context, next func(T), opts ...SubscribeOption) error {
	sub := o.Subscribe(next, append(slices.Clip(opts), WithContext(ctx))...)
	<-sub.Done()
	return sub.Err()
}

// Seq is the stream for a range loop. A last pair carries a zero value and the error if the stream failed, or the cause if ctx has
// ended; after a completion there is none. Each range is one subscription, ended when the loop is left; the loop body runs
// on the goroutine that ranges. A hot source waits for a slow loop no more than for any subscriber.
//
//	for message, err := range member.AsObservable().Seq(ctx) {
func (o Observable[T]) Seq(ctx context.Context, opts ...SubscribeOption) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		values, sub := o.Chan(ctx, opts...)
		defer sub.Unsubscribe()
		for v := range values {
			if !yield(v, nil) {
				return
			}
		}
		if err := sub.Err(); err != nil {
			var none T
			yield(none, err)
		}
	}
}

// Chan subscribes and returns an unbuffered channel of the values, closed when the subscription has ended: [Subscription.Err] tells by what,
// nil being the completion. It returns at once and takes a goroutine while the source delivers within Subscribe.
//
// Who stops receiving has to end ctx or to call [Subscription.Unsubscribe].
func (o Observable[T]) Chan(ctx context.Context, opts ...SubscribeOption) (<-chan T, *Subscription) {
	values := make(chan T)
	var ended <-chan struct{}
	g := newGate(func(v T) {
		select {
		case values <- v:
		case <-ended:
		}
	}, append(slices.Clip(opts), WithContext(ctx)))
	g.finally = func() { close(values) }
	ended = g.scope.Context().Done()
	if g.enter() {
		go func() {
			defer g.leave()
			g.start(o)
		}()
	}
	return values, &g.Subscription
}
