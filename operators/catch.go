package operators

import (
	"errors"

	"github.com/leadership-go/leadership"
)

// errNoCause is the failure that [ErrorsAsTerminal] makes of a message about an error that has none. No member sends one.
var errNoCause = errors.New("leadership: an error message without a cause")

// Catch goes on, when src fails, with the stream that f returns for the error. src is released before f is called. A failure of that stream
// is not caught again: to subscribe to src once more there is [Retry], which does not grow the stack.
//
//	            -a-#
//	            --b-|
//	Catch       -a---b-|
//
// A panic is a bug and no failure of src: a [*leadership.PanicError] passes by f, as it does when it arrives as the error of src, or
// within it, because somebody has handed it on: a Subject that was told of it, or package rx.
func Catch[T any](src leadership.Observable[T], f func(err error) leadership.Observable[T]) leadership.Observable[T] {
	return leadership.New(func(s *leadership.Scope, out leadership.Observer[T]) {
		c := &catch[T]{newPrefix(s, out), s, f}
		src.SubscribeIn(c.source, c)
	})
}

type catch[T any] struct {
	prefix[T]
	scope *leadership.Scope
	f     func(error) leadership.Observable[T]
}

func (c *catch[T]) Next(v T) {
	if !c.over {
		c.out.Next(v)
	}
}

func (c *catch[T]) Error(err error) {
	switch {
	case !c.leave(), c.scope.Ended():
	case isPanic(err):
		c.out.Error(err)
	default:
		c.f(err).SubscribeIn(c.scope, c.out)
	}
}

// isPanic reports whether err is a panic of user code, which is nothing to recover from.
func isPanic(err error) bool {
	_, panicked := errors.AsType[*leadership.PanicError](err)
	return panicked
}

// OnErrorReturn emits, when src fails, the value that f makes of the error, and completes. src is released before f is called. A panic
// passes by, as by [Catch].
//
//	      -a-#
//	x     -a-(x|)
func OnErrorReturn[T any](src leadership.Observable[T], f func(err error) T) leadership.Observable[T] {
	return Catch(src, func(err error) leadership.Observable[T] { return leadership.Just(f(err)) })
}

// ErrorsAsTerminal fails with the cause of the first message of status error, so that [Retry], [Catch] and [OnErrorReturn] apply to
// it. messages are released before.
//
//	f elected.first, x error, r relegation
//
//	-f-x-r-|
//	-f-#
//
// A member recovers from its errors by itself, and its stream goes on after them: use this only to bound them or to give up.
// Whoever subscribes again, as Retry does, first gets the messages of the state that the member is in by then; the error
// is not among them, so that a Retry without a delay does not spin. It follows that
//
//   - elected and elected.first are told again when the error came within a term, with the same Term;
//   - what came after the error and before the new subscription is not told, even a relegation: a notelected may follow elected.first
//     without one. [WhileLeading] ends the term then.
func ErrorsAsTerminal(messages leadership.Observable[leadership.ElectionMessage]) leadership.Observable[leadership.ElectionMessage] {
	return leadership.New(func(s *leadership.Scope, out leadership.Observer[message]) {
		e := &errorsAsTerminal{newPrefix(s, out)}
		messages.SubscribeIn(e.source, e)
	})
}

type errorsAsTerminal struct{ prefix[message] }

func (e *errorsAsTerminal) Next(m message) {
	switch {
	case e.over:
	case m.Status != leadership.StatusError:
		e.out.Next(m)
	case m.Err == nil:
		e.Error(errNoCause)
	default:
		e.Error(m.Err)
	}
}
