package robridge

import (
	"context"
	"sync/atomic"

	"github.com/samber/ro"

	"github.com/leadership-go/leadership"
)

// source is src for the chain of p. Each subscription of ro is one of src, within p.
func source[T any](p *passage, src leadership.Observable[T]) ro.Observable[T] {
	return ro.NewUnsafeObservableWithContext(func(ctx context.Context, destination ro.Observer[T]) ro.Teardown {
		t := &tap[T]{
			tapped:  tapped{idle: make(chan struct{}), done: make(chan struct{})},
			passage: p, scope: p.work.Child(), calls: make(chan call[T]), ctx: ctx, destination: destination,
		}
		if !p.add(&t.tapped) {
			t.fail(p.cause()) // no completion, after which Repeat would go on for ever
			return nil
		}
		t.over = t.scope.Context().Done()
		t.scope.Go(func() { src.SubscribeIn(t.scope, t) })
		go t.run()
		return func() {
			t.left.Store(true)
			t.scope.End()
		}
	})
}

// tap brings what comes from src to ro. It calls ro from a goroutine of its own: one of src, for which Unsubscribe waits without a
// limit, could stand still there for ever.
type tap[T any] struct {
	tapped
	passage     *passage
	scope       *leadership.Scope
	over        <-chan struct{}
	left        atomic.Bool     // ro has unsubscribed
	calls       chan call[T]    // never closed: a call may come late
	ctx         context.Context //nolint:containedctx // ro hands a context on with each value
	destination ro.Observer[T]
}

// call is one call of an observer on its way to ro.
type call[T any] struct {
	how   status
	value T
	err   error
}

// Next sends a value.
func (t *tap[T]) Next(v T) { t.send(call[T]{value: v}) }

// Error sends the failure of the stream.
func (t *tap[T]) Error(err error) { t.send(call[T]{how: failed, err: err}) }

// Complete sends the completion of the stream.
func (t *tap[T]) Complete() { t.send(call[T]{how: completed}) }

func (t *tap[T]) send(c call[T]) {
	select {
	case t.calls <- c:
	case <-t.over:
	}
}

// run calls ro until the stream, its subscription or its context ends.
func (t *tap[T]) run() {
	p := t.passage
	defer close(t.done)
	defer p.remove(&t.tapped)
	ended := true
	p.call(func() { ended = t.forward() })
	close(t.idle)
	if ended {
		return
	}
	select { // the passage ends
	case <-p.returned:
	case <-p.stuck: // a chain that waits within Subscribe hears of nothing else
		p.call(func() { t.fail(p.cause()) })
	}
}

// forward reports whether ro knows of the end.
func (t *tap[T]) forward() bool {
	defer t.scope.End()
	for {
		select {
		case c := <-t.calls:
			switch {
			case t.scope.Ended():
				return t.left.Load()
			case c.how == failed:
				t.fail(c.err)
				return true
			case c.how == completed:
				t.scope.End()
				t.destination.CompleteWithContext(t.ctx)
				return true
			}
			t.destination.NextWithContext(t.ctx, c.value)
		case <-t.ctx.Done():
			if t.passage.ctx.Err() != nil {
				return t.left.Load()
			}
			t.fail(context.Cause(t.ctx)) // a context of ro's own
			return true
		case <-t.over:
			return t.left.Load()
		}
	}
}

func (t *tap[T]) fail(err error) {
	t.scope.End()
	t.destination.ErrorWithContext(t.ctx, err)
}
