package robridge

import (
	"context"
	"maps"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/samber/ro"

	"github.com/leadership-go/leadership"
)

const (
	// patience is how long an end waits for ro to let go.
	patience = time.Second
	// flush is how long the sources of a chain may take to stand still before it is torn down: ObserveOn closes a channel that
	// its source sends into.
	flush = patience / 5
	// grace is how long Subscribe may go on, once its context has ended, before it counts as waiting for its source.
	grace = patience / 20
)

// passage is one subscription to ro.
type passage struct {
	work     *leadership.Scope       // of all of it
	ctx      context.Context         //nolint:containedctx // that of work: a passage is exactly its work
	cancel   context.CancelCauseFunc // ends the context that ro has
	returned chan struct{}           // Subscribe of ro has returned
	stuck    chan struct{}           // it is over, and Subscribe of ro has not returned
	released chan struct{}           // ro has let go
	panicked atomic.Pointer[leadership.PanicError]
	leave    func()                          // ends the inlet
	tearDown func(run func(teardown func())) // of the inlet

	mu     sync.Mutex
	closed bool
	taps   map[*tapped]struct{}
}

// tapped is what a passage knows of a tap.
type tapped struct {
	idle chan struct{} // its source is silent
	done chan struct{} // it is gone
}

// receive subscribes to what chain makes, calls out with what comes until that or s ends, and has ro let go.
func receive[T any](s *leadership.Scope, limit int, chain func(*passage) ro.Observable[T], out leadership.Observer[T]) {
	work := s.Child()
	p := &passage{
		work: work, ctx: work.Context(),
		returned: make(chan struct{}), stuck: make(chan struct{}), released: make(chan struct{}),
		taps: map[*tapped]struct{}{},
	}
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(p.ctx))
	defer cancel(nil)
	p.cancel = cancel
	in := newInlet[T](p.ctx, limit)
	p.leave, p.tearDown = in.Unsubscribe, in.tearDown
	o := chain(p)
	if o == nil {
		work.End()
		out.Error(leadership.InvalidConfig("robridge.Pipe chain", nil, "must not return nil"))
		return
	}
	work.OnEnd(func() { go p.release() })
	defer p.await()
	defer work.End()
	go func() {
		defer close(p.returned)
		p.call(func() {
			if sub := o.SubscribeWithContext(ctx, in); sub != ro.Subscription(in) {
				in.AddUnsubscribable(sub)
			}
		})
	}()
	how := in.deliver(out)
	work.End() // the source is released before the terminal is told
	switch {
	case how == completed:
		out.Complete()
	case how != open && p.panicked.Load() == nil:
		out.Error(in.err)
	}
}

// call runs f, which ro calls from or is called by. A panic there ends the passage.
func (p *passage) call(f func()) {
	returned := false
	defer func() {
		if returned {
			return
		}
		value := recover()
		if value == nil {
			value = "runtime.Goexit"
		}
		p.panicked.CompareAndSwap(nil, &leadership.PanicError{Value: value, Stack: debug.Stack()})
		p.leave()
	}()
	f()
	returned = true
}

// release has ro let go. It does so by teardowns, so that the chain hears of no error and no completion: the context ends after them, and
// before only where something waits for it. The sources stand still before the teardowns, and these wait until Subscribe has returned: ro may hold locks
// within, which they take.
func (p *passage) release() {
	defer close(p.released)
	taps := p.close()
	if !isClosed(p.returned, 0) || !idle(taps) {
		p.cancel(p.cause())
		idle(taps)
	}
	if !isClosed(p.returned, grace) {
		close(p.stuck)
		<-p.returned
	}
	p.tearDown(p.call)
	p.cancel(p.cause())
	for _, t := range taps {
		<-t.done
	}
}

// close lets no more taps in and returns those that there are.
func (p *passage) close() []*tapped {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	return slices.Collect(maps.Keys(p.taps))
}

// idle waits until all taps are silent, but not for long, and reports whether they are.
func idle(taps []*tapped) bool {
	until := time.Now().Add(flush)
	for _, t := range taps {
		if !isClosed(t.idle, time.Until(until)) {
			return false
		}
	}
	return true
}

// isClosed waits until c is closed, for at most d, and reports whether it is.
func isClosed(c <-chan struct{}, d time.Duration) bool {
	select {
	case <-c:
		return true
	default:
	}
	if d <= 0 {
		return false
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-c:
		return true
	case <-timer.C:
		return false
	}
}

// await gives ro its time to let go, and then passes on a panic of it.
func (p *passage) await() {
	isClosed(p.released, patience)
	if panicked := p.panicked.Load(); panicked != nil {
		panic(panicked)
	}
}

// cause is why the passage has ended.
func (p *passage) cause() error { return context.Cause(p.ctx) }

// add reports false when the passage is over.
func (p *passage) add(t *tapped) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.closed {
		p.taps[t] = struct{}{}
	}
	return !p.closed
}

func (p *passage) remove(t *tapped) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.taps, t)
}
