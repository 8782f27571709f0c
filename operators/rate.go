package operators

import (
	"time"

	"github.com/leadership-go/leadership"
)

// ThrottleEdge says which values of a window [Throttle] emits.
type ThrottleEdge uint8

const (
	// ThrottleLeading stands for the first value, which opens the window.
	ThrottleLeading ThrottleEdge = iota
	// ThrottleTrailing stands for the latest value, when the window ends.
	ThrottleTrailing
	// ThrottleBoth stands for the first value, and for the latest when the window ends, if another one came.
	ThrottleBoth
)

// Throttle emits at most one value in d: the first one of a window, its latest, or both.
//
// A value that finds no window open opens one, which lasts d. With [ThrottleLeading] that value is emitted, and what else comes in the
// window is left out. With [ThrottleTrailing] the latest value of the window is emitted at its end, and that opens the next window. With
// [ThrottleBoth] both are; a value that is alone in its window is emitted once. A window counts from when its value came or was due, however
// long the subscriber is busy with it.
//
//	                      -abc----d-ef----|
//	leading, 3 frames     -a------d-------|
//	trailing, 3 frames    ----c------f----|
//	both, 3 frames        -a--c---d--f----|
//
// A value that waits for the end of its window when the source ends is emitted before the terminal, an error included, and at once; RxJS
// waits for the end of the window at a completion, and drops the value at an error. With d of 0 or less Throttle changes nothing. An edge that
// is none of the three fails at subscription with a [leadership.ErrInvalidConfig].
//
// With ThrottleTrailing and ThrottleBoth, what is due while the subscriber is busy waits, up to the size of its mailbox, 256 by default; when one
// more is due, the stream fails with [leadership.ErrOverflow] after that.
func Throttle[T any](src leadership.Observable[T], d time.Duration, edge ThrottleEdge) leadership.Observable[T] {
	switch edge {
	case ThrottleLeading, ThrottleTrailing, ThrottleBoth:
	default:
		return leadership.Throw[T](leadership.InvalidConfig("operators.Throttle edge", edge, "must be one of the ThrottleEdge constants"))
	}
	if d <= 0 {
		return src
	}
	return leadership.New(func(s *leadership.Scope, out leadership.Observer[T]) {
		if edge == ThrottleLeading {
			src.SubscribeIn(s, &throttleFirst[T]{Observer: out, d: d, start: time.Now()})
			return
		}
		t := &throttle[T]{both: edge == ThrottleBoth}
		src.SubscribeIn(t.begin(s, out, d, t.fire), t)
	})
}

// throttleFirst emits nothing later, so it needs a clock, but no timer.
type throttleFirst[T any] struct {
	leadership.Observer[T]
	d      time.Duration
	start  time.Time
	opened time.Duration // when the latest window was, since start
	any    bool          // there was one
}

func (t *throttleFirst[T]) Next(v T) {
	now := time.Since(t.start)
	if t.any && now-t.opened < t.d {
		return
	}
	t.opened, t.any = now, true
	t.Observer.Next(v)
}

// throttle has a window open while its alarm is armed.
type throttle[T any] struct {
	latest[T]
	both bool
}

func (t *throttle[T]) Next(v T) {
	t.Lock()
	defer t.deliver()
	if t.armed || !t.both {
		t.pending.put(v)
	} else {
		t.post(v)
	}
	if !t.armed {
		t.set(t.d)
	}
}

func (t *throttle[T]) fire() {
	t.Lock()
	defer t.deliver()
	if t.rang() && t.pending.full {
		t.pending.postTo(&t.outbox)
		t.set(t.d)
	}
}

// Sample emits, each d since subscription, the latest value if a new one came.
//
//	           -ab--c-----d-|
//	3 frames   ---b--c-----d|
//
// A value that waits for its time when the source ends is emitted before the terminal, an error included: the last message of an election
// counts the most. RxJava's sample drops it. With d of 0 or less Sample changes nothing.
//
// What is due while the subscriber is busy waits, up to the size of its mailbox, 256 by default; when one more is due, the stream fails
// with [leadership.ErrOverflow] after that. Sample has no timer running while no value waits.
func Sample[T any](src leadership.Observable[T], d time.Duration) leadership.Observable[T] {
	if d <= 0 {
		return src
	}
	return leadership.New(func(s *leadership.Scope, out leadership.Observer[T]) {
		p := &sample[T]{start: time.Now()}
		src.SubscribeIn(p.begin(s, out, d, p.fire), p)
	})
}

type sample[T any] struct {
	latest[T]
	start time.Time
}

func (p *sample[T]) Next(v T) {
	p.Lock()
	defer p.deliver()
	p.pending.put(v)
	if !p.armed {
		p.set(untilTick(p.start, p.d))
	}
}
