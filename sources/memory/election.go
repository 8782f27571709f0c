package memory

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"github.com/leadership-go/leadership"
)

// lease is a session at the store. The store's lock guards it.
type lease struct {
	id      string
	number  uint64
	ttl     time.Duration
	renewed time.Time
	timer   *time.Timer
	stands  []*election   // where it stands, in the order of campaigning
	ended   chan struct{} // closed at its end
}

// election is one key. The store's lock guards it. It stays for ever, so that revisions do not restart.
type election struct {
	line     []candidate   // who stands: the first one holds
	token    uint64        // of the holder
	told     bool          // the holder was told that it is that: before, it can't believe
	resigned bool          // the holder before gave the key back, and said so
	deposed  []*lease      // who held the key until an operator took it, oldest first: they may believe for as long as they live
	data     []byte        // what others wrote while nobody held the key; nil when nothing
	revision uint64        // of the last change that a candidate's watch reports
	changed  chan struct{} // closed at the next one; nil when nobody watches
	stirred  uint64        // the revision of the last change of the line, holder or not
	stirs    chan struct{} // closed at the next one; nil when nobody watches
}

// candidate is one place in the line.
type candidate struct {
	lease   *lease
	value   []byte
	profile leadership.Profile
}

// election returns the state of key, made when it is new.
func (s *Store) election(key string) *election {
	e, ok := s.keys[key]
	if !ok {
		e = new(election)
		if s.keys == nil {
			s.keys = make(map[string]*election)
		}
		s.keys[key] = e
	}
	return e
}

// campaign puts l into the line for key, once.
func (s *Store) campaign(l *lease, key string, value []byte, profile leadership.Profile) error {
	e := s.election(key)
	if e.place(l) >= 0 {
		return nil
	}
	if len(e.line) == 0 && len(e.data) > 0 {
		if _, err := leadership.ParseVote(e.data); err != nil {
			return fmt.Errorf("%w: %q: %w", leadership.ErrKeyConflict, key, err)
		}
	}
	e.line = append(e.line, candidate{lease: l, value: bytes.Clone(value), profile: profile})
	l.stands = append(l.stands, e)
	s.stir(e)
	if len(e.line) == 1 {
		e.data = nil
		s.elect(e)
	}
	return nil
}

// exit is a way out of the line.
type exit int

const (
	ended    exit = iota // the session is gone
	deleted              // an operator took the key
	withdrew             // the candidate gave up its place, without a sign
	resigned             // the holder gave the key back, with a sign: nobody believes any more
)

// leave takes l out of the line of e.
func (s *Store) leave(e *election, l *lease, how exit) {
	if how != deleted {
		e.deposed = slices.DeleteFunc(e.deposed, func(d *lease) bool { return d == l })
	}
	at := e.place(l)
	if at < 0 {
		return
	}
	e.line = slices.Delete(e.line, at, at+1)
	l.stands = slices.DeleteFunc(l.stands, func(other *election) bool { return other == e })
	s.stir(e)
	if at > 0 {
		return // nobody's standing but its own changed
	}
	if how == deleted && e.told {
		e.deposed = append(slices.DeleteFunc(e.deposed, func(d *lease) bool { return s.sessions[d.id] == nil }), l)
	}
	e.resigned = how == resigned
	s.elect(e)
}

// elect begins a holding of who is first in line now.
func (s *Store) elect(e *election) {
	e.token, e.told = 0, false
	if len(e.line) > 0 {
		s.token++
		e.token = s.token
	}
	s.touch(e)
}

// touch marks a change of e that every watch reports.
func (s *Store) touch(e *election) {
	s.stir(e)
	e.revision = s.revision
	if e.changed != nil {
		s.wake = append(s.wake, e.changed)
		e.changed = nil
	}
	if s.changed != nil {
		s.wake = append(s.wake, s.changed)
		s.changed = nil
	}
}

// stir marks a change of e that concerns only who does not stand.
func (s *Store) stir(e *election) {
	s.revision++
	e.stirred = s.revision
	if e.stirs != nil {
		s.wake = append(s.wake, e.stirs)
		e.stirs = nil
	}
}

// observe reads key.
func (s *Store) observe(key string) leadership.Observation {
	e, ok := s.keys[key]
	if !ok {
		return leadership.Observation{Revision: s.revision}
	}
	o := leadership.Observation{Resigned: e.resigned, Revision: s.revision}
	if len(e.line) > 0 {
		o.Holder = leadership.Holder{
			Session: e.line[0].lease.id,
			Token:   e.token,
			Value:   bytes.Clone(e.line[0].value),
		}
	}
	for _, d := range e.deposed {
		if s.sessions[d.id] != nil && d.id != o.Holder.Session { // that one came back
			o.Earlier = append(o.Earlier, d.id)
		}
	}
	return o
}

// place is where l stands in line, -1 when it does not.
func (e *election) place(l *lease) int {
	return slices.IndexFunc(e.line, func(c candidate) bool { return c.lease == l })
}

// promote puts the session heir right behind l, which holds key.
func (s *Store) promote(key string, l *lease, heir string) error {
	e := s.election(key)
	at := slices.IndexFunc(e.line, func(c candidate) bool { return c.lease.id == heir })
	if at < 1 || e.line[0].lease != l {
		return fmt.Errorf("%w: session %q after %q", leadership.ErrNoCandidate, heir, l.id)
	}
	next := e.line[at]
	s.stir(e)
	e.line = slices.Insert(slices.Delete(e.line, at, at+1), 1, next)
	return nil
}

// candidates lists the line for key.
func (s *Store) candidates(key string) []leadership.Candidate {
	e, ok := s.keys[key]
	if !ok {
		return nil
	}
	line := make([]leadership.Candidate, len(e.line))
	for i, c := range e.line {
		vote, _ := leadership.ParseVote(c.value) // of what is none, nothing is known
		line[i] = leadership.Candidate{Session: c.lease.id, ServiceID: vote.ServiceID, Profile: c.profile}
	}
	return line
}
