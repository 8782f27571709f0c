package robridge

import (
	"context"
	"slices"

	"github.com/samber/ro"

	"github.com/leadership-go/leadership"
)

// To is src for ro. Each subscription there is one of src: it gets all, the current state of a hot source first, and has a mailbox of its
// own, the size of which [leadership.Mailbox] sets in opts. Neither src nor anybody else waits for a subscriber of ro that is slow: its mailbox
// coalesces, and in the end it gets [leadership.ErrOverflow].
//
//	edges := ro.Pipe1(robridge.To(member.AsObservable()), ro.Filter(isEdge))
//	subscription := edges.SubscribeWithContext(ctx, observer)
//
// Subscribe returns at once. The observer is called from the goroutines of src, never by two at a time, and each value carries the context given
// to SubscribeWithContext, of which src sees the values, too. That context is the one of the subscription: its end is an error with its cause, no
// completion. Unsubscribe releases src before it returns, and does not wait for a call that is under way, as nowhere in ro.
//
// A panic in src is an error, a [*leadership.PanicError]. One in an observer made by [ro.NewObserver] goes to its own error function, as
// everywhere in ro, and the values go on. An observer that lets a panic out is called no more: the subscription ends, and
// [ro.OnUnhandledError] is told.
func To[T any](src leadership.Observable[T], opts ...leadership.SubscribeOption) ro.Observable[T] {
	return ro.NewUnsafeObservableWithContext(func(ctx context.Context, destination ro.Observer[T]) ro.Teardown {
		if ctx.Err() != nil {
			destination.ErrorWithContext(ctx, context.Cause(ctx))
			return nil
		}
		o := &outlet[T]{ctx: ctx, destination: destination}
		// On a goroutine of its own, as ro learns how to unsubscribe only when this function has returned.
		apart := leadership.New(func(s *leadership.Scope, out leadership.Observer[T]) {
			o.scope = s
			s.Go(func() { src.SubscribeIn(s, out) })
		})
		sub := apart.Subscribe(o.next, append(slices.Clip(opts),
			leadership.WithContext(ctx), leadership.OnError(o.fail), leadership.OnComplete(o.complete))...)
		stop := context.AfterFunc(ctx, func() {
			<-sub.Done() // no two calls at a time
			if !o.broken {
				destination.ErrorWithContext(ctx, context.Cause(ctx))
			}
		})
		return func() {
			stop()
			o.end()
		}
	})
}

// outlet is what src tells ro.
type outlet[T any] struct {
	ctx         context.Context //nolint:containedctx // ro hands a context on with each value
	destination ro.Observer[T]
	scope       *leadership.Scope
	broken      bool // the destination panicked: its locks may still be held
}

func (o *outlet[T]) next(v T) {
	o.broken = true
	o.destination.NextWithContext(o.ctx, v)
	o.broken = false
}

func (o *outlet[T]) fail(err error) {
	if !o.broken {
		o.destination.ErrorWithContext(o.ctx, err)
		return
	}
	if s, ok := o.destination.(ro.Subscription); ok {
		s.Unsubscribe()
	}
	ro.OnUnhandledError(o.ctx, err)
}

func (o *outlet[T]) complete() { o.destination.CompleteWithContext(o.ctx) }

// end unsubscribes without waiting: ro may hold locks that a call under way needs.
func (o *outlet[T]) end() {
	if o.scope != nil { // nil: the context ended before it began
		o.scope.End()
	}
}
