package leadership

import (
	"sync"
	"sync/atomic"
)

// defaultQueue bounds what waits in an observer of [Serialize] unless the subscriber sets [Mailbox].
const defaultQueue = 256

// Serialize returns an observer that may be called from several goroutines at a time and from within its own callbacks, at any moment.
// It calls out one at a time, in the order in which the calls came, holding no lock: who comes while another calls
// out leaves the value behind and goes on. When more values wait than [Scope.Mailbox] says, 256 by default, out fails
// with [ErrOverflow] after them. A second terminal, and what comes after the end of s, is dropped.
//
// A panic in what it calls ends the subscription with a [*PanicError].
func Serialize[T any](s *Scope, out Observer[T]) Observer[T] {
	q := &serial[T]{scope: s, out: out, limit: s.Mailbox()}
	if q.limit == 0 {
		q.limit = defaultQueue
	}
	// It is an activity from here until it is stopped and idle: so an event costs no counting.
	if !s.sub.enter() {
		q.state.Store(serialStopped)
		return q
	}
	s.OnEnd(q.stop)
	return q
}

// serial is the observer of [Serialize].
type serial[T any] struct {
	scope *Scope
	out   Observer[T]
	limit int
	state atomic.Int32

	ended bool // a terminal was delivered; belongs to who is busy

	mu     sync.Mutex
	queue  []notice[T]
	left   atomic.Int64 // how much of what was taken from it waits still
	closed bool         // a terminal waits in the queue
}

// The bits of serial.state.
const (
	serialBusy    = 1 << iota // somebody calls out
	serialMore                // the queue has something for them
	serialStopped             // the scope has ended: nothing new is taken
)

// notice is one call of an observer, kept for later.
type notice[T any] struct {
	kind  kind
	value T
	err   error
}

// kind tells the three calls of an observer apart.
type kind uint8

const (
	kindNext kind = iota
	kindError
	kindComplete
)

// Next takes a value.
func (q *serial[T]) Next(v T) {
	if q.state.CompareAndSwap(0, serialBusy) {
		q.deliverNext(v)
		return
	}
	q.push(notice[T]{value: v})
}

// Error takes the failure of the stream.
func (q *serial[T]) Error(err error) { q.push(notice[T]{kind: kindError, err: failure(err)}) }

// Complete takes the completion of the stream.
func (q *serial[T]) Complete() { q.push(notice[T]{kind: kindComplete}) }

// push is the slow path: it delivers n if nobody is busy, or queues it.
func (q *serial[T]) push(n notice[T]) {
	q.mu.Lock()
	for {
		state := q.state.Load()
		switch {
		case state&serialStopped != 0 || q.closed:
			q.mu.Unlock()
			return
		case state == 0:
			if q.state.CompareAndSwap(0, serialBusy) {
				q.mu.Unlock()
				q.deliver(n)
				return
			}
		case q.state.CompareAndSwap(state, state|serialMore):
			if n.kind == kindNext && len(q.queue)+int(q.left.Load()) >= q.limit {
				n = notice[T]{kind: kindError, err: ErrOverflow}
			}
			q.queue = append(q.queue, n)
			q.closed = n.kind != kindNext
			q.mu.Unlock()
			return
		}
	}
}

// deliver calls out with n for whoever made the observer busy, then for those who came meanwhile.
func (q *serial[T]) deliver(n notice[T]) {
	returned := false
	defer func() {
		if !returned {
			q.panicked(recover())
		}
	}()
	q.one(n.kind, n.value, n.err)
	q.release()
	returned = true
}

// deliverNext is deliver for a value that found nobody busy: the way that most take.
func (q *serial[T]) deliverNext(v T) {
	returned := false
	defer func() {
		if !returned {
			q.panicked(recover())
		}
	}()
	if !q.ended {
		q.out.Next(v)
	}
	if !q.state.CompareAndSwap(serialBusy, 0) {
		q.release()
	}
	returned = true
}

// panicked takes what recover returned. The scope has ended by that, or before: nothing more is delivered.
func (q *serial[T]) panicked(value any) {
	q.scope.sub.recovered(value)
	q.drop()
}

// release delivers what came meanwhile until there is nothing, and makes the observer free.
func (q *serial[T]) release() {
	for !q.state.CompareAndSwap(serialBusy, 0) {
		batch, stopped := q.take()
		if stopped {
			return
		}
		for _, n := range batch {
			if q.state.Load()&serialStopped != 0 {
				break
			}
			q.left.Add(-1)
			q.one(n.kind, n.value, n.err)
		}
	}
}

func (q *serial[T]) one(k kind, v T, err error) {
	if q.ended {
		return
	}
	q.ended = k != kindNext
	switch k {
	case kindNext:
		q.out.Next(v)
	case kindError:
		q.out.Error(err)
	case kindComplete:
		q.out.Complete()
	}
}

// take empties the queue for the one who is busy. Where the scope has ended, it ends the activity instead.
func (q *serial[T]) take() (batch []notice[T], stopped bool) {
	q.mu.Lock()
	batch, q.queue = q.queue, nil
	q.left.Store(int64(len(batch)))
	for {
		state := q.state.Load()
		if state&serialStopped != 0 {
			q.mu.Unlock()
			q.drop()
			return nil, true
		}
		if q.state.CompareAndSwap(state, serialBusy) {
			q.mu.Unlock()
			return batch, false
		}
	}
}

// drop is called by the one who is busy, once the scope has ended.
func (q *serial[T]) drop() {
	if q.state.Swap(serialStopped)&serialStopped != 0 {
		q.scope.sub.leave()
	}
}

// stop takes nothing more, and ends the activity unless somebody is busy, who will then.
func (q *serial[T]) stop() {
	if q.state.Or(serialStopped)&serialBusy == 0 {
		q.scope.sub.leave()
	}
}
