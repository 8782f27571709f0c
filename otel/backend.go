package leadershipotel

import (
	"context"
	"time"

	"github.com/leadership-go/leadership"
)

// backend measures the calls to the one within. What it does not know, such as watches, passes unmeasured.
type backend struct {
	leadership.Backend
	measured *measured
}

// Open measures and passes on.
func (b *backend) Open(ctx context.Context, ttl time.Duration) (leadership.Session, error) {
	c := b.measured.begin(opOpen)
	s, err := b.Backend.Open(ctx, ttl)
	return b.session(ctx, c, s, err)
}

// Attach measures and passes on.
func (b *backend) Attach(ctx context.Context, id string, ttl time.Duration) (leadership.Session, error) {
	c := b.measured.begin(opAttach)
	s, err := b.Backend.Attach(ctx, id, ttl)
	return b.session(ctx, c, s, err)
}

// session ends c, which was to give s.
func (b *backend) session(ctx context.Context, c *call, s leadership.Session, err error) (leadership.Session, error) {
	if err != nil {
		b.measured.end(ctx, c, err)
		return nil, err
	}
	c.session = s.ID()
	b.measured.end(ctx, c, nil)
	return &session{Session: s, measured: b.measured}, nil
}

// Observe measures and passes on.
func (b *backend) Observe(ctx context.Context, key string) (leadership.Observation, error) {
	c := b.measured.begin(opObserve)
	ctx, ended := b.measured.join(ctx, c)
	seen, err := b.Backend.Observe(ctx, key)
	c.holder, c.token = seen.Holder.Session, seen.Holder.Token
	b.measured.end(ctx, c, err)
	ended()
	return seen, err
}

// Lifetime measures and passes on.
func (b *backend) Lifetime(ctx context.Context, session string) (time.Duration, error) {
	c := b.measured.begin(opLifetime)
	left, err := b.Backend.Lifetime(ctx, session)
	b.measured.end(ctx, c, err)
	return left, err
}

// Candidates measures and passes on.
func (b *backend) Candidates(ctx context.Context, key string) ([]leadership.Candidate, error) {
	c := b.measured.begin(opCandidates)
	ctx, ended := b.measured.join(ctx, c)
	candidates, err := b.Backend.Candidates(ctx, key)
	b.measured.end(ctx, c, err)
	ended()
	return candidates, err
}

// Close passes on, and waits until all measurements are handed over. It is the last that the member calls: key and session are given back.
func (b *backend) Close() error {
	err := b.Backend.Close()
	b.measured.flush()
	return err
}

// session measures the calls to the one within.
type session struct {
	leadership.Session
	measured *measured
}

// Renew measures and passes on.
func (s *session) Renew(ctx context.Context) error {
	c := s.measured.begin(opRenew)
	err := s.Session.Renew(ctx)
	if err == nil {
		c.margin, c.leading = s.measured.marginLeft()
	}
	s.measured.end(ctx, c, err)
	return err
}

// Campaign measures and passes on.
func (s *session) Campaign(ctx context.Context, key string, value []byte) (leadership.Observation, error) {
	c := s.measured.begin(opCampaign)
	seen, err := s.Session.Campaign(ctx, key, value)
	c.holder, c.token = seen.Holder.Session, seen.Holder.Token
	s.measured.end(ctx, c, err)
	return seen, err
}

// Resign measures and passes on.
func (s *session) Resign(ctx context.Context, key string, vote []byte) error {
	c := s.measured.begin(opResign)
	err := s.Session.Resign(ctx, key, vote)
	s.measured.end(ctx, c, err)
	return err
}

// Transfer measures and passes on.
func (s *session) Transfer(ctx context.Context, key string, vote []byte, heir leadership.Vote) error {
	c := s.measured.begin(opTransfer)
	err := s.Session.Transfer(ctx, key, vote, heir)
	s.measured.end(ctx, c, err)
	return err
}

// Close measures and passes on.
func (s *session) Close(ctx context.Context) error {
	c := s.measured.begin(opClose)
	err := s.Session.Close(ctx)
	s.measured.end(ctx, c, err)
	return err
}
