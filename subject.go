package leadership

import (
	"math"
	"slices"
	"sync"
)

// Subject is a hot source that others tell what to emit: an [Observer] on one side, an [Observable] on the other. What it is
// told goes to all who are subscribed at that moment, through a mailbox for each of them, so that nobody waits for anybody: [Subject.Next]
// returns at once. Its methods are safe for concurrent use and may be called from callbacks. The zero Subject is ready for use.
//
// Subscribers that fall behind by more than their [Mailbox] end with [ErrOverflow]. It holds 256 values by default, and what is replayed besides.
type Subject[T any] struct {
	replay int
	hot    feed[T]

	mu     sync.Mutex // makes one step of last and what is published
	last   []T        // at least the latest replay values; only ever appended to, as subscribers read what it held
	closed bool
}

// NewSubject is a Subject whose subscribers get what comes after they have subscribed: the PublishSubject of ReactiveX.
func NewSubject[T any]() *Subject[T] { return NewReplaySubject[T](0) }

// NewReplaySubject is a Subject whose subscribers first get the latest n values: the ReplaySubject of ReactiveX. Also after the
// terminal they get those, and then that. With n below 1 it is a [NewSubject]. A [Mailbox] that a subscriber has asked for has to
// hold what is replayed, too, before anything new fits.
func NewReplaySubject[T any](n int) *Subject[T] {
	s := &Subject[T]{replay: max(n, 0)}
	s.hot.capacity = defaultMailbox + min(s.replay, math.MaxInt-defaultMailbox)
	return s
}

// Next emits v. After the terminal it does nothing.
func (s *Subject[T]) Next(v T) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	if s.replay == 0 {
		s.hot.publish(nil, v)
		return
	}
	if len(s.last) == cap(s.last) { // leave behind, with the old array, all that is not replayed any more
		kept := s.last[max(len(s.last)-s.replay+1, 0):]
		s.last = append(make([]T, 0, 2*len(kept)+1), kept...)
	}
	s.last = append(s.last, v)
	newest := len(s.last)
	s.hot.publish(slices.Clip(s.last[max(newest-s.replay, 0):]), s.last[newest-1:newest:newest]...)
}

// Error fails the stream of all subscribers, and of those to come. After the terminal it does nothing.
func (s *Subject[T]) Error(err error) { s.end(failure(err)) }

// Complete completes the stream of all subscribers, and of those to come. After the terminal it does nothing.
func (s *Subject[T]) Complete() { s.end(nil) }

func (s *Subject[T]) end(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	s.closed = true
	s.hot.close(err, s.last[max(len(s.last)-s.replay, 0):]...)
}

// AsObservable is the Subject as its subscribers see it.
func (s *Subject[T]) AsObservable() Observable[T] { return s.hot.observable() }
