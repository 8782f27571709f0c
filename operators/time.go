package operators

import (
	"sync"
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
		b := &debounce[T]{d: d, out: leadership.Serialize(s, out)}
		b.timer = s.Timer(b.fire)
		src.SubscribeIn(s, b)
	})
}

type debounce[T any] struct {
	d     time.Duration
	out   leadership.Observer[T]
	timer *leadership.Timer

	mu      sync.Mutex // never held while calling out
	pending T
	has     bool // there is a pending value
	armed   bool // a firing is to come for it
	stale   int  // firings on their way whose value was replaced
}

func (b *debounce[T]) Next(v T) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.pending, b.has = v, true
	if !b.timer.Reset(b.d) && b.armed {
		b.stale++ // it had fired already, and waits for the lock
	}
	b.armed = true
}

func (b *debounce[T]) fire() {
	b.mu.Lock()
	if b.stale > 0 {
		b.stale--
		b.mu.Unlock()
		return
	}
	b.armed = false
	v, has := b.take()
	b.mu.Unlock()
	if has {
		b.out.Next(v)
	}
}

func (b *debounce[T]) Error(err error) {
	b.flush()
	b.out.Error(err)
}

func (b *debounce[T]) Complete() {
	b.flush()
	b.out.Complete()
}

// flush emits what is pending. A firing that is on its way finds nothing any more.
func (b *debounce[T]) flush() {
	b.mu.Lock()
	b.timer.Stop()
	v, has := b.take()
	b.mu.Unlock()
	if has {
		b.out.Next(v)
	}
}

func (b *debounce[T]) take() (v T, has bool) {
	v, has = b.pending, b.has
	var none T
	b.pending, b.has = none, false
	return v, has
}
