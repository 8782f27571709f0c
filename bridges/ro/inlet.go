package robridge

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/samber/ro"

	"github.com/leadership-go/leadership"
)

// ErrLeft ends a stream that was unsubscribed by ro itself, without a terminal.
var ErrLeft = errors.New("robridge: unsubscribed from within ro")

// errNil stands in for a nil that ro gave as an error.
var errNil = errors.New("robridge: a stream of ro failed with a nil error")

// status is how a stream has ended.
type status int32

const (
	open status = iota
	failed
	completed
)

// inlet is the subscriber that a chain of ro ends at. It stands in for ro's own because no lock is held while it is called, no panic gets out of it,
// it is closed from the moment when nobody wants the stream any more, and what is to be torn down waits for its time.
type inlet[T any] struct {
	ctx    context.Context //nolint:containedctx // of the passage, which asks for it at each value
	values chan T
	over   chan struct{} // status is set for good
	status atomic.Int32
	err    error // set before over is closed

	mu        sync.Mutex
	torn      bool
	teardowns []func()
}

func newInlet[T any](ctx context.Context, limit int) *inlet[T] {
	return &inlet[T]{ctx: ctx, values: make(chan T, limit), over: make(chan struct{})}
}

// deliver calls out with the values, and says how the stream has ended: open when it was not the stream that did.
func (i *inlet[T]) deliver(out leadership.Observer[T]) status {
	for {
		select {
		case v := <-i.values:
			out.Next(v)
			continue
		case <-i.ctx.Done():
			return open
		case <-i.over:
		}
		select {
		case v := <-i.values:
			out.Next(v)
			continue
		default:
			return status(i.status.Load())
		}
	}
}

// Next takes a value.
func (i *inlet[T]) Next(v T) { i.NextWithContext(context.Background(), v) }

// NextWithContext takes a value. It waits while there is no room.
func (i *inlet[T]) NextWithContext(ctx context.Context, v T) {
	if !i.IsClosed() {
		select {
		case i.values <- v:
			return
		case <-i.ctx.Done():
		}
	}
	ro.OnDroppedNotification(ctx, ro.NewNotificationNext(v))
}

// Error takes the failure of the stream.
func (i *inlet[T]) Error(err error) { i.ErrorWithContext(context.Background(), err) }

// ErrorWithContext takes the failure of the stream.
func (i *inlet[T]) ErrorWithContext(ctx context.Context, err error) {
	if err == nil {
		err = errNil
	}
	if !i.finish(failed, err) {
		ro.OnDroppedNotification(ctx, ro.NewNotificationError[T](err))
	}
}

// Complete takes the completion of the stream.
func (i *inlet[T]) Complete() { i.CompleteWithContext(context.Background()) }

// CompleteWithContext takes the completion of the stream.
func (i *inlet[T]) CompleteWithContext(ctx context.Context) {
	if !i.finish(completed, nil) {
		ro.OnDroppedNotification(ctx, ro.NewNotificationComplete[T]())
	}
}

// finish reports whether this was the first end. What ro makes of the end of its context is none.
func (i *inlet[T]) finish(how status, err error) bool {
	if i.ctx.Err() != nil || !i.status.CompareAndSwap(int32(open), int32(how)) {
		return false
	}
	i.err = err
	close(i.over)
	return true
}

// IsClosed reports whether nothing is taken any more.
func (i *inlet[T]) IsClosed() bool { return i.status.Load() != int32(open) || i.ctx.Err() != nil }

// HasThrown reports whether the stream has failed.
func (i *inlet[T]) HasThrown() bool { return i.status.Load() == int32(failed) }

// IsCompleted reports whether the stream has completed.
func (i *inlet[T]) IsCompleted() bool { return i.status.Load() == int32(completed) }

// Unsubscribe fails the stream: nobody at home has asked for it.
func (i *inlet[T]) Unsubscribe() { i.finish(failed, ErrLeft) }

// Wait blocks until nothing is taken any more.
func (i *inlet[T]) Wait() {
	select {
	case <-i.over:
	case <-i.ctx.Done():
	}
}

// Add has teardown called when the stream is released; at once if it has been.
func (i *inlet[T]) Add(teardown ro.Teardown) {
	if teardown == nil {
		return
	}
	i.mu.Lock()
	torn := i.torn
	if !torn {
		i.teardowns = append(i.teardowns, teardown)
	}
	i.mu.Unlock()
	if torn {
		teardown()
	}
}

// AddUnsubscribable has u unsubscribed when the stream is released; at once if it has been.
func (i *inlet[T]) AddUnsubscribable(u ro.Unsubscribable) {
	if u != nil {
		i.Add(u.Unsubscribe)
	}
}

// tearDown runs the teardowns by way of run, in the order of ro: first in, first out.
func (i *inlet[T]) tearDown(run func(teardown func())) {
	i.mu.Lock()
	teardowns := i.teardowns
	i.teardowns, i.torn = nil, true
	i.mu.Unlock()
	for _, teardown := range teardowns {
		run(teardown)
	}
}
