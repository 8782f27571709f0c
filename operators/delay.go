package operators

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/leadership-go/leadership"
)

// ErrTimeout ends a stream of [Timeout] whose source was silent for too long.
var ErrTimeout = errors.New("leadership: timed out")

// Delay emits each value, and the completion, d after it came.
//
//	           -a-bc-|
//	2 frames   ---a-bc-|
//
// An error passes on at once, and what waits then is dropped. With d of 0 or less it changes nothing. The source is released when it
// completes.
//
// Values that wait, be it for their time or for a busy subscriber, are kept up to the size of its mailbox, 256 by default; when one
// more comes, the stream fails with [leadership.ErrOverflow], as with any error.
func Delay[T any](src leadership.Observable[T], d time.Duration) leadership.Observable[T] {
	if d <= 0 {
		return src
	}
	return leadership.New(func(s *leadership.Scope, out leadership.Observer[T]) {
		e := newExit(s, out)
		w := &delay[T]{outbox: newOutbox[T](s, e), d: d, source: e.source, start: time.Now()}
		w.timer = s.Timer(w.fire) // it outlives the source
		src.SubscribeIn(w.source, w)
	})
}

type delay[T any] struct {
	outbox[T]
	alarm
	d       time.Duration
	source  *leadership.Scope
	start   time.Time
	waiting []delayed[T]
	first   int           // the oldest in waiting
	over    bool          // the source has completed
	overAt  time.Duration // when it did, since start
}

// delayed is a value on its way.
type delayed[T any] struct {
	value T
	came  time.Duration // since start
}

func (w *delay[T]) Next(v T) {
	w.Lock()
	defer w.deliver()
	switch {
	case w.closed:
	case len(w.waiting)-w.first+w.backlog() >= w.limit:
		w.abort(leadership.ErrOverflow)
	default:
		w.keep(delayed[T]{v, time.Since(w.start)})
		if !w.armed {
			w.set(w.d)
		}
	}
}

// keep moves what waits to the front, at most once for each value, before it takes more memory.
func (w *delay[T]) keep(v delayed[T]) {
	if len(w.waiting) == cap(w.waiting) && w.first > len(w.waiting)/2 {
		n := copy(w.waiting, w.waiting[w.first:])
		clear(w.waiting[n:])
		w.waiting, w.first = w.waiting[:n], 0
	}
	w.waiting = append(w.waiting, v)
}

// fire posts what is due, and sets the alarm for what is not.
func (w *delay[T]) fire() {
	w.Lock()
	defer w.deliver()
	if !w.rang() {
		return
	}
	now := time.Since(w.start)
	for ; w.first < len(w.waiting); w.first++ {
		v := &w.waiting[w.first]
		if left := w.d - (now - v.came); left > 0 {
			w.set(left)
			return
		}
		w.post(v.value)
		*v = delayed[T]{}
	}
	w.waiting, w.first = w.waiting[:0], 0
	if !w.over {
		return
	}
	if left := w.d - (now - w.overAt); left > 0 {
		w.set(left)
		return
	}
	w.complete()
}

func (w *delay[T]) Error(err error) {
	w.source.End()
	w.Lock()
	defer w.deliver()
	w.abort(err)
}

// abort fails without what waits, and leaves no alarm behind.
func (w *delay[T]) abort(err error) {
	w.stop()
	w.waiting, w.first = nil, 0
	w.fail(err)
}

func (w *delay[T]) Complete() {
	w.source.End()
	w.Lock()
	defer w.deliver()
	if w.closed {
		return
	}
	w.over, w.overAt = true, time.Since(w.start)
	if !w.armed {
		w.set(w.d)
	}
}

// Timeout fails with an [ErrTimeout] when no value comes within d of the subscription or of the value before.
//
//	           -a-b-----c-|
//	3 frames   -a-b--#
//
// The source is released first. The time counts anew when the subscriber is done with a value, as in RxJava, so that a slow subscriber
// is not taken for a silent source. With d of 0 or less there is no limit, and it changes nothing.
func Timeout[T any](src leadership.Observable[T], d time.Duration) leadership.Observable[T] {
	if d <= 0 {
		return src
	}
	return leadership.New(func(s *leadership.Scope, out leadership.Observer[T]) {
		t := &timeout[T]{out: out, source: s.Child(), d: d, start: time.Now()}
		t.timer = t.source.Timer(t.fire)
		t.timer.Reset(d)
		src.SubscribeIn(t.source, t)
	})
}

// timeout does not touch its timer for a value: the timer finds out, when it fires, how long it has to go on.
type timeout[T any] struct {
	out    leadership.Observer[T]
	source *leadership.Scope
	d      time.Duration
	timer  *leadership.Timer
	start  time.Time

	mu   sync.Mutex    // never held while calling out
	last time.Duration // when the subscriber was done with the latest value, since start
	busy bool          // the subscriber has a value
	late bool          // the timer fired while it had: who comes back sets it again
	over bool          // the terminal was decided
}

func (t *timeout[T]) Next(v T) {
	if t.lend() {
		t.out.Next(v)
		t.back()
	}
}

// lend reports false when it is too late for a value.
func (t *timeout[T]) lend() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.busy = !t.over
	return t.busy
}

func (t *timeout[T]) back() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.busy, t.last = false, time.Since(t.start)
	if t.late {
		t.late = false
		t.timer.Reset(t.d)
	}
}

func (t *timeout[T]) fire() {
	if t.expired() {
		t.source.End()
		t.out.Error(fmt.Errorf("%w: no value for %v", ErrTimeout, t.d))
	}
}

// expired decides for the timeout, or has the timer go on.
func (t *timeout[T]) expired() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	left := t.d - (time.Since(t.start) - t.last)
	switch {
	case t.over:
		return false
	case t.busy:
		t.late = true
		return false
	case left > 0:
		t.timer.Reset(left)
		return false
	}
	t.over = true
	return true
}

// leave releases the source and stops the timer. It reports false when the terminal had been decided.
func (t *timeout[T]) leave() bool {
	t.mu.Lock()
	over := t.over
	t.over = true
	t.mu.Unlock()
	if over {
		return false
	}
	t.source.End()
	return true
}

func (t *timeout[T]) Error(err error) {
	if t.leave() {
		t.out.Error(err)
	}
}

func (t *timeout[T]) Complete() {
	if t.leave() {
		t.out.Complete()
	}
}
