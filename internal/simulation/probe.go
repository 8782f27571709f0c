package simulation

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/leadership-go/leadership"
)

// probe stands between a member and its backend, and keeps books of its own on what the member may believe.
type probe struct {
	leadership.Backend
	seat    *seat
	referee *referee
}

// books are what one session of a member has proved.
type books struct {
	session string
	lease   time.Duration // granted TTL
	opened  time.Time
	renewed []time.Time // when renewals were sent that came back
	read    time.Time   // when the last read was sent that showed the key ours
	proof   time.Time   // the latest renewal that a read proves
	claimed bool        // such a read was there
	token   uint64      // that it showed
	denied  time.Time   // when a read was sent that showed the key not ours, or with another token
	heard   time.Time   // when that came back
}

// seat is one place for a member, and who sits there now.
type seat struct {
	number int
	member atomic.Pointer[leadership.Member]
	first  atomic.Pointer[listener] // its first subscriber
	job    atomic.Pointer[labour]   // the work that runs
	odd    [2]uint64                // what was believed and told when the referee looked last; the referee's own

	mu    sync.Mutex
	books books
}

func (p *probe) begin() time.Time {
	p.referee.requests.Add(1)
	p.referee.look()
	return time.Now()
}

func (p *probe) end() { p.referee.look() }

func (p *probe) Open(ctx context.Context, ttl time.Duration) (leadership.Session, error) {
	sent := p.begin()
	defer p.end()
	return p.opened(sent)(p.Backend.Open(ctx, ttl))
}

func (p *probe) Attach(ctx context.Context, id string, ttl time.Duration) (leadership.Session, error) {
	sent := p.begin()
	defer p.end()
	return p.opened(sent)(p.Backend.Attach(ctx, id, ttl))
}

func (p *probe) opened(sent time.Time) func(leadership.Session, error) (leadership.Session, error) {
	return func(s leadership.Session, err error) (leadership.Session, error) {
		if err != nil {
			return nil, err
		}
		p.seat.mu.Lock()
		defer p.seat.mu.Unlock()
		p.seat.books = books{session: s.ID(), lease: s.TTL(), opened: sent, renewed: []time.Time{sent}}
		return &probedSession{p, s}, nil
	}
}

func (p *probe) Observe(ctx context.Context, key string) (leadership.Observation, error) {
	sent := p.begin()
	defer p.end()
	o, err := p.Backend.Observe(ctx, key)
	if ctx.Value(asked{}) == nil {
		p.seat.sees(o, err, sent)
	}
	return o, err
}

// asked marks the context of a user's question, which the member does not go by.
type asked struct{}

func (p *probe) Lifetime(ctx context.Context, id string) (time.Duration, error) {
	p.begin()
	defer p.end()
	return p.Backend.Lifetime(ctx, id)
}

func (p *probe) Candidates(ctx context.Context, key string) ([]leadership.Candidate, error) {
	p.begin()
	defer p.end()
	return p.Backend.Candidates(ctx, key)
}

type probedSession struct {
	*probe
	leadership.Session
}

func (s *probedSession) Renew(ctx context.Context) error {
	sent := s.begin()
	defer s.end()
	err := s.Session.Renew(ctx)
	if err == nil {
		s.seat.renews(s.ID(), sent)
	}
	return err
}

func (s *probedSession) Campaign(ctx context.Context, key string, value []byte) (leadership.Observation, error) {
	sent := s.begin()
	defer s.end()
	o, err := s.Session.Campaign(ctx, key, value)
	s.seat.sees(o, err, sent)
	return o, err
}

func (s *probedSession) Watch(ctx context.Context, key string, seen leadership.Observation) error {
	s.begin()
	defer s.end()
	return s.Session.Watch(ctx, key, seen)
}

func (s *probedSession) Transfer(ctx context.Context, key string, vote []byte, heir leadership.Vote) error {
	s.begin()
	defer s.end()
	s.referee.givesBack(s.seat, "transfers the key")
	s.referee.outlives(s.seat, "transfers the key")
	return s.Session.Transfer(ctx, key, vote, heir)
}

func (s *probedSession) Resign(ctx context.Context, key string, vote []byte) error {
	s.begin()
	defer s.end()
	s.referee.givesBack(s.seat, "resigns the key")
	s.referee.outlives(s.seat, "resigns the key")
	return s.Session.Resign(ctx, key, vote)
}

func (s *probedSession) Close(ctx context.Context) error {
	s.begin()
	defer s.end()
	if s.seat.stands(s.ID()) { // else it stands with another one by now
		s.referee.givesBack(s.seat, "closes its session")
		s.referee.outlives(s.seat, "closes its session")
	}
	return s.Session.Close(ctx)
}

// stands reports whether the member opened that session last.
func (s *seat) stands(session string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.books.session == session
}

// renews notes a renewal that came back.
func (s *seat) renews(session string, sent time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if b := &s.books; b.session == session {
		b.renewed = append(b.renewed, sent)
		b.prove()
	}
}

// sees notes a read that came back.
func (s *seat) sees(o leadership.Observation, err error, sent time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := &s.books
	if err != nil || b.session == "" || sent.Before(b.read) {
		return
	}
	mine := o.Holder.Session == b.session
	if !mine || b.token != 0 && o.Holder.Token != b.token { // with another token it is another holding
		b.denied, b.heard, b.token = sent, time.Now(), 0
	}
	if mine {
		b.token, b.read, b.claimed = o.Holder.Token, sent, true
		b.prove()
	}
}

// prove finds the latest renewal that was sent no later than a read.
func (b *books) prove() {
	if !b.claimed {
		return
	}
	kept := b.renewed[:0]
	for _, at := range b.renewed {
		switch {
		case at.After(b.read):
			kept = append(kept, at)
		case at.After(b.proof):
			b.proof = at
		}
	}
	b.renewed = kept
}

// refuted is when a read was sent that showed the key not ours, and when that was known.
func (s *seat) refuted() (sent, known time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.books.denied, s.books.heard
}

// bound is until when the member may believe.
func (s *seat) bound(drift time.Duration) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.books.proof.IsZero() {
		return time.Time{}
	}
	return s.books.proof.Add(s.books.lease - drift)
}
