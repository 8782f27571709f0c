package operators

import (
	"time"

	"github.com/leadership-go/leadership"
)

// firstBuffer bounds the memory that a buffer takes before it holds values.
const firstBuffer = 64

// BufferCount emits the values in slices of n, and what is left when the source completes.
//
//	    -a-b-c-|
//	2   ---x---(y|)   x of a and b, y of c
//
// An error passes on at once, without what is left. Each slice belongs to the receiver. With n below 1 it fails at subscription with
// a [leadership.ErrInvalidConfig].
func BufferCount[T any](src leadership.Observable[T], n int) leadership.Observable[[]T] {
	if n < 1 {
		return leadership.Throw[[]T](badCount("BufferCount", n))
	}
	return leadership.New(func(s *leadership.Scope, out leadership.Observer[[]T]) {
		src.SubscribeIn(s, &bufferCount[T]{out: out, n: n})
	})
}

type bufferCount[T any] struct {
	out    leadership.Observer[[]T]
	n      int
	buffer []T
}

func (b *bufferCount[T]) Next(v T) {
	if b.buffer == nil {
		b.buffer = make([]T, 0, min(b.n, firstBuffer))
	}
	b.buffer = append(b.buffer, v)
	if len(b.buffer) == b.n {
		b.emit()
	}
}

func (b *bufferCount[T]) emit() {
	full := b.buffer
	b.buffer = nil
	b.out.Next(full)
}

func (b *bufferCount[T]) Error(err error) {
	b.buffer = nil
	b.out.Error(err)
}

func (b *bufferCount[T]) Complete() {
	if len(b.buffer) > 0 {
		b.emit()
	}
	b.out.Complete()
}

// BufferTime emits, each d since subscription, a slice of the values that came, also an empty one.
//
//	           -a-b----c-|
//	3 frames   ---x--y--z(y|)   x of a and b, y of none, z of c
//
// A completion emits what came since, also if that is nothing; an error passes on at once, without it. Each slice belongs to the receiver. Times
// that were missed, because the process did not run, are left out. With d of 0 or less it fails at subscription with
// a [leadership.ErrInvalidConfig].
//
// A slice holds as many values as the subscriber's mailbox, 256 by default; when one more comes, the stream fails
// with [leadership.ErrOverflow], as with any error. [BufferTimeOrCount] emits a full slice instead. As many slices may wait for a busy
// subscriber; when one more is due, the stream fails so after them.
func BufferTime[T any](src leadership.Observable[T], d time.Duration) leadership.Observable[[]T] {
	if d <= 0 {
		return leadership.Throw[[]T](badPeriod("BufferTime", d))
	}
	return bufferTimed(src, d, 0)
}

// BufferTimeOrCount emits a slice of the values that came when there are n, or d after the slice before, also an empty one then.
//
//	              -abc--d-----|
//	3 frames, 2   --x--y--z--w(w|)   x of a and b, y of c, z of d, w of none
//
// The time starts again when a slice is full. A completion emits what came since, also if that is nothing; an error passes on at once, without
// it. Each slice belongs to the receiver. Times that were missed, because the process did not run, are left out. With d of 0 or less, and
// with n below 1, it fails at subscription with a [leadership.ErrInvalidConfig].
//
// Slices that wait for a busy subscriber are kept up to the size of its mailbox, 256 by default; when one more is due, the stream fails
// with [leadership.ErrOverflow] after them.
func BufferTimeOrCount[T any](src leadership.Observable[T], d time.Duration, n int) leadership.Observable[[]T] {
	switch {
	case d <= 0:
		return leadership.Throw[[]T](badPeriod("BufferTimeOrCount", d))
	case n < 1:
		return leadership.Throw[[]T](badCount("BufferTimeOrCount", n))
	}
	return bufferTimed(src, d, n)
}

func badCount(operator string, n int) error {
	return leadership.InvalidConfig("operators."+operator+" count", n, "must be at least 1")
}

func badPeriod(operator string, d time.Duration) error {
	return leadership.InvalidConfig("operators."+operator+" duration", d, "must be positive")
}

// bufferTimed emits a buffer of n values at once; n of 0 stands for never.
func bufferTimed[T any](src leadership.Observable[T], d time.Duration, n int) leadership.Observable[[]T] {
	return leadership.New(func(s *leadership.Scope, out leadership.Observer[[]T]) {
		e := newExit(s, out)
		b := &bufferTime[T]{outbox: newOutbox[[]T](s, e), d: d, n: n}
		b.timer = e.source.Timer(b.fire)
		b.Lock()
		b.restart()
		b.Unlock()
		src.SubscribeIn(e.source, b)
	})
}

// bufferTime has an alarm that ends with the source.
type bufferTime[T any] struct {
	outbox[[]T]
	alarm
	d      time.Duration
	n      int
	start  time.Time // of the series of periods
	buffer []T
}

// restart begins a series of periods.
func (b *bufferTime[T]) restart() {
	b.start = time.Now()
	b.set(b.d)
}

func (b *bufferTime[T]) Next(v T) {
	b.Lock()
	defer b.deliver()
	switch {
	case b.closed:
		return
	case b.n == 0 && len(b.buffer) >= b.limit:
		b.abort(leadership.ErrOverflow)
		return
	}
	b.buffer = append(b.buffer, v)
	if len(b.buffer) == b.n {
		b.emit()
		b.restart()
	}
}

// emit posts what came since it was called before, never nil.
func (b *bufferTime[T]) emit() {
	came := b.buffer
	b.buffer = nil
	if came == nil {
		came = []T{}
	}
	b.post(came)
}

func (b *bufferTime[T]) fire() {
	b.Lock()
	defer b.deliver()
	if !b.rang() || b.closed {
		return
	}
	b.emit()
	b.set(untilTick(b.start, b.d))
}

func (b *bufferTime[T]) Error(err error) {
	b.Lock()
	defer b.deliver()
	b.abort(err)
}

// abort fails without what is in the buffer.
func (b *bufferTime[T]) abort(err error) {
	b.buffer = nil
	b.fail(err)
}

func (b *bufferTime[T]) Complete() {
	b.Lock()
	defer b.deliver()
	b.emit()
	b.complete()
}
