package memory

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/leadership-go/leadership"
)

// Store is the server: sessions and keys, shared by all its backends. The zero value is ready to use. All methods are safe for
// concurrent use, none blocks.
type Store struct {
	grace time.Duration

	mu       sync.Mutex
	sessions map[string]*lease
	keys     map[string]*election
	opened   uint64          // sessions so far
	token    uint64          // the last token given out
	revision uint64          // changes so far
	changed  chan struct{}   // closed at the next change that a candidate's watch of any key reports; nil when nobody watches
	wake     []chan struct{} // to be closed once mu is free
}

// Option sets up a [Store].
type Option func(*Store)

// WithGrace makes the store keep sessions for d after their TTL is over, as real stores do: Consul keeps them for another
// TTL, etcd for some seconds. The holder must not believe in them that long. Default 0; a negative d counts as 0.
func WithGrace(d time.Duration) Option {
	return func(s *Store) { s.grace = max(d, 0) }
}

// NewStore makes an empty store.
func NewStore(opts ...Option) *Store {
	s := new(Store)
	for _, o := range opts {
		o(s)
	}
	return s
}

// Backend makes a link to the store, as another process would have one.
func (s *Store) Backend() *Backend {
	return &Backend{store: s}
}

// BackendFor is [Store.Backend] for a member that says profile of itself.
func (s *Store) BackendFor(profile leadership.Profile) *Backend {
	return &Backend{store: s, profile: profile}
}

// DestroySession ends a session as an operator would: all its keys go to the next candidates at once, although the
// holder may still believe. It reports whether the store knew the session.
func (s *Store) DestroySession(id string) (known bool) {
	s.do(func() {
		var l *lease
		if l, known = s.sessions[id]; known {
			s.end(l)
		}
	})
	return known
}

// DeleteKey takes key away from its holder, whose session lives on and who does not stand any longer; the next
// candidate holds it. Data of others in the key goes too. It reports whether there was anything to delete.
func (s *Store) DeleteKey(key string) (found bool) {
	s.do(func() {
		e, ok := s.keys[key]
		if !ok || len(e.line) == 0 && e.data == nil && !e.resigned {
			return
		}
		found = true
		e.data = nil
		if len(e.line) > 0 {
			s.leave(e, e.line[0].lease, deleted)
			return
		}
		e.resigned = false
		s.touch(e)
	})
	return found
}

// Put writes value into key as a tool would that knows nothing of elections: a holder keeps holding, with that value. In
// a key that nobody holds the value stays until a candidate replaces it, which none does with anything but a vote:
// see [leadership.ErrKeyConflict].
func (s *Store) Put(key string, value []byte) {
	s.do(func() {
		e := s.election(key)
		if len(e.line) > 0 {
			e.line[0].value = bytes.Clone(value)
		} else {
			e.data = append([]byte{}, value...)
			e.resigned = false
		}
		s.touch(e)
	})
}

// Get returns what stands in key: the holder's value, or data of others. ok is false when nothing does.
func (s *Store) Get(key string) (value []byte, ok bool) {
	s.do(func() {
		e := s.keys[key]
		switch {
		case e == nil:
		case len(e.line) > 0:
			value, ok = bytes.Clone(e.line[0].value), true
		case e.data != nil:
			value, ok = bytes.Clone(e.data), true
		}
	})
	return value, ok
}

// Holder returns who holds key, the zero Holder when nobody does.
func (s *Store) Holder(key string) (h leadership.Holder) {
	s.do(func() { h = s.observe(key).Holder })
	return h
}

// Candidates returns the sessions that stand for key: the holder first, then who waits, in the order of succession.
func (s *Store) Candidates(key string) (ids []string) {
	s.do(func() {
		if e := s.keys[key]; e != nil {
			for _, c := range e.line {
				ids = append(ids, c.lease.id)
			}
		}
	})
	return ids
}

// Sessions returns the ids of the live sessions, oldest first.
func (s *Store) Sessions() (ids []string) {
	s.do(func() {
		live := make([]*lease, 0, len(s.sessions))
		for _, l := range s.sessions {
			live = append(live, l)
		}
		slices.SortFunc(live, func(a, b *lease) int { return cmp.Compare(a.number, b.number) })
		for _, l := range live {
			ids = append(ids, l.id)
		}
	})
	return ids
}

// do runs f under the lock and wakes who waits for its changes afterwards.
func (s *Store) do(f func()) {
	s.mu.Lock()
	f()
	wake := s.wake
	s.wake = nil
	s.mu.Unlock()
	for _, c := range wake {
		close(c)
	}
}

// open makes a session.
func (s *Store) open(ttl time.Duration) *lease {
	s.opened++
	l := &lease{
		id:     fmt.Sprintf("session-%d", s.opened),
		number: s.opened,
		ttl:    ttl,
		ended:  make(chan struct{}),
	}
	l.renewed = time.Now()
	l.timer = time.AfterFunc(ttl+s.grace, s.expire)
	if s.sessions == nil {
		s.sessions = make(map[string]*lease)
	}
	s.sessions[l.id] = l
	return l
}

// alive returns the session named id, or an error that says that there is none.
func (s *Store) alive(id string) (*lease, error) {
	l, ok := s.sessions[id]
	if !ok {
		return nil, fmt.Errorf("%w: no session %q", leadership.ErrSessionLost, id)
	}
	return l, nil
}

// renew extends l from now on.
func (s *Store) renew(l *lease) {
	l.renewed = time.Now()
	l.timer.Reset(l.ttl + s.grace)
}

// expire ends every session that is over, the one that was over first at first. A timer that fires just as its session is
// renewed ends nothing.
func (s *Store) expire() {
	s.do(func() {
		now := time.Now()
		var over []*lease
		for _, l := range s.sessions {
			if !now.Before(s.deadline(l)) {
				over = append(over, l)
			}
		}
		slices.SortFunc(over, func(a, b *lease) int {
			return cmp.Or(s.deadline(a).Compare(s.deadline(b)), cmp.Compare(a.number, b.number))
		})
		for _, l := range over {
			s.end(l)
		}
	})
}

// deadline is when l ends unless it is renewed.
func (s *Store) deadline(l *lease) time.Time { return l.renewed.Add(l.ttl + s.grace) }

// end forgets l and frees all that it stands for.
func (s *Store) end(l *lease) {
	delete(s.sessions, l.id)
	l.timer.Stop()
	for _, e := range slices.Clone(l.stands) {
		s.leave(e, l, ended)
	}
	s.wake = append(s.wake, l.ended)
}
