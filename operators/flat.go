package operators

import (
	"sync"

	"github.com/leadership-go/leadership"
)

// FlatMap subscribes at once to the stream that project makes of each value, and emits what all of these emit. It completes when src and they
// have. The first error, of any, fails it and releases all.
//
//	                  -a-b-|
//	for each v--v|    -a-ba-b|
//
// While the subscriber is busy, values wait for it, up to the size of its mailbox (see [leadership.Serialize]).
func FlatMap[T, U any](src leadership.Observable[T], project func(T) leadership.Observable[U]) leadership.Observable[U] {
	return leadership.New(func(s *leadership.Scope, out leadership.Observer[U]) {
		f := &flatMap[T, U]{project: project}
		f.begin(s, out, 1)
		src.SubscribeIn(f.scope, f)
	})
}

type flatMap[T, U any] struct {
	join[U]
	project func(T) leadership.Observable[U]
}

func (f *flatMap[T, U]) Next(v T) {
	if f.scope.Ended() {
		return
	}
	f.open.Add(1)
	i := f.inner()
	f.project(v).SubscribeIn(i.scope, i)
}

// SwitchMap subscribes to the stream that project makes of each value, and emits what the latest of these emits: the one before it is
// released first, and what still waits of it for a slow subscriber is void. It completes when src and the latest have. An error of src or of the latest
// fails it.
//
//	                  -a-b-|
//	for each v--v|    -a-b--b|
//
// A stream that delivers within Subscribe holds src up until it has. While the subscriber is busy, values wait for it, up to
// the size of its mailbox (see [leadership.Serialize]).
func SwitchMap[T, U any](src leadership.Observable[T], project func(T) leadership.Observable[U]) leadership.Observable[U] {
	return leadership.New(func(s *leadership.Scope, out leadership.Observer[U]) {
		w := &switchMap[T, U]{project: project}
		w.begin(s, out, 1)
		src.SubscribeIn(w.scope, w)
	})
}

type switchMap[T, U any] struct {
	join[U]
	project func(T) leadership.Observable[U]
	current *inner[U] // the latest; nil: none came yet
}

func (w *switchMap[T, U]) Next(v T) {
	w.current.drop()
	if w.scope.Ended() {
		return
	}
	w.open.Add(1)
	w.current = w.inner()
	w.project(v).SubscribeIn(w.current.scope, w.current)
}

// ConcatMap subscribes to the stream that project makes of each value, to one after the other: project is asked for the next one when the
// one before has completed. It completes when src and all of them have. An error, of src or of one of them, fails it at once.
//
//	                  -a-b-|
//	for each v--v|    -a--ab--b|
//
// Values that wait for their turn are kept, up to the size of the subscriber's mailbox, 256 by default; when one more comes, the stream fails with
// [leadership.ErrOverflow].
func ConcatMap[T, U any](src leadership.Observable[T], project func(T) leadership.Observable[U]) leadership.Observable[U] {
	return leadership.New(func(s *leadership.Scope, out leadership.Observer[U]) {
		c := newConcat(s, out, project, 1)
		c.limit = queueLimit(s)
		src.SubscribeIn(c.scope, c)
	})
}

// concat subscribes to one stream after the other.
type concat[T, U any] struct {
	join[U]
	project func(T) leadership.Observable[U]
	limit   int
	then    func() // c.done, made once

	mu      sync.Mutex // never held while calling out
	waiting []T
	active  bool // there is one that has not completed
	looping bool // somebody is in advance
}

func newConcat[T, U any](s *leadership.Scope, out leadership.Observer[U], project func(T) leadership.Observable[U], open int) *concat[T, U] {
	c := &concat[T, U]{project: project}
	c.then = c.done
	c.begin(s, out, open)
	return c
}

func (c *concat[T, U]) Next(v T) {
	if c.scope.Ended() {
		return
	}
	if !c.enqueue(v) {
		c.Error(leadership.ErrOverflow)
		return
	}
	c.advance()
}

func (c *concat[T, U]) enqueue(v T) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.waiting) >= c.limit {
		return false
	}
	c.open.Add(1)
	c.waiting = append(c.waiting, v)
	return true
}

func (c *concat[T, U]) done() {
	c.mu.Lock()
	c.active = false
	c.mu.Unlock()
	c.advance()
}

// advance subscribes to the next one, and to those that follow from completions within Subscribe: in a loop, so that the
// stack does not grow.
func (c *concat[T, U]) advance() {
	c.mu.Lock()
	if c.looping {
		c.mu.Unlock()
		return
	}
	c.looping = true
	for !c.active && len(c.waiting) > 0 && !c.scope.Ended() {
		v := c.waiting[0]
		clear(c.waiting[:1])
		if len(c.waiting) > 1 {
			c.waiting = c.waiting[1:]
		} else {
			c.waiting = c.waiting[:0] // keeps the room
		}
		c.active = true
		c.mu.Unlock()
		i := c.inner()
		i.then = c.then
		c.project(v).SubscribeIn(i.scope, i)
		c.mu.Lock()
	}
	c.looping = false
	c.mu.Unlock()
}
