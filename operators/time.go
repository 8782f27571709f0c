package operators

import (
	"time"

	"github.com/leadership-go/leadership"
)

// Debounce emits a value once d has passed since and no other came. What is pending when the source ends is emitted
// before the terminal, an error included. With d of 0 or less it changes nothing.
//
// What is due while the subscriber is busy waits, up to the size of its mailbox, 256 by default; when one more is due, the stream fails
// with [leadership.ErrOverflow] after that.
//
//	           -a-bc-----d-|
//	2 frames   ------c-----(d|)
func Debounce[T any](src leadership.Observable[T], d time.Duration) leadership.Observable[T] {
	if d <= 0 {
		return src
	}
	return leadership.New(func(s *leadership.Scope, out leadership.Observer[T]) {
		b := &debounce[T]{}
		src.SubscribeIn(b.begin(s, out, d, b.fire), b)
	})
}

type debounce[T any] struct{ latest[T] }

func (b *debounce[T]) Next(v T) {
	b.Lock()
	defer b.deliver()
	b.pending.put(v)
	b.set(b.d)
}
