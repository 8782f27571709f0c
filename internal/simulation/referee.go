package simulation

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/leadership-go/leadership"
)

// interval is how often the referee looks when nothing happens.
const interval = 10 * time.Millisecond

// referee looks at what the members of one run believe.
type referee struct {
	setup    Setup
	started  time.Time
	requests atomic.Int64
	looks    atomic.Int64
	seats    []*seat

	mu    sync.Mutex
	err   error
	token uint64               // the highest that was believed in
	terms map[uint64]*sighting // by token, until they are over
	past  map[uint64]bool
	led   int // terms that were seen
}

// sighting is a term that was seen valid.
type sighting struct {
	seat  int
	term  leadership.Term
	ctx   context.Context //nolint:containedctx // derived from the term's: ends without being asked
	stop  context.CancelFunc
	ended bool // found over at the last look
	since time.Time
}

func newReferee(s Setup) *referee {
	r := &referee{setup: s, started: time.Now(), terms: make(map[uint64]*sighting), past: make(map[uint64]bool)}
	for i := range s.Members {
		r.seats = append(r.seats, &seat{number: i})
	}
	return r
}

// fail notes what is wrong; the first counts.
func (r *referee) fail(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failLocked(format, args...)
}

func (r *referee) failLocked(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("after %v: %w", time.Since(r.started), fmt.Errorf(format, args...))
	}
}

func (r *referee) failed() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err
}

// leader is the seat whose member believes now, and its token; -1 when nobody does.
func (r *referee) leader() (number int, token uint64) {
	for _, s := range r.seats {
		if m := s.member.Load(); m != nil {
			if t := m.Term(); t.Valid() {
				return s.number, t.Token()
			}
		}
	}
	return -1, 0
}

// look checks the belief of all members.
func (r *referee) look() {
	r.looks.Add(1)
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	type believer struct {
		seat *seat
		term leadership.Term
	}
	var believers []believer
	for _, s := range r.seats {
		m := s.member.Load()
		if m == nil {
			continue
		}
		if t := m.Term(); t.Valid() {
			believers = append(believers, believer{s, t})
		}
	}
	// A term never resumes. So if all are valid still, now that each has been found valid, they were so together.
	valid := believers[:0]
	for _, b := range believers {
		if len(believers) == 1 || b.term.Valid() {
			valid = append(valid, b)
		}
	}
	if len(valid) > 1 {
		r.failLocked("two leaders: member %d with token %d, until %v, and member %d with token %d, until %v",
			valid[0].seat.number, valid[0].term.Token(), valid[0].term.Deadline().Sub(r.started),
			valid[1].seat.number, valid[1].term.Token(), valid[1].term.Deadline().Sub(r.started))
	}
	for _, b := range valid {
		r.sight(b.seat, b.term, now)
	}
	for token, s := range r.terms {
		r.follow(token, s, now)
	}
	r.labours()
}

// sight takes in one that believes.
func (r *referee) sight(s *seat, t leadership.Term, now time.Time) {
	token := t.Token()
	seen, known := r.terms[token]
	switch {
	case known && seen.seat != s.number:
		r.failLocked("token %d is that of members %d and %d", token, seen.seat, s.number)
	case known:
	case r.past[token]:
		r.failLocked("token %d of member %d is that of a term that was over", token, s.number)
	case token < r.token:
		r.failLocked("token %d of member %d comes after %d", token, s.number, r.token)
	default:
		r.token = token
		r.led++
		ctx, stop := context.WithCancel(t.Context()) //nolint:gosec // follow ends it
		r.terms[token] = &sighting{seat: s.number, term: t, ctx: ctx, stop: stop, since: now}
	}
	if until := s.bound(r.setup.Drift); !now.Before(until) && t.Valid() {
		r.failLocked("member %d believes with token %d, and its last proof lasted until %v", s.number, token, until.Sub(r.started))
	}
}

// follow looks at a term until it is over.
func (r *referee) follow(token uint64, s *sighting, now time.Time) {
	if s.term.Valid() {
		if s.ctx.Err() != nil && s.term.Valid() {
			r.failLocked("the context of term %d ended before it, for %v", token, context.Cause(s.ctx))
		}
		return
	}
	if !s.ended { // it may be ending right now, on another goroutine
		s.ended, s.since = true, now
		return
	}
	if s.since.Equal(now) {
		return
	}
	defer s.stop()
	delete(r.terms, token)
	r.past[token] = true
	if s.ctx.Err() == nil {
		r.failLocked("term %d is over and its context is not", token)
		return
	}
	cause := context.Cause(s.ctx)
	for _, known := range []error{
		leadership.ErrLeaseExpired, leadership.ErrKeyLost, leadership.ErrSessionLost, leadership.ErrResigned, leadership.ErrClosed,
		leadership.ErrStoodDown, leadership.ErrUnhealthy,
	} {
		if errors.Is(cause, known) {
			return
		}
	}
	r.failLocked("the context of term %d ended for %v", token, cause)
}

// refuted checks that nobody believes on who has read that the key is not its own.
func (r *referee) refuted(s *seat, token uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	sent, known := s.refuted()
	if t := r.terms[token]; t != nil && !sent.Before(t.since) && time.Since(known) > 0 {
		r.failLocked("member %d believes in term %d, and has read that the key is not its own, %v ago", s.number, token, time.Since(known))
	}
}

// givesBack checks that a member does not believe any more.
func (r *referee) givesBack(s *seat, what string) {
	if m := s.member.Load(); m != nil && m.IsLeader() {
		r.fail("member %d %s and believes still, with token %d", s.number, what, m.Term().Token())
	}
}

// watch looks at all members at every interval until stop is closed, and not for longer than limit: where a run hangs, the bubble has to notice.
func (r *referee) watch(stop <-chan struct{}, limit time.Duration) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for time.Since(r.started) < limit {
		select {
		case <-tick.C:
			r.look()
			r.hear()
		case <-stop:
			return
		}
	}
	r.fail("the run does not come to its end")
}

// hear compares what each member believes with what its stream has told. A message takes no virtual time, so that the two may differ for an instant only.
func (r *referee) hear() {
	for _, s := range r.seats {
		m, l := s.member.Load(), s.first.Load()
		if m == nil || l == nil {
			continue
		}
		var believed uint64
		if t := m.Term(); t.Valid() {
			believed = t.Token()
		}
		_, told := l.leads()
		r.refuted(s, believed)
		odd := [2]uint64{believed, told}
		if believed != told && s.odd == odd {
			r.fail("member %d believes in term %d, and its stream has told of %d (0: none)", s.number, believed, told)
		}
		s.odd = odd
	}
}
