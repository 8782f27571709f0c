package leadership

import (
	"cmp"
	"slices"
	"sync"
)

// defaultMailbox is the size of a mailbox where neither the source nor the subscriber chose one.
const defaultMailbox = 256

// feed is a hot source: what it publishes goes to all who are subscribed. Each of them has a mailbox of its own, so nobody
// waits for anybody, and first gets what is current.
//
// Mailboxes are emptied by runners, goroutines that live while there is something to deliver. One runner serves one mailbox
// after the other; before it calls out it makes sure that another one stands by while mailboxes wait. So a stuck
// subscriber costs one goroutine and holds up nobody, and quick ones cost none of their own.
type feed[T any] struct {
	capacity int
	coalesce func(queued, next T) bool
	thin     func(queue []T) int // if set: removes, in place, all that later events of the queue replace, and returns how many are left
	recall   func() []T          // if set: makes what a later subscriber gets first; called under mu

	mu     sync.Mutex
	boxes  []*mailbox[T]
	replay []T
	closed bool
	err    error

	runMu      sync.Mutex
	head, tail *mailbox[T] // mailboxes that wait for a runner
	runner     func()      // f.run, made once
	spare      bool        // a runner is on its way to take one
}

// newFeed returns a hot source. capacity bounds each subscriber's mailbox unless the subscriber's option says otherwise; 0 means 256. coalesce
// reports whether next may replace queued, an event of which nothing was delivered yet; it is asked on overflow only. nil means never.
// An event that may not even replace its like is an edge: nothing is coalesced across it.
func newFeed[T any](capacity int, coalesce func(queued, next T) bool) *feed[T] {
	return &feed[T]{capacity: capacity, coalesce: coalesce}
}

// publish delivers events to every subscriber's mailbox and makes replay what a later subscriber gets first, in one step. It never waits
// for a subscriber. Both slices are kept: the caller must not change them afterwards. After close it does nothing.
func (f *feed[T]) publish(replay []T, events ...T) {
	f.mu.Lock()
	if f.closed {
		f.mu.Unlock()
		return
	}
	f.replay = replay
	woken := f.deliver(events)
	f.mu.Unlock()
	f.wake(woken)
}

// publishMade is publish for a feed with recall: change changes what that makes, in one step with the delivery. Events are made only where somebody is subscribed.
func (f *feed[T]) publishMade(change func(), events func() []T) {
	f.mu.Lock()
	if f.closed {
		f.mu.Unlock()
		return
	}
	change()
	var woken chain[T]
	if len(f.boxes) > 0 {
		woken = f.deliver(events())
	}
	f.mu.Unlock()
	f.wake(woken)
}

// deliver puts events into every mailbox and returns those that need a runner. The caller holds f.mu.
func (f *feed[T]) deliver(events []T) (woken chain[T]) {
	for _, m := range slices.Backward(f.boxes) { // backwards, as remove puts the last one, which was served, in the place of m
		fits, wake := m.put(events, f.coalesce)
		if wake {
			woken.add(m)
		}
		if !fits {
			f.remove(m)
		}
	}
	return woken
}

// close ends the stream for all, after what is queued: well for nil, otherwise with err. Later subscribers get replay, which is kept,
// and that terminal. Only the first call counts.
func (f *feed[T]) close(err error, replay ...T) {
	var woken chain[T]
	f.mu.Lock()
	if f.closed {
		f.mu.Unlock()
		return
	}
	f.closed, f.err = true, err
	for _, m := range f.boxes {
		m.index = -1
		if m.finish(err) {
			woken.add(m)
		}
	}
	f.boxes, f.replay = nil, replay
	f.mu.Unlock()
	f.wake(woken)
}

// observable is the feed as its subscribers see it.
func (f *feed[T]) observable() Observable[T] { return New(f.subscribe) }

func (f *feed[T]) subscribe(s *Scope, out Observer[T]) {
	if !s.sub.enter() { // the mailbox is an activity until it is removed and idle
		return
	}
	m := &mailbox[T]{feed: f, scope: s, out: out, limit: s.Mailbox(), index: -1}
	if m.limit == 0 {
		m.limit = cmp.Or(f.capacity, defaultMailbox)
	}
	var woken chain[T]
	f.mu.Lock()
	replay := f.replay
	if f.recall != nil && !f.closed {
		replay = f.recall()
	}
	_, wake := m.put(replay, nil)
	if f.closed {
		wake = m.finish(f.err) || wake
	} else {
		m.index = len(f.boxes)
		f.boxes = append(f.boxes, m)
	}
	f.mu.Unlock()
	if wake {
		woken.add(m)
	}
	s.OnEnd(m.stop)
	f.wake(woken)
}

// remove takes m out of the feed. The caller holds f.mu.
func (f *feed[T]) remove(m *mailbox[T]) {
	if m.index < 0 {
		return
	}
	last := len(f.boxes) - 1
	f.boxes[m.index] = f.boxes[last]
	f.boxes[m.index].index = m.index
	f.boxes[last] = nil
	f.boxes = f.boxes[:last]
	m.index = -1
}

// chain is a list of mailboxes, linked through themselves.
type chain[T any] struct{ head, tail *mailbox[T] }

func (c *chain[T]) add(m *mailbox[T]) {
	if c.tail == nil {
		c.head = m
	} else {
		c.tail.ready = m
	}
	c.tail = m
}

// wake hands mailboxes to the runners.
func (f *feed[T]) wake(c chain[T]) {
	if c.head == nil {
		return
	}
	f.runMu.Lock()
	if f.tail == nil {
		f.head = c.head
	} else {
		f.tail.ready = c.head
	}
	f.tail = c.tail
	f.call()
	f.runMu.Unlock()
}

// call starts a runner unless one is on its way. The caller holds f.runMu.
func (f *feed[T]) call() {
	if f.spare || f.head == nil {
		return
	}
	f.spare = true
	if f.runner == nil {
		f.runner = f.run
	}
	go f.runner()
}

// run serves mailboxes until none waits.
func (f *feed[T]) run() {
	for spare := true; ; {
		f.runMu.Lock()
		if spare {
			spare, f.spare = false, false
		}
		m := f.head
		if m == nil {
			f.runMu.Unlock()
			return
		}
		f.head, m.ready = m.ready, nil
		if f.head == nil {
			f.tail = nil
		}
		f.call()
		f.runMu.Unlock()
		m.serve()
	}
}
