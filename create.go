package leadership

import "iter"

// Create makes a source of whatever subscribe pushes. The observer it is given may be called from any goroutine, several at a time, until it
// was told a terminal or the scope has ended; then calls do nothing (see [Serialize]).
//
// subscribe runs once for each subscription, within Subscribe, and should return soon: what takes its time belongs into
// [Scope.Go], and what must be undone into [Scope.OnEnd].
func Create[T any](subscribe func(s *Scope, out Observer[T])) Observable[T] {
	return New(func(s *Scope, out Observer[T]) { subscribe(s, Serialize(s, out)) })
}

// Defer asks make for a fresh Observable at each subscription.
func Defer[T any](make func() Observable[T]) Observable[T] {
	return New(func(s *Scope, out Observer[T]) { make().SubscribeIn(s, out) })
}

// Empty completes at once.
func Empty[T any]() Observable[T] { return Observable[T]{} }

// Never does nothing.
func Never[T any]() Observable[T] { return New(func(*Scope, Observer[T]) {}) }

// Throw fails at once with err.
func Throw[T any](err error) Observable[T] {
	err = failure(err)
	return New(func(_ *Scope, out Observer[T]) { out.Error(err) })
}

// Just emits its arguments, then completes. It delivers within Subscribe.
func Just[T any](values ...T) Observable[T] { return FromSlice(values) }

// FromSlice emits what the slice holds when subscribed, then completes. It delivers within Subscribe.
func FromSlice[T any](values []T) Observable[T] {
	return New(func(s *Scope, out Observer[T]) { emitAll(s, out, values) })
}

// emitAll is a function of its own, as the compiler inlines nothing into a function literal that was itself inlined elsewhere.
func emitAll[T any](s *Scope, out Observer[T], values []T) {
	for i := range values {
		if s.Ended() {
			return
		}
		out.Next(values[i])
	}
	if !s.Ended() {
		out.Complete()
	}
}

// FromSeq ranges over seq at each subscription, then completes. A single-use seq so serves one subscription. It delivers within
// Subscribe; where seq blocks, so does Subscribe.
func FromSeq[T any](seq iter.Seq[T]) Observable[T] {
	return New(func(s *Scope, out Observer[T]) {
		for v := range seq {
			if s.Ended() {
				return
			}
			out.Next(v)
			if s.Ended() {
				return // before seq works for the next value
			}
		}
		if !s.Ended() {
			out.Complete()
		}
	})
}

// FromChan emits what it receives from values and completes when the channel is closed. Each value goes to one subscriber; what nobody
// subscribes for stays in the channel. A subscription takes one goroutine, until it ends.
func FromChan[T any](values <-chan T) Observable[T] {
	return New(func(s *Scope, out Observer[T]) {
		s.Go(func() {
			ended := s.Context().Done()
			for !s.Ended() {
				select {
				case v, ok := <-values:
					if !ok {
						out.Complete()
						return
					}
					out.Next(v)
				case <-ended:
				}
			}
		})
	})
}
