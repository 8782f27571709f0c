package leadership

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

var (
	errSimLost   = fmt.Errorf("%w: unknown to the store", ErrSessionLost)
	errSimDenied = fmt.Errorf("%w: no permission", ErrDenied)
	errSimDown   = errors.New("no connection")
	errSimLate   = errors.New("no answer in time")
)

// simSession is a session at the store.
type simSession struct {
	id    string
	alive bool
	gen   uint64        // of the timer
	until time.Duration // its TTL is over, without grace
	given bool          // somebody else's, who keeps it
	held  uint64        // the revision at which it came to hold the key
	lost  time.Duration // when it ceased to
	fate  simFate
}

// simFate says what an operator did to a session's holding: then its holder may believe although the store gave the key away.
type simFate int

const (
	fateNone    simFate = iota
	fateDeleted         // its key was deleted
	fateEnded           // it was ended
)

// simStore is the server: sessions and one election.
type simStore struct {
	w        *world
	sessions map[string]*simSession
	serial   int
	revision uint64
	down     bool
	election simElection
	watches  []simWatch
	token    uint64      // of the last holding
	last     *simSession // whose it was, nil once nobody's
	given    *simSession
}

// simElection is what two kinds of stores make of a key. None of its methods knows time or members.
type simElection interface {
	holder() (*simSession, uint64)
	// stand lets s stand and reads the key for it.
	stand(s *simSession) (Observation, error)
	read(s *simSession) Observation
	// withdraw is Resign; it reports whether anything changed.
	withdraw(s *simSession, sign bool) bool
	// transfer gives what s holds to heir; it reports false, and changes nothing, where that can't be.
	transfer(s, heir *simSession, sign bool) bool
	// swept is what a session that was closed leaves behind no longer.
	swept(s *simSession)
	// ended frees what s holds.
	ended(s *simSession)
	// deleted is what an operator does to the holder's key.
	deleted()
	// overwritten is what an operator does to the holder's value.
	overwritten()
}

type simWatch struct {
	session *simSession
	since   uint64
	answer  func(reply)
}

func newSimStore(w *world) *simStore {
	s := &simStore{w: w, sessions: map[string]*simSession{}}
	if w.plan.line {
		s.election = &simLine{store: s}
	} else {
		s.election = &simKey{store: s}
	}
	if w.plan.attached {
		s.given = s.open()
		s.given.given = true
		s.keep()
	}
	return s
}

// keep renews the given session for as long as the store knows it and the process lives that uses it.
func (s *simStore) keep() {
	if len(s.w.members) > 0 && s.w.members[0].life > 1 {
		return
	}
	if !s.down {
		s.restartTimer(s.given)
	}
	if s.given.alive {
		s.w.after(s.w.plan.ttl/3, s.keep)
	}
}

func (s *simStore) open() *simSession {
	s.serial++
	l := &simSession{id: fmt.Sprint("session-", s.serial), alive: true}
	s.sessions[l.id] = l
	s.restartTimer(l)
	return l
}

// restartTimer counts the TTL from now on, by the store's clock, and what grace the store happens to give.
func (s *simStore) restartTimer(l *simSession) {
	p := s.w.plan
	left := time.Duration(float64(p.ttl)/p.rates[p.members]) + 1 + s.w.upTo(p.grace)
	l.gen++
	l.until = s.w.now + time.Duration(float64(p.ttl)/p.rates[p.members])
	gen := l.gen
	s.w.after(left, func() { s.expire(l, gen) })
}

func (s *simStore) expire(l *simSession, gen uint64) {
	if !l.alive || l.gen != gen {
		return
	}
	if s.down { // it finds out when it is up again
		s.w.after(s.w.plan.ttl/8, func() { s.expire(l, gen) })
		return
	}
	s.w.mustNotBelieve(l, "its session expired")
	s.end(l)
}

// end forgets l and frees what it holds.
func (s *simStore) end(l *simSession) {
	if !l.alive {
		return
	}
	s.w.log("store: %s ends", l.id)
	l.alive = false
	s.election.ended(l)
	s.wake(func(watch simWatch) bool { return watch.session == l })
}

// touch is called for each change of the election.
func (s *simStore) touch() {
	s.revision++
	h, token := s.election.holder()
	if h != s.last {
		if s.last != nil {
			s.last.lost = s.w.now
		}
		s.last = h
	}
	if h != nil && token != s.token {
		h.held, s.token = s.revision, token
		s.w.log("store: %s holds the key with %d", h.id, token)
	}
	s.wake(func(watch simWatch) bool { return watch.since != s.revision })
}

// wake answers watches.
func (s *simStore) wake(which func(simWatch) bool) {
	s.watches = slices.DeleteFunc(s.watches, func(watch simWatch) bool {
		if which(watch) {
			s.w.after(0, func() { watch.answer(reply{}) })
			return true
		}
		return false
	})
}

// newTerm has all timers start anew, as a store does that elects a leader of its own.
func (s *simStore) newTerm() {
	for i := range s.serial {
		if l := s.sessions[fmt.Sprint("session-", i+1)]; l.alive {
			s.restartTimer(l)
		}
	}
}

// ask carries out r of a session, which held the key with the token holding when it was sent, and calls answer with the result, now or, for a watch, later.
func (s *simStore) ask(r request, own *simSession, holding uint64, sign bool, answer func(reply)) {
	if r.op != opOpen && r.op != opObserve && r.op != opLifetime && r.op != opRelease && !own.alive {
		answer(reply{err: errSimLost})
		return
	}
	switch r.op {
	case opOpen:
		l := s.given
		switch {
		case !r.attach:
			l = s.open()
		case !l.alive:
			answer(reply{err: errSimLost})
			return
		default:
			s.restartTimer(l)
		}
		answer(reply{session: l.id, ttl: s.w.plan.ttl})
	case opRenew:
		s.restartTimer(own)
		answer(reply{})
	case opCampaign:
		seen, err := s.election.stand(own)
		answer(reply{seen: seen, err: err})
	case opObserve:
		seen := s.election.read(own)
		seen.Earlier, seen.Resigned = nil, false // that is for who stands
		answer(reply{seen: seen})
	case opWatch:
		if r.seen.Revision != s.revision {
			answer(reply{})
			return
		}
		s.watches = append(s.watches, simWatch{own, r.seen.Revision, answer})
	case opLifetime:
		if l, ok := s.sessions[r.session]; ok && l.alive {
			left := s.w.plan.ttl
			if s.w.plan.rest {
				left = max(l.until-s.w.now, 0)
			}
			answer(reply{lifetime: left})
			return
		}
		answer(reply{})
	case opRelease:
		s.resign(own, holding, sign, s.sessions[r.heir.SessionID])
		answer(reply{})
	case opCount:
	}
}

// resign is the first half of a release, in favour of heir, if that is there; end is the second. It names the holding that it ends, lest it end
// a later one when it is late.
func (s *simStore) resign(own *simSession, holding uint64, sign bool, heir *simSession) {
	h, token := s.election.holder()
	if h == own && token != holding {
		return
	}
	if own.alive && h == own {
		s.w.mustNotBelieve(own, "it gave the key back")
	}
	if own.alive && (heir != nil && heir.alive && s.election.transfer(own, heir, sign) || s.election.withdraw(own, sign)) {
		s.touch()
	}
}
