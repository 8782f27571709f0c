package operators

import (
	"time"

	"github.com/leadership-go/leadership"
)

// Debounce emits a value once d has passed since and no other came. What is pending when the source ends is emitted
// before the terminal, an error included. With d of 0 or less it changes nothing.
//
//	           -a-bc-----d-|
//	2 frames   ------c-----(d|)
func Debounce[T any](src leadership.Observable[T], d time.Duration) leadership.Observable[T] {
	if d <= 0 {
		return src
	}
	return leadership.New(func(s *leadership.Scope, out leadership.Observer[T]) {
		b := &debounce[T]{outbox: newOutbox(s, out), d: d}
		b.timer = s.Timer(b.fire)
		src.SubscribeIn(s, b)
	})
}

type debounce[T any] struct {
	outbox[T]
	alarm
	d       time.Duration
	pending slot[T]
}

func (b *debounce[T]) Next(v T) {
	b.Lock()
	defer b.deliver()
	b.pending.put(v)
	b.set(b.d)
}

func (b *debounce[T]) fire() {
	b.Lock()
	defer b.deliver()
	if b.rang() {
		b.pending.postTo(&b.outbox)
	}
}

func (b *debounce[T]) Error(err error) {
	b.Lock()
	defer b.deliver()
	b.flush()
	b.fail(err)
}

func (b *debounce[T]) Complete() {
	b.Lock()
	defer b.deliver()
	b.flush()
	b.complete()
}

func (b *debounce[T]) flush() {
	b.stop()
	b.pending.postTo(&b.outbox)
}
