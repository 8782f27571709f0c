package operators

import (
	"context"
	"errors"
	"sync"

	"github.com/leadership-go/leadership"
)

// Share has all its subscribers share one subscription to src: publish and refCount of ReactiveX.
//
//	                -a-b-c-|
//	at once         -a-b-c-|
//	4 frames later      -c-|
//
// The first subscriber starts it, within its own Subscribe. When the last one has left, src is released. Whoever comes after that, or after a
// terminal, starts afresh, and so does [Retry] below.
//
// Each subscriber has a mailbox of its own, as with a [leadership.Subject], so nobody waits for a slow one: it ends with
// [leadership.ErrOverflow]. A src that delivers within Subscribe more than a mailbox holds, 256 values by default, may so overrun its first
// subscriber, whose Subscribe takes as long as that of src does.
//
// The subscription to src is one of its own, with the context and the options of no subscriber. Nobody who leaves waits for it: src may be at work for
// an instant after the last one has left, and even while the next one starts afresh. A panic in it ends the subscriptions of all subscribers (see
// [leadership.PanicError]).
func Share[T any](src leadership.Observable[T]) leadership.Observable[T] {
	h := &hub[T]{src: src}
	return leadership.New(h.subscribe)
}

// ShareReplay is a [Share] that gives each subscriber the latest n values first.
//
//	1               -a-b-c-|
//	at once         -a-b-c-|
//	4 frames later      bc-|
//	8 frames later          (c|)
//
// After the completion of src, subscribers get the latest n values and the completion, and src is not subscribed to any more. Those values are
// kept as long as the stream is. After an error, or once all have left before the end, the next one starts afresh, without old values. With n
// below 1 it fails with a [leadership.ErrInvalidConfig].
func ShareReplay[T any](src leadership.Observable[T], n int) leadership.Observable[T] {
	if n < 1 {
		return leadership.Throw[T](leadership.InvalidConfig("operators.ShareReplay n", n, "must be at least 1"))
	}
	h := &hub[T]{src: src, replay: n}
	return leadership.New(h.subscribe)
}

// hub is what all subscribers of a shared stream have in common.
type hub[T any] struct {
	src    leadership.Observable[T]
	replay int

	mu      sync.Mutex     // never held while calling out
	current *connection[T] // what the next subscriber joins; nil: it starts one
}

// connection is one subscription to the source. Its fields are guarded by the mutex of the hub.
type connection[T any] struct {
	hub         *hub[T]
	subject     *leadership.Subject[T]
	subscribers int
	source      *leadership.Scope // of the subscription; nil: it has not begun
	left        bool              // all have left before the end
	over        bool              // the source has ended
}

func (h *hub[T]) subscribe(s *leadership.Scope, out leadership.Observer[T]) {
	c, first := h.join()
	s.OnEnd(c.leave)
	c.subject.AsObservable().SubscribeIn(s, sharing[T]{out})
	if first { // even if this one has left by now: another may count on it
		leadership.New(c.begin).Subscribe(c.subject.Next, leadership.OnError(c.end), leadership.OnComplete(func() { c.end(nil) }))
	}
}

// join adds a subscriber, and reports whether it has to start the subscription to the source.
func (h *hub[T]) join() (c *connection[T], first bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	first = h.current == nil
	if first {
		h.current = &connection[T]{hub: h, subject: leadership.NewReplaySubject[T](h.replay)}
	}
	h.current.subscribers++
	return h.current, first
}

// begin subscribes to the source unless all have left meanwhile.
func (c *connection[T]) begin(s *leadership.Scope, out leadership.Observer[T]) {
	if !c.connect(s) {
		s.End()
		return
	}
	// A source that ends the scope that it was given tells nobody.
	s.OnEnd(func() {
		if err := context.Cause(s.Context()); errors.Is(err, leadership.ErrUnsubscribed) {
			c.end(err)
		}
	})
	c.hub.src.SubscribeIn(s, out)
}

func (c *connection[T]) connect(s *leadership.Scope) bool {
	c.hub.mu.Lock()
	defer c.hub.mu.Unlock()
	if !c.left {
		c.source = s
	}
	return !c.left
}

// leave is the end of a subscriber. It does not wait for what runs in the source.
func (c *connection[T]) leave() {
	if source := c.disconnect(); source != nil {
		source.End()
	}
}

// disconnect returns what is to be released, once the last subscriber has left.
func (c *connection[T]) disconnect() (source *leadership.Scope) {
	c.hub.mu.Lock()
	defer c.hub.mu.Unlock()
	c.subscribers--
	if c.subscribers > 0 || c.over {
		return nil
	}
	c.left = true
	c.detach()
	return c.source
}

// end passes the terminal of the source on: well for nil. From before that, whoever comes starts afresh, unless there is a completion to replay.
func (c *connection[T]) end(err error) {
	c.close(err == nil && c.hub.replay > 0)
	if err != nil {
		c.subject.Error(err)
	} else {
		c.subject.Complete()
	}
}

func (c *connection[T]) close(keep bool) {
	c.hub.mu.Lock()
	defer c.hub.mu.Unlock()
	c.over, c.source = true, nil
	if !keep {
		c.detach()
	}
}

// detach has the next subscriber start afresh. The caller holds the mutex of the hub.
func (c *connection[T]) detach() {
	if c.hub.current == c {
		c.hub.current = nil
	}
}

// sharing is a subscriber's end. A panic upstream is not its source's failure: it passes by what handles errors here as it does there.
type sharing[T any] struct{ leadership.Observer[T] }

func (s sharing[T]) Error(err error) {
	if p, ok := errors.AsType[*leadership.PanicError](err); ok {
		panic(p)
	}
	s.Observer.Error(err)
}
