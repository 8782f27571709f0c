package operators

import (
	"sync"
	"sync/atomic"

	"github.com/leadership-go/leadership"
)

// ObserveOn emits what src emits on a goroutine of its own, so that a slow subscriber does not hold src up.
//
//	-a-b-|
//	-a-b-|
//
// The goroutine lives while there is something to emit. What waits for it is kept, up to the size of the subscriber's mailbox, 256 by
// default; when one more value comes, src is released, and the stream fails with [leadership.ErrOverflow] after what waits. An error, as the
// completion, does not overtake the values before it.
func ObserveOn[T any](src leadership.Observable[T]) leadership.Observable[T] {
	return leadership.New(func(s *leadership.Scope, out leadership.Observer[T]) {
		o := &observeOn[T]{scope: s, source: s.Child(), out: out, limit: queueLimit(s)}
		o.runner = o.run
		src.SubscribeIn(o.source, o)
	})
}

type observeOn[T any] struct {
	scope  *leadership.Scope
	source *leadership.Scope
	out    leadership.Observer[T]
	limit  int
	runner func()       // o.run, made once
	left   atomic.Int64 // how many of what the goroutine has taken wait still

	mu     sync.Mutex // never held while calling out
	queue  []Notification[T]
	spare  []Notification[T] // an emptied queue, to be used again
	busy   bool              // the goroutine lives
	closed bool              // a terminal was queued
}

func (o *observeOn[T]) Next(v T)        { o.push(Notification[T]{Value: v}) }
func (o *observeOn[T]) Error(err error) { o.push(failed[T](err)) }
func (o *observeOn[T]) Complete()       { o.push(Notification[T]{Terminal: true}) }

func (o *observeOn[T]) push(n Notification[T]) {
	over, idle := o.enqueue(n)
	if over {
		o.source.End()
	}
	if idle {
		o.scope.Go(o.runner)
	}
}

// enqueue reports whether the source is over with n, and whether it takes a goroutine to emit what is queued.
func (o *observeOn[T]) enqueue(n Notification[T]) (over, idle bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return true, false
	}
	if !n.Terminal && len(o.queue)+int(o.left.Load()) >= o.limit {
		n = Notification[T]{Err: leadership.ErrOverflow, Terminal: true}
	}
	o.queue = append(o.queue, n)
	o.closed = n.Terminal
	idle = !o.busy
	o.busy = true
	return o.closed, idle
}

// run emits until nothing waits. After a panic, or the end of the subscription, it stays busy: there is nothing to do any more.
func (o *observeOn[T]) run() {
	for batch := o.take(nil); len(batch) > 0; batch = o.take(batch) {
		for _, n := range batch {
			if o.scope.Ended() {
				return
			}
			o.left.Add(-1)
			n.tell(o.out)
		}
	}
}

// take returns what is queued, and keeps done for later.
func (o *observeOn[T]) take(done []Notification[T]) (batch []Notification[T]) {
	clear(done)
	o.mu.Lock()
	defer o.mu.Unlock()
	if done != nil {
		o.spare = done[:0]
	}
	if len(o.queue) == 0 {
		o.busy = false
		return nil
	}
	batch, o.queue, o.spare = o.queue, o.spare, nil
	o.left.Store(int64(len(batch)))
	return batch
}
