package leadership

import (
	"context"
	"errors"
	"sync/atomic"
)

// Subscription is one subscriber's hold on a stream. Its methods are safe for concurrent use and may be called from callbacks.
type Subscription struct {
	scope Scope
	// state counts the activities: whatever may call out now (see enter). endedBit is added once, at the end.
	state     atomic.Int64
	coalesced atomic.Uint64

	// Set before the start, read only afterwards.
	ctx        context.Context //nolint:containedctx // the subscriber's own: a subscription is exactly one context's work
	mailbox    int
	onError    func(error)
	onComplete func()
	finally    func() // internal: runs before done closes; must not block

	// Guarded by scope.mu, as the cause is, scope.err.
	done   chan struct{}
	life   life
	report bool // the terminal callback for err is still due, once nothing runs any more
}

// life is how far a subscription has come.
type life uint8

const (
	lifeRunning life = iota
	lifeEnded        // nothing new starts
	lifeQuiet        // and nothing runs any more
)

const endedBit = 1 << 62

// Unsubscribe ends the subscription and releases everything upstream. Calls after the first change nothing.
//
// Called from outside any callback it waits until a callback that is running has returned: nothing of this subscription runs after that.
// From inside a callback, of this or of any other subscription, it returns at once.
func (s *Subscription) Unsubscribe() {
	s.end(ErrUnsubscribed, false)
	if s.isQuiet() || insideCallback() {
		return
	}
	<-s.Done()
}

// Done is closed when the subscription has ended, everything upstream is released and no callback runs any more.
func (s *Subscription) Done() <-chan struct{} {
	s.scope.mu.Lock()
	defer s.scope.mu.Unlock()
	if s.done == nil {
		s.done = make(chan struct{})
		if s.life == lifeQuiet {
			close(s.done)
		}
	}
	return s.done
}

// Err is nil while the subscription runs and after the stream has completed. Otherwise it is why the subscription ended: the
// stream's error, [ErrOverflow], a [*PanicError], [ErrUnsubscribed], or the cause of the context. A panic after the end is joined to it.
func (s *Subscription) Err() error {
	s.scope.mu.Lock()
	defer s.scope.mu.Unlock()
	return s.scope.err
}

// Coalesced is how many values were left out so far because a later one replaced them in a full mailbox.
func (s *Subscription) Coalesced() uint64 { return s.coalesced.Load() }

// enter opens an activity: something that may call out. It reports false, and opens none, after the end.
// The subscription is not done before each activity has left.
func (s *Subscription) enter() bool {
	if s.state.Add(1) >= endedBit {
		s.leave()
		return false
	}
	return true
}

// leave closes an activity.
func (s *Subscription) leave() {
	if s.state.Add(-1) == endedBit {
		s.settle()
	}
}

// end ends the subscription with err and releases upstream. It reports false when it had ended before. With report, the
// error callback follows as soon as nothing else runs.
func (s *Subscription) end(err error, report bool) bool {
	s.scope.mu.Lock()
	if s.life != lifeRunning {
		s.scope.mu.Unlock()
		return false
	}
	s.life, s.scope.err, s.report = lifeEnded, err, report
	s.state.Add(endedBit + 1) // within the lock: whoever finds it ended finds that nothing enters any more
	s.scope.mu.Unlock()
	defer s.leave()
	s.scope.close(err)
	return true
}

// finish ends the subscription with a terminal of the stream and calls the callback for it.
func (s *Subscription) finish(err error) {
	if !s.enter() {
		return
	}
	defer s.leave()
	if !s.cancelled() && s.end(err, false) {
		s.call(func() { s.terminal(err) })
	}
}

// fail ends the subscription because user code panicked. The stack that panicked may not be the only one that calls out, so the
// callback comes when all have left.
func (s *Subscription) fail(p *PanicError) {
	if s.end(p, true) {
		return
	}
	s.scope.mu.Lock()
	defer s.scope.mu.Unlock()
	if s.scope.err == nil {
		s.scope.err = p
		return
	}
	s.scope.err = errors.Join(s.scope.err, p)
}

func (s *Subscription) terminal(err error) {
	switch {
	case err == nil && s.onComplete != nil:
		s.onComplete()
	case err != nil && s.onError != nil:
		s.onError(err)
	}
}

// settle runs when the last activity has left after the end.
func (s *Subscription) settle() {
	s.scope.mu.Lock()
	// Another may have come in between, for an instant or to report; it settles then.
	if s.life != lifeEnded || s.state.Load() != endedBit {
		s.scope.mu.Unlock()
		return
	}
	if s.report {
		s.report = false
		err := s.scope.err
		s.state.Add(1)
		s.scope.mu.Unlock()
		defer s.leave()
		s.call(func() { s.terminal(err) })
		return
	}
	s.life = lifeQuiet
	if s.finally != nil {
		s.finally()
	}
	if s.done != nil {
		close(s.done)
	}
	s.scope.mu.Unlock()
}

func (s *Subscription) isQuiet() bool {
	s.scope.mu.Lock()
	defer s.scope.mu.Unlock()
	return s.life == lifeQuiet
}

// cancelled ends the subscription if the subscriber's context has ended, and reports whether it has.
func (s *Subscription) cancelled() bool {
	if s.ctx == nil || s.ctx.Err() == nil {
		return false
	}
	s.end(context.Cause(s.ctx), false)
	return true
}

// watch ends the subscription when the subscriber's context ends. It reports false when it has ended already.
func (s *Subscription) watch() bool {
	if s.ctx == nil {
		return true
	}
	if s.cancelled() {
		return false
	}
	if s.ctx.Done() == nil || !s.enter() {
		return true
	}
	stop := context.AfterFunc(s.ctx, func() {
		defer s.leave()
		s.end(context.Cause(s.ctx), false)
	})
	s.scope.OnEnd(func() {
		if stop() {
			s.leave()
		}
	})
	return true
}
