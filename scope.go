package leadership

import (
	"context"
	"sync"
	"sync/atomic"
)

// Scope is what a source or an operator knows of the subscription that it serves. It travels upstream, from the subscriber
// to the source. When it ends, by whatever cause, all that was registered with it is released, once.
//
// Every method is safe for concurrent use.
type Scope struct {
	sub   *Subscription
	ended atomic.Bool

	mu     sync.Mutex
	ctx    context.Context //nolint:containedctx // made on demand: a scope is the lifetime that its context stands for
	cancel context.CancelCauseFunc
	err    error // why it ended
	links  *link // what to release, last in first out
	up     *link // the own link in the parent; nil at the root
	parent *Scope
}

// link is one release function in the doubly linked list of a scope.
type link struct {
	run        func()
	prev, next *link
}

// Ended reports whether the scope has ended. A source that loops asks before each value.
func (s *Scope) Ended() bool { return s.ended.Load() }

// Context ends when the scope ends, and carries the values of the subscriber's context. Its cause is the one of
// [Subscription.Err], [ErrUnsubscribed] where only this scope was ended, or [context.Canceled] after a completion.
func (s *Scope) Context() context.Context {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx == nil {
		parent := s.sub.ctx
		if parent == nil {
			parent = context.Background()
		}
		s.ctx, s.cancel = context.WithCancelCause(parent)
		if s.ended.Load() {
			s.cancel(s.err)
		}
	}
	return s.ctx
}

// Mailbox is the size that the subscriber asked for with the option of that name; 0 leaves the choice to the source.
func (s *Scope) Mailbox() int { return s.sub.mailbox }

// OnEnd has release called when the scope ends; at once if it has. The last one registered is released first. release must
// not block.
func (s *Scope) OnEnd(release func()) {
	if s.attach(&link{run: release}) {
		return
	}
	s.sub.call(release)
}

// attach reports false when the scope has ended.
func (s *Scope) attach(l *link) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended.Load() {
		return false
	}
	if s.links != nil {
		s.links.prev = l
	}
	l.next, s.links = s.links, l
	return true
}

func (s *Scope) detach(l *link) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.ended.Load():
		return // close walks the list
	case l.prev != nil:
		l.prev.next = l.next
	default:
		s.links = l.next
	}
	if l.next != nil {
		l.next.prev = l.prev
	}
}

// Child makes a scope that can end before this one, and ends with it: for one of several sources, or one of several attempts.
func (s *Scope) Child() *Scope {
	c := &Scope{sub: s.sub, parent: s}
	c.up = &link{run: func() { c.close(s.cause()) }}
	if !s.attach(c.up) {
		c.close(s.cause())
	}
	return c
}

// End ends a scope made by [Scope.Child]. What the scope has started may run on for a moment. On the scope of a subscriber it is Unsubscribe
// without the wait.
func (s *Scope) End() {
	if s.parent == nil {
		s.sub.end(ErrUnsubscribed, false)
		return
	}
	if s.close(ErrUnsubscribed) {
		s.parent.detach(s.up)
	}
}

// cause is why the scope has ended.
func (s *Scope) cause() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// close ends the scope and releases what was registered. It reports false when the scope had ended.
func (s *Scope) close(cause error) bool {
	s.mu.Lock()
	if s.ended.Load() {
		s.mu.Unlock()
		return false
	}
	s.err = cause
	s.ended.Store(true)
	links, cancel := s.links, s.cancel
	s.links = nil
	s.mu.Unlock()
	if cancel != nil {
		cancel(cause)
	}
	for ; links != nil; links = links.next {
		s.sub.call(links.run)
	}
	return true
}

// Do runs f, which may call out, now and on this goroutine. It reports false, and does not run f, after the end.
// A panic in f ends the subscription with a [*PanicError].
func (s *Scope) Do(f func()) bool {
	if s.Ended() || !s.sub.enter() {
		return false
	}
	defer s.sub.leave()
	s.sub.call(f)
	return true
}

// Go runs f, which may call out, on a new goroutine; f must return soon after [Scope.Context] has ended. The subscription
// is not done before. It reports false, and starts nothing, after the end. A panic in f ends the subscription with a [*PanicError].
func (s *Scope) Go(f func()) bool {
	if s.Ended() || !s.sub.enter() {
		return false
	}
	go func() {
		defer s.sub.leave()
		s.sub.call(f)
	}()
	return true
}
