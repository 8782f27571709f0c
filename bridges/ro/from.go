package robridge

import (
	"github.com/samber/ro"

	"github.com/leadership-go/leadership"
)

// defaultMailbox is how many values ro may be ahead of a subscriber.
const defaultMailbox = 256

// From is o as a stream. Each subscription is one of o, with a context that carries the values of the subscriber's.
//
// Subscribe returns at once, whatever o does within its own. Values go through a mailbox, of 256 unless [leadership.Mailbox] says otherwise,
// to a goroutine that calls out, so that no lock of ro is held meanwhile. While the mailbox is full, o has to wait: nothing is lost.
//
// What ends the subscription releases o: its teardowns run, and then its context ends; where o is still within Subscribe, the context ends first.
// Unsubscribe waits for all that, but no longer than a second (see the package comment). The first error or completion is the end of the
// stream. The end of the subscriber's context is neither, whatever o makes of it.
//
// A panic that leaves o ends the subscription with a [*leadership.PanicError], the Value of which is another one with the stack. Most do not leave
// it: ro makes errors of panics in functions given to its operators.
func From[T any](o ro.Observable[T]) leadership.Observable[T] {
	if o == nil {
		return leadership.Throw[T](leadership.InvalidConfig("robridge.From observable", nil, "must not be nil"))
	}
	return leadership.New(func(s *leadership.Scope, out leadership.Observer[T]) {
		limit := s.Mailbox()
		if limit == 0 {
			limit = defaultMailbox
		}
		s.Go(func() {
			receive(s, limit, func(*passage) ro.Observable[T] { return o }, out)
		})
	})
}
