package operators

import (
	"context"
	"errors"
	"sync"

	"github.com/leadership-go/leadership"
)

// ErrSubscribed ends the second subscription to a stream that is for one subscriber: a window of [Window], [WindowCount] or [WindowTime], or
// a [Group].
var ErrSubscribed = errors.New("leadership: a stream for one subscriber has been subscribed to before")

// branch is a stream for one subscriber, emitted by an operator as a value and told by it what to emit. It keeps what it is told until its
// subscriber comes, and lives no longer than the subscription of the operator.
//
// The operator calls it by the rules of an observer. The subscriber may come and leave on any goroutine, and its subscription may be another one.
type branch[T any] struct {
	life  *leadership.Scope // a part of the operator's subscription, ended when the branch has its terminal
	limit int               // how many values are kept
	left  func()            // the subscriber has left, or heard the terminal; nil: nobody wants to know

	mu     sync.Mutex // never held while calling out
	kept   []Notification[T]
	taken  bool // somebody has subscribed
	closed bool // it takes no more: it was told a terminal, or its subscriber has left
	// Set once nothing is kept any more: from then on the subscriber is told directly.
	scope *leadership.Scope
	out   leadership.Observer[T]
}

// newBranch makes a branch in the operator's subscription s. Where that has ended, the branch is cut off at once.
func newBranch[T any](s *leadership.Scope, left func()) *branch[T] {
	b := &branch[T]{life: s.Child(), limit: queueLimit(s), left: left}
	b.life.OnEnd(b.cut)
	return b
}

func (b *branch[T]) observable() leadership.Observable[T] { return leadership.New(b.subscribe) }

// subscribe tells out what was kept and, when nothing is kept any more, leaves it to whoever has news.
func (b *branch[T]) subscribe(s *leadership.Scope, out leadership.Observer[T]) {
	if !b.take() {
		out.Error(ErrSubscribed)
		return
	}
	serial := leadership.Serialize(s, out)
	s.OnEnd(b.leave)
	for kept := b.handOver(s, serial); len(kept) > 0; kept = b.handOver(s, serial) {
		for _, n := range kept {
			n.tell(serial)
		}
	}
}

func (b *branch[T]) take() (first bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	first = !b.taken
	b.taken = true
	return first
}

// handOver returns what was kept. When that is nothing, news go to out from now on.
func (b *branch[T]) handOver(s *leadership.Scope, out leadership.Observer[T]) (kept []Notification[T]) {
	b.mu.Lock()
	defer b.mu.Unlock()
	kept, b.kept = b.kept, nil
	if len(kept) == 0 && !b.closed {
		b.scope, b.out = s, out
	}
	return kept
}

// leave is the end of the subscriber.
func (b *branch[T]) leave() {
	b.mu.Lock()
	b.closed, b.kept, b.out = true, nil, nil
	b.mu.Unlock()
	b.life.End()
	if b.left != nil {
		b.left()
	}
}

// Next emits v. When too much is kept, the stream fails after that with [leadership.ErrOverflow].
func (b *branch[T]) Next(v T) { b.push(Notification[T]{Value: v}) }

// Error fails the stream.
func (b *branch[T]) Error(err error) { b.push(failed[T](err)) }

// Complete completes the stream.
func (b *branch[T]) Complete() { b.push(Notification[T]{Terminal: true}) }

func (b *branch[T]) push(n Notification[T]) {
	n, out := b.admit(n)
	if out != nil {
		n.tell(out)
	}
	if n.Terminal {
		b.life.End()
	}
}

// admit keeps n, or returns who is to be told it at once. What has no room is replaced by the failure that it causes.
func (b *branch[T]) admit(n Notification[T]) (Notification[T], leadership.Observer[T]) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return n, nil
	}
	if b.out == nil {
		if !n.Terminal && len(b.kept) >= b.limit {
			n = Notification[T]{Err: leadership.ErrOverflow, Terminal: true}
		}
		b.kept = append(b.kept, n)
	}
	b.closed = n.Terminal
	return n, b.out
}

// cut is the end of the operator's subscription. As that may come in anybody's Unsubscribe, it does not wait for the subscriber.
func (b *branch[T]) cut() {
	if b.isClosed() {
		return
	}
	n, out := b.admit(Notification[T]{Err: context.Cause(b.life.Context()), Terminal: true})
	if out != nil {
		b.scope.Go(func() { n.tell(out) })
	}
}

func (b *branch[T]) isClosed() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.closed
}
