package operators

import (
	"sync/atomic"
	"time"

	"github.com/leadership-go/leadership"
)

// Window splits src into windows, one stream after the other: each value of boundaries completes the one that is open and opens the next.
// The first one opens at subscription, so that there is always one open, and each value of src is in one window. A terminal of src ends first the
// window that is open, and then the whole; so does an error of boundaries. When boundaries complete, the window that is open stays so until src
// ends, as in RxJS. Window subscribes to boundaries first.
//
//	             -a-b--c-|
//	boundaries   ----x---
//	             v---w---|
//	v            -a-b|
//	w                --c-|
//
// Each window is for one subscriber; a second one gets an [ErrSubscribed]. Until its subscriber comes, a window keeps its values, up to the
// size of the mailbox of the subscriber of the whole, 256 by default; when one more comes, that window fails with [leadership.ErrOverflow] after
// those, and the whole goes on. So [ConcatMap] over windows misses nothing. From then on a window emits within the call that src
// makes, as operators do. Who leaves a window early disturbs neither src nor the next windows.
//
// A window lives no longer than the subscription to the whole: where that ends before src does, the open window fails with the cause of that,
// on a goroutine of its own. Mind that [Take] ends it, too: [leadership.ErrUnsubscribed] is then what the last window fails with.
//
// While the subscriber of the whole or of a window is busy, values and boundaries wait, up to the size of the mailbox (see [leadership.Serialize]).
func Window[T, B any](src leadership.Observable[T], boundaries leadership.Observable[B]) leadership.Observable[leadership.Observable[T]] {
	return leadership.New(func(s *leadership.Scope, out leadership.Observer[leadership.Observable[T]]) {
		w := &window[T, B]{newWindows(s, out)}
		w.open()
		subscribeBoth(s, w.source, boundaries, src, w)
	})
}

// window has the boundaries as a and the source as b.
type window[T, B any] struct{ windows[T] }

func (w *window[T, B]) Next(e event[B, T]) {
	if w.over {
		return
	}
	switch e.kind {
	case aNext:
		w.roll()
	case bNext:
		w.current.Next(e.b)
	case aEnd:
	case bEnd:
		w.Complete()
	}
}

// WindowCount splits src into windows of n values. The first one opens at subscription, and each of the others when the one before is full and has
// completed, so the last one may be empty. All else is as with [Window]. With n below 1 it fails with a [leadership.ErrInvalidConfig].
//
//	    -a-b-c-|
//	2   v--w---|
//	v   -a-(b|)
//	w      --c-|
func WindowCount[T any](src leadership.Observable[T], n int) leadership.Observable[leadership.Observable[T]] {
	if n < 1 {
		return leadership.Throw[leadership.Observable[T]](leadership.InvalidConfig("operators.WindowCount n", n, "must be at least 1"))
	}
	return leadership.New(func(s *leadership.Scope, out leadership.Observer[leadership.Observable[T]]) {
		w := &windowCount[T]{windows: newWindows(s, out), n: n}
		w.open()
		src.SubscribeIn(w.source, w)
	})
}

type windowCount[T any] struct {
	windows[T]
	n, held int
}

func (w *windowCount[T]) Next(v T) {
	if w.over {
		return
	}
	w.current.Next(v)
	w.held++
	if w.held == w.n {
		w.held = 0
		w.roll()
	}
}

// WindowTime splits src into windows that are open for d each, empty ones too. The first one opens at subscription. All else is as with [Window].
// Where a subscriber, or the process, stood still for longer than d, one boundary may stand for all those that were missed. With d of 0 or less it
// fails with a [leadership.ErrInvalidConfig].
//
//	           -a-b--c-|
//	4 frames   v---w---|
//	v          -a-b|
//	w              --c-|
func WindowTime[T any](src leadership.Observable[T], d time.Duration) leadership.Observable[leadership.Observable[T]] {
	if d <= 0 {
		return leadership.Throw[leadership.Observable[T]](leadership.InvalidConfig("operators.WindowTime d", d, "must be more than 0"))
	}
	return leadership.New(func(s *leadership.Scope, out leadership.Observer[leadership.Observable[T]]) {
		w := &windowTime[T]{window: window[T, struct{}]{newWindows(s, out)}}
		w.open()
		subscribeBoth(s, w.source, w.ticks(d), src, w)
	})
}

// windowTime lets one boundary wait at most.
type windowTime[T any] struct {
	window[T, struct{}]
	due atomic.Bool // a boundary waits for the subscriber
}

func (w *windowTime[T]) ticks(d time.Duration) leadership.Observable[struct{}] {
	return leadership.New(func(s *leadership.Scope, out leadership.Observer[struct{}]) {
		began := time.Now()
		var timer *leadership.Timer
		timer = s.Timer(func() {
			if !w.due.Swap(true) {
				out.Next(struct{}{})
			}
			timer.Reset(untilTick(began, d))
		})
		timer.Reset(d)
	})
}

func (w *windowTime[T]) Next(e event[struct{}, T]) {
	if e.kind == aNext {
		w.due.Store(false)
	}
	w.window.Next(e)
}

// windows is the base of the operators of which always one window is open, once open was called.
type windows[T any] struct {
	prefix[leadership.Observable[T]]
	scope   *leadership.Scope
	current *branch[T]
}

func newWindows[T any](s *leadership.Scope, out leadership.Observer[leadership.Observable[T]]) windows[T] {
	return windows[T]{prefix: newPrefix(s, out), scope: s}
}

func (w *windows[T]) open() {
	w.current = newBranch[T](w.scope, nil)
	w.out.Next(w.current.observable())
}

// roll completes the window that is open, and opens the next.
func (w *windows[T]) roll() {
	w.current.Complete()
	w.open()
}

func (w *windows[T]) Error(err error) {
	if w.leave() {
		w.current.Error(err)
		w.out.Error(err)
	}
}

func (w *windows[T]) Complete() {
	if w.leave() {
		w.current.Complete()
		w.out.Complete()
	}
}
