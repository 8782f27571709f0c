package operators

import (
	"errors"
	"fmt"

	"github.com/leadership-go/leadership"
)

// ErrNoValue ends a stream of [First], [Last] or [ElementAt] whose source completed without the value that was asked for.
var ErrNoValue = errors.New("leadership: the stream completed without the value asked for")

// prefix is an observer that may leave its source before that ends.
type prefix[T any] struct {
	out    leadership.Observer[T]
	source *leadership.Scope
	over   bool
}

func newPrefix[T any](s *leadership.Scope, out leadership.Observer[T]) prefix[T] {
	return prefix[T]{out: out, source: s.Child()}
}

// leave releases the source. It reports false when that had been done: what still comes from there counts no more.
func (p *prefix[T]) leave() bool {
	if p.over {
		return false
	}
	p.over = true
	p.source.End()
	return true
}

func (p *prefix[T]) Error(err error) {
	if p.leave() {
		p.out.Error(err)
	}
}

func (p *prefix[T]) Complete() {
	if p.leave() {
		p.out.Complete()
	}
}

// Take emits the first n values and completes right after the last of them, releasing the source. With n of 0 or less it
// completes at once and does not subscribe to the source.
//
//	    -a-b-c-|
//	2   -a-(b|)
func Take[T any](src leadership.Observable[T], n int) leadership.Observable[T] {
	if n <= 0 {
		return leadership.Empty[T]()
	}
	return leadership.New(func(s *leadership.Scope, out leadership.Observer[T]) {
		t := &take[T]{newPrefix(s, out), n}
		src.SubscribeIn(t.source, t)
	})
}

type take[T any] struct {
	prefix[T]
	left int
}

func (t *take[T]) Next(v T) {
	if t.over {
		return
	}
	t.left--
	t.out.Next(v)
	if t.left == 0 {
		t.Complete()
	}
}

// TakeWhile emits values as long as keep is true for them. It completes at the first for which it is not, without that one,
// releasing the source.
//
//	       -1-3-4-5-|
//	odd    -1-3-|
func TakeWhile[T any](src leadership.Observable[T], keep func(T) bool) leadership.Observable[T] {
	return leadership.New(func(s *leadership.Scope, out leadership.Observer[T]) {
		t := &takeWhile[T]{newPrefix(s, out), keep}
		src.SubscribeIn(t.source, t)
	})
}

type takeWhile[T any] struct {
	prefix[T]
	keep func(T) bool
}

func (t *takeWhile[T]) Next(v T) {
	switch {
	case t.over:
	case t.keep(v):
		t.out.Next(v)
	default:
		t.Complete()
	}
}

// TakeUntil emits values until notifier emits one or completes, and completes then. It subscribes to notifier first. An error of either
// passes on. Whatever ends it releases both.
//
//	           -a-b-c-d-|
//	notifier   ----x
//	           -a-b|
//
// While the subscriber is busy, values wait for it, up to the size of its mailbox (see [leadership.Serialize]).
func TakeUntil[T, U any](src leadership.Observable[T], notifier leadership.Observable[U]) leadership.Observable[T] {
	return leadership.New(func(s *leadership.Scope, out leadership.Observer[T]) {
		t := &takeUntil[T]{leadership.Serialize(s, out), s.Child()}
		notifier.SubscribeIn(t.sources, &until[T, U]{t})
		src.SubscribeIn(t.sources, t)
	})
}

// takeUntil may be told a terminal by each of its sources: its observer takes the first.
type takeUntil[T any] struct {
	leadership.Observer[T]
	sources *leadership.Scope
}

func (t *takeUntil[T]) Error(err error) {
	t.sources.End()
	t.Observer.Error(err)
}

func (t *takeUntil[T]) Complete() {
	t.sources.End()
	t.Observer.Complete()
}

// until is what hears the notifier.
type until[T, U any] struct{ *takeUntil[T] }

func (u *until[T, U]) Next(U) { u.Complete() }

// First emits the first value and completes right after it, releasing the source. A source that completes without one makes an
// [ErrNoValue]; [Take] with 1 just completes then.
//
//	-a-b-|
//	-(a|)
func First[T any](src leadership.Observable[T]) leadership.Observable[T] { return ElementAt(src, 0) }

// ElementAt emits the value at index, counted from 0, and completes right after it, releasing the source. Where there is none it fails with
// an [ErrNoValue]: when the source completes, or at once for a negative index.
//
//	    -a-b-c-|
//	1   ---(b|)
func ElementAt[T any](src leadership.Observable[T], index int) leadership.Observable[T] {
	if index < 0 {
		return leadership.Throw[T](fmt.Errorf("%w: index %d", ErrNoValue, index))
	}
	return leadership.New(func(s *leadership.Scope, out leadership.Observer[T]) {
		e := &elementAt[T]{prefix: newPrefix(s, out), index: index}
		src.SubscribeIn(e.source, e)
	})
}

type elementAt[T any] struct {
	prefix[T]
	index, came int
}

func (e *elementAt[T]) Next(v T) {
	if e.over {
		return
	}
	e.came++
	if e.came > e.index {
		e.out.Next(v)
		e.prefix.Complete()
	}
}

func (e *elementAt[T]) Complete() {
	e.Error(fmt.Errorf("%w: index %d of %d", ErrNoValue, e.index, e.came))
}

// Last emits the last value when the source completes, and completes. A source that completes without one makes an [ErrNoValue].
//
//	-a-b-|
//	-----(b|)
func Last[T any](src leadership.Observable[T]) leadership.Observable[T] {
	return leadership.New(func(s *leadership.Scope, out leadership.Observer[T]) {
		src.SubscribeIn(s, &last[T]{Observer: out})
	})
}

type last[T any] struct {
	leadership.Observer[T]
	value T
	any   bool
}

func (l *last[T]) Next(v T) { l.value, l.any = v, true }

func (l *last[T]) Complete() {
	if !l.any {
		l.Error(ErrNoValue)
		return
	}
	l.Observer.Next(l.value)
	l.Observer.Complete()
}
