package operators

import (
	"errors"

	"github.com/leadership-go/leadership"
)

// MapErr emits what f makes of each value, and fails with the first error that f returns, releasing the source.
//
//	         -1-2-x-3-|
//	number   -1-2-#
func MapErr[T, U any](src leadership.Observable[T], f func(T) (U, error)) leadership.Observable[U] {
	return leadership.New(func(s *leadership.Scope, out leadership.Observer[U]) {
		m := &mapErr[T, U]{newPrefix(s, out), f}
		src.SubscribeIn(m.source, m)
	})
}

type mapErr[T, U any] struct {
	prefix[U]
	f func(T) (U, error)
}

func (m *mapErr[T, U]) Next(v T) {
	if m.over {
		return
	}
	made, err := m.f(v)
	if err != nil {
		m.Error(err)
		return
	}
	m.out.Next(made)
}

// Scan emits, for each value, what f makes of it and of what it emitted before, which is seed at first. It does not emit seed itself:
// [StartWith] does. All subscriptions start from the same seed, so f must not change what that refers to.
//
//	         -1-2-3-|
//	0, sum   -1-3-6-|
func Scan[T, A any](src leadership.Observable[T], seed A, f func(before A, v T) A) leadership.Observable[A] {
	return leadership.New(func(s *leadership.Scope, out leadership.Observer[A]) {
		before := seed
		src.SubscribeIn(s, &mapping[T, A]{out, func(v T) A {
			before = f(before, v)
			return before
		}})
	})
}

// Pairwise emits each value but the first after the one before it.
//
//	-a-b--c-|
//	---ab-bc|
func Pairwise[T any](src leadership.Observable[T]) leadership.Observable[[2]T] {
	return leadership.New(func(s *leadership.Scope, out leadership.Observer[[2]T]) {
		src.SubscribeIn(s, &pairwise[T]{out: out})
	})
}

type pairwise[T any] struct {
	out    leadership.Observer[[2]T]
	before T
	any    bool
}

func (p *pairwise[T]) Next(v T) {
	pair, any := [2]T{p.before, v}, p.any
	p.before, p.any = v, true
	if any {
		p.out.Next(pair)
	}
}

func (p *pairwise[T]) Error(err error) { p.out.Error(err) }
func (p *pairwise[T]) Complete()       { p.out.Complete() }

// StartWith emits values within Subscribe, and subscribes to src after that. The slice belongs to it from then on.
//
//	     --a-|
//	xy   (xy)-a-|
func StartWith[T any](src leadership.Observable[T], values ...T) leadership.Observable[T] {
	return leadership.New(func(s *leadership.Scope, out leadership.Observer[T]) {
		for _, v := range values {
			if s.Ended() {
				return
			}
			out.Next(v)
		}
		src.SubscribeIn(s, out)
	})
}

// Notification is one thing that happened in a stream, as [Materialize] tells it: a value, the error that ended it, or its completion.
type Notification[T any] struct {
	// Value is the value; the zero one with a terminal.
	Value T
	// Err is why the stream failed; nil otherwise.
	Err error
	// Terminal says that this was the end: a completion if Err is nil.
	Terminal bool
}

// errNilError stands in for a nil that a source gave as its error.
var errNilError = errors.New("leadership: a stream failed with a nil error")

// failed is the notification of an error, and never that of a completion.
func failed[T any](err error) Notification[T] {
	if err == nil {
		err = errNilError
	}
	return Notification[T]{Err: err, Terminal: true}
}

// tell makes the call that n stands for.
func (n Notification[T]) tell(out leadership.Observer[T]) {
	switch {
	case !n.Terminal:
		out.Next(n.Value)
	case n.Err != nil:
		out.Error(n.Err)
	default:
		out.Complete()
	}
}

// Materialize emits all that happens in src as values, its terminal too, and completes after that. It never fails. A panic is nothing that
// happens in src: it ends the subscription (see [leadership.PanicError]).
//
//	-a-#
//	-a-(#|)    where the first # is a value
func Materialize[T any](src leadership.Observable[T]) leadership.Observable[Notification[T]] {
	return leadership.New(func(s *leadership.Scope, out leadership.Observer[Notification[T]]) {
		m := &materialize[T]{newPrefix(s, out)}
		src.SubscribeIn(m.source, m)
	})
}

type materialize[T any] struct{ prefix[Notification[T]] }

func (m *materialize[T]) Next(v T) {
	if !m.over {
		m.out.Next(Notification[T]{Value: v})
	}
}

func (m *materialize[T]) Error(err error) { m.end(err) }
func (m *materialize[T]) Complete()       { m.end(nil) }

func (m *materialize[T]) end(err error) {
	if m.leave() {
		m.out.Next(Notification[T]{Err: err, Terminal: true})
		m.out.Complete()
	}
}
