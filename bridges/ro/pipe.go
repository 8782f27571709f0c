package robridge

import (
	"github.com/samber/ro"

	"github.com/leadership-go/leadership"
)

// Pipe leads src through a chain of ro's operators and back. All types are inferred:
//
//	leaders := robridge.Pipe(member.AsObservable(), func(o ro.Observable[leadership.ElectionMessage]) ro.Observable[string] {
//		return ro.Pipe2(o, ro.Filter(isElected), ro.Map(nameOfLeader))
//	})
//
// chain is called anew for each subscription. Make the operators within it: some of them have state that all their uses share. What it is given
// ends with the subscription, as [From] does, and a subscription of it is one of src. Mailbox and coalescing are those of src: two values or
// three are on their way through the chain, what comes meanwhile waits there.
//
// A panic in chain, in src, or in an operator before the chain, ends the subscription with a [*leadership.PanicError]: the operators of ro don't
// hear of it.
func Pipe[T, U any](src leadership.Observable[T], chain func(ro.Observable[T]) ro.Observable[U]) leadership.Observable[U] {
	if chain == nil {
		return leadership.Throw[U](leadership.InvalidConfig("robridge.Pipe chain", nil, "must not be nil"))
	}
	return leadership.New(func(s *leadership.Scope, out leadership.Observer[U]) {
		s.Go(func() {
			receive(s, 0, func(p *passage) ro.Observable[U] { return chain(source(p, src)) }, out)
		})
	})
}
