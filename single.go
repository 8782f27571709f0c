package leadership

import (
	"context"
	"sync/atomic"
	"time"
)

// connectSolo is the store of single mode: there is one candidate, and it holds the key as soon as it stands.
func connectSolo(Config) (Backend, error) { return &solo{}, nil }

// solo is the backend of single mode.
type solo struct {
	value  atomic.Pointer[[]byte] // the vote; nil: nobody stands
	tokens atomic.Uint64
}

// soloID names the one session of single mode.
const soloID = "single"

func (s *solo) Open(_ context.Context, ttl time.Duration) (Session, error) {
	return &soloSession{s, ttl}, nil
}

func (s *solo) Attach(ctx context.Context, _ string, ttl time.Duration) (Session, error) {
	return s.Open(ctx, ttl)
}

func (s *solo) Observe(context.Context, string) (Observation, error) {
	value := s.value.Load()
	if value == nil {
		return Observation{}, nil
	}
	return Observation{Holder: Holder{Session: soloID, Token: s.tokens.Load(), Value: *value}}, nil
}

func (s *solo) Lifetime(context.Context, string) (time.Duration, error) { return 0, nil }

func (s *solo) Candidates(context.Context, string) ([]Candidate, error) {
	value := s.value.Load()
	if value == nil {
		return nil, nil
	}
	vote, err := ParseVote(*value)
	return []Candidate{{Session: soloID, ServiceID: vote.ServiceID}}, err
}

func (s *solo) Watch(ctx context.Context, _ string, _ Observation) error {
	<-ctx.Done()
	return context.Cause(ctx)
}

func (s *solo) Traits(Config) Traits { return Traits{Store: "single mode"} }

func (s *solo) Close() error { return nil }

// soloSession is the session of single mode: it never ends by itself.
type soloSession struct {
	store *solo
	ttl   time.Duration
}

func (s *soloSession) ID() string                  { return soloID }
func (s *soloSession) TTL() time.Duration          { return s.ttl }
func (s *soloSession) Renew(context.Context) error { return nil }

func (s *soloSession) Campaign(ctx context.Context, key string, value []byte) (Observation, error) {
	if s.store.value.Load() == nil {
		s.store.tokens.Add(1)
		s.store.value.Store(&value)
	}
	return s.store.Observe(ctx, key)
}

func (s *soloSession) Watch(ctx context.Context, key string, seen Observation) error {
	return s.store.Watch(ctx, key, seen)
}

func (s *soloSession) Resign(context.Context, string, []byte) error {
	s.store.value.Store(nil)
	return nil
}

func (s *soloSession) Transfer(context.Context, string, []byte, Vote) error { return ErrNoCandidate }

func (s *soloSession) Close(context.Context) error { return nil }
