package leadership

import (
	"math"
	"slices"
	"sync"
	"sync/atomic"
)

// mailbox is one subscriber's end of a [feed].
type mailbox[T any] struct {
	feed  *feed[T]
	scope *Scope
	out   Observer[T]
	limit int
	index int         // place in feed.boxes, -1 when not there; guarded by feed.mu
	ready *mailbox[T] // the next one that waits for a runner; guarded by feed.runMu

	taken atomic.Int64 // how many wait with the runner, behind the one that it delivers

	mu    sync.Mutex
	queue []T
	first int  // the oldest event in queue
	own   bool // queue belongs to the mailbox; otherwise it is what was published, shared with the others
	busy  bool // it waits for a runner, or has one
	over  bool // after the queue comes the terminal
	gone  bool // the scope has ended
	err   error
}

// put queues events. It reports whether all of them fit (otherwise the mailbox ends after what did), and whether the mailbox
// needs a runner now.
func (m *mailbox[T]) put(events []T, coalesce func(queued, next T) bool) (fits, wake bool) {
	m.mu.Lock()
	if m.over || m.gone || len(events) == 0 {
		m.mu.Unlock()
		return true, false
	}
	fits = true
	switch {
	case m.first < len(m.queue):
		for _, e := range events {
			if len(m.queue)-m.first+int(m.taken.Load()) >= m.limit && !m.squeeze(e, coalesce) {
				m.over, m.err, fits = true, ErrOverflow, false
				break
			}
			m.push(e)
		}
	case len(events) <= cap(m.queue): // what a runner has left behind
		m.queue = append(m.queue, events...)
	default:
		// What is published together always fits an empty mailbox, uncopied: append copies before it writes.
		m.queue, m.own = slices.Clip(events), false
	}
	wake = !m.busy
	m.busy = true
	m.mu.Unlock()
	return fits, wake
}

// finish queues the terminal and reports whether the mailbox needs a runner now.
func (m *mailbox[T]) finish(err error) (wake bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.over || m.gone {
		return false
	}
	m.over, m.err = true, err
	wake = !m.busy
	m.busy = true
	return wake
}

// push appends e. Where there is no room it moves on to an array of its own, as a runner may still read what it took from the old one. There
// is room for as many again at least, so that an event is moved once or twice.
func (m *mailbox[T]) push(e T) {
	if !m.own || len(m.queue) == cap(m.queue) {
		waiting := m.queue[m.first:]
		m.queue = append(make([]T, 0, min(max(4*len(waiting), 16), 2*min(m.limit, math.MaxInt/2))), waiting...)
		m.first, m.own = 0, true
	}
	m.queue = append(m.queue, e)
}

// squeeze makes room for next: it removes the oldest event that a later one of the same run, next included, may replace. It reports
// false when there is none.
func (m *mailbox[T]) squeeze(next T, coalesce func(queued, next T) bool) bool {
	if m.feed.thin != nil && m.limit >= leastThinned {
		return m.thin()
	}
	if coalesce == nil {
		return false
	}
	waiting := m.queue[m.first:]
	for i, old := range waiting {
		for j := i + 1; j <= len(waiting); j++ {
			later := next
			if j < len(waiting) {
				later = waiting[j]
			}
			if coalesce(old, later) {
				m.drop(m.first + i)
				return true
			}
			if !coalesce(later, later) {
				break // an edge: the run ends here
			}
		}
	}
	return false
}

// leastThinned is from which limit on a queue is thinned out as a whole.
const leastThinned = 64

// thin makes room where a look at the whole queue for each event would take too long: it removes all that it can, and reports false where that is not a sixteenth of
// the limit, as it would have to be done again too soon.
func (m *mailbox[T]) thin() bool {
	waiting := append(make([]T, 0, len(m.queue)-m.first), m.queue[m.first:]...) // a runner may still read what it took
	left := m.feed.thin(waiting)
	removed := len(waiting) - left
	if removed <= m.limit/16 {
		return false
	}
	clear(waiting[left:])
	m.queue, m.first, m.own = waiting[:left], 0, true
	m.scope.sub.coalesced.Add(uint64(removed))
	return true
}

// drop removes the event at i and counts it.
func (m *mailbox[T]) drop(i int) {
	if !m.own {
		m.queue = append(make([]T, 0, len(m.queue)-m.first), m.queue[m.first:]...)
		i, m.first, m.own = i-m.first, 0, true
	}
	copy(m.queue[i:], m.queue[i+1:])
	clear(m.queue[len(m.queue)-1:])
	m.queue = m.queue[:len(m.queue)-1]
	m.scope.sub.coalesced.Add(1)
}

// serve runs on a runner, for a busy mailbox.
func (m *mailbox[T]) serve() {
	ours := true // the mailbox stays busy until we say otherwise, also when a callback panics or ends the goroutine
	defer func() {
		if ours {
			m.release()
		}
	}()
	m.scope.sub.call(func() { ours = m.drain() })
}

// drain delivers until the mailbox is empty, or over. It reports whether the mailbox is still busy, on the runner's account.
func (m *mailbox[T]) drain() bool {
	var spare []T
	for {
		m.mu.Lock()
		switch {
		case m.gone || m.scope.Ended():
			m.mu.Unlock()
			return true
		case m.first < len(m.queue):
			batch, emptied, own := m.take(spare)
			m.mu.Unlock()
			if !m.deliver(batch) {
				return true
			}
			if own {
				clear(batch) // what was delivered is not kept
			}
			spare = emptied
		case m.over:
			m.mu.Unlock()
			if m.err != nil {
				m.out.Error(m.err)
			} else {
				m.out.Complete()
			}
			m.stop()
			return true
		default:
			m.busy, m.queue, m.own = false, nil, false // an idle mailbox keeps no memory
			m.mu.Unlock()
			return false
		}
	}
}

// take gives the runner the oldest events, so that the lock is not taken for each: an eighth of the limit at most, as they cannot be coalesced
// any more. A queue of its own that this empties is the runner's once it has delivered: it gives it back the next time, as spare.
func (m *mailbox[T]) take(spare []T) (batch, emptied []T, own bool) {
	until := min(len(m.queue), m.first+max(m.limit/8, 1))
	batch, own = m.queue[m.first:until], m.own
	m.taken.Store(int64(len(batch)))
	if until < len(m.queue) {
		m.first = until
		return batch, spare, own
	}
	if own {
		emptied = m.queue[:0]
	}
	m.queue, m.first, m.own = spare, 0, spare != nil
	return batch, emptied, own
}

// deliver reports false when the scope has ended.
func (m *mailbox[T]) deliver(batch []T) bool {
	for i := range batch {
		if m.scope.Ended() {
			return false
		}
		m.taken.Add(-1)
		m.out.Next(batch[i])
	}
	return true
}

// stop ends the mailbox with its scope. It is an activity of the subscription until it is stopped and nobody serves it.
func (m *mailbox[T]) stop() {
	m.feed.mu.Lock()
	m.feed.remove(m)
	m.feed.mu.Unlock()
	m.mu.Lock()
	leave := !m.gone && !m.busy
	m.gone = true
	m.queue, m.first = nil, 0
	m.mu.Unlock()
	if leave {
		m.scope.sub.leave()
	}
}

// release is the runner's last word on a mailbox that was busy when it was stopped.
func (m *mailbox[T]) release() {
	m.mu.Lock()
	m.busy = false
	leave := m.gone
	m.mu.Unlock()
	if leave {
		m.scope.sub.leave()
	}
}
