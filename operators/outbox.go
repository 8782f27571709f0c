package operators

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/leadership-go/leadership"
)

// defaultQueue bounds what an operator keeps for later unless the subscriber sets [leadership.Mailbox].
const defaultQueue = 256

// queueLimit is how many values an operator may keep for the subscriber of s.
func queueLimit(s *leadership.Scope) int {
	if n := s.Mailbox(); n > 0 {
		return n
	}
	return defaultQueue
}

// outbox emits in the order in which an operator decided, where decisions come from the source and from timers. Its lock guards the state
// of the operator too: who decides locks it, posts, and calls deliver, which unlocks it and then calls out.
type outbox[T any] struct {
	sync.Mutex
	scope  *leadership.Scope
	out    leadership.Observer[T]
	limit  int
	queue  []Notification[T]
	spare  []Notification[T] // an emptied queue, to be used again
	left   atomic.Int64      // how much of a batch being called out waits still
	busy   bool              // somebody calls out
	closed bool              // a terminal was posted
}

func newOutbox[T any](s *leadership.Scope, out leadership.Observer[T]) outbox[T] {
	return outbox[T]{scope: s, out: out, limit: queueLimit(s)}
}

// post has v emitted. When too much waits for a slow subscriber, the stream fails after that with [leadership.ErrOverflow].
func (o *outbox[T]) post(v T) {
	if o.backlog() >= o.limit {
		o.fail(leadership.ErrOverflow)
		return
	}
	o.push(Notification[T]{Value: v})
}

// backlog is how much waits to be called out.
func (o *outbox[T]) backlog() int { return len(o.queue) + int(o.left.Load()) }

// fail has the stream fail after what was posted.
func (o *outbox[T]) fail(err error) { o.push(failed[T](err)) }

// complete has the stream complete after what was posted.
func (o *outbox[T]) complete() { o.push(Notification[T]{Terminal: true}) }

func (o *outbox[T]) push(n Notification[T]) {
	if !o.closed {
		o.queue = append(o.queue, n)
		o.closed = n.Terminal
	}
}

// deliver unlocks, and calls out with all that was posted unless somebody is at it, who will.
func (o *outbox[T]) deliver() {
	if o.busy {
		o.Unlock()
		return
	}
	o.busy = true
	for len(o.queue) > 0 {
		batch := o.queue
		o.queue, o.spare = o.spare, nil
		o.left.Store(int64(len(batch)))
		o.Unlock()
		for _, n := range batch {
			o.left.Add(-1)
			if !o.scope.Ended() {
				n.tell(o.out)
			}
		}
		clear(batch)
		o.Lock()
		o.spare = batch[:0]
	}
	o.busy = false
	o.Unlock()
}

// untilTick is how long it is until the next multiple of d since start. Timers set by it do not drift, and make up for nothing that was missed.
func untilTick(start time.Time, d time.Duration) time.Duration { return d - time.Since(start)%d }

// alarm is a timer for an operator with an outbox, by whose lock it is guarded. Its function has to ask rang first.
type alarm struct {
	timer *leadership.Timer
	armed bool // a firing is to come
	void  int  // firings on their way that count no more
}

// set has the alarm fire d from now, and not when it would have.
func (a *alarm) set(d time.Duration) {
	if !a.timer.Reset(d) && a.armed {
		a.void++ // it had fired already, and waits for the lock
	}
	a.armed = true
}

// stop has it not fire.
func (a *alarm) stop() {
	if a.armed && !a.timer.Stop() {
		a.void++
	}
	a.armed = false
}

// rang reports whether a firing counts.
func (a *alarm) rang() bool {
	if a.void > 0 {
		a.void--
		return false
	}
	a.armed = false
	return true
}

// slot holds a value or none.
type slot[T any] struct {
	value T
	full  bool
}

func (s *slot[T]) put(v T) { s.value, s.full = v, true }

func (s *slot[T]) drop() { *s = slot[T]{} }

// postTo posts what is there, and empties the slot.
func (s *slot[T]) postTo(o *outbox[T]) {
	if s.full {
		o.post(s.value)
		s.drop()
	}
}

// exit is what an outbox calls where too many values or a timer may end the stream: it releases the source before the terminal is told.
type exit[T any] struct{ prefix[T] }

func newExit[T any](s *leadership.Scope, out leadership.Observer[T]) *exit[T] {
	return &exit[T]{newPrefix(s, out)}
}

func (e *exit[T]) Next(v T) { e.out.Next(v) }
