package leadership

import (
	"context"
	"sync"
	"time"
)

// connectSolo is the store of single mode: there is one candidate for each key, and it holds the key as soon as it stands.
func connectSolo(Config) (Backend, error) { return &solo{}, nil }

// solo is the backend of single mode.
type solo struct {
	mu   sync.Mutex
	keys map[string]*soloKey
}

// soloKey is one election of single mode.
type soloKey struct {
	stands bool
	value  []byte // the vote
	token  uint64 // the last one
}

// soloID names the one session of single mode.
const soloID = "single"

func (s *solo) Open(_ context.Context, ttl time.Duration) (Session, error) {
	return &soloSession{s, ttl}, nil
}

func (s *solo) Attach(ctx context.Context, _ string, ttl time.Duration) (Session, error) {
	return s.Open(ctx, ttl)
}

func (s *solo) Observe(_ context.Context, key string) (Observation, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.keys[key]
	if k == nil || !k.stands {
		return Observation{}, nil
	}
	return Observation{Holder: Holder{Session: soloID, Token: k.token, Value: k.value}}, nil
}

func (s *solo) Lifetime(context.Context, string) (time.Duration, error) { return 0, nil }

func (s *solo) Candidates(ctx context.Context, key string) ([]Candidate, error) {
	seen, err := s.Observe(ctx, key)
	if err != nil || seen.Holder.Session == "" {
		return nil, err
	}
	vote, err := ParseVote(seen.Holder.Value)
	return []Candidate{{Session: soloID, ServiceID: vote.ServiceID}}, err
}

func (s *solo) Watch(ctx context.Context, _ string, _ Observation) error {
	<-ctx.Done()
	return context.Cause(ctx)
}

// Survey implements [Surveyor]. It is never asked, as observations have no revision here.
func (s *solo) Survey(_ context.Context, _ []string, since uint64) (map[string]uint64, uint64, error) {
	return nil, since, nil
}

// Await implements [Surveyor].
func (s *solo) Await(ctx context.Context, _ Session, _ []string, _ uint64) (map[string]uint64, uint64, error) {
	<-ctx.Done()
	return nil, 0, context.Cause(ctx)
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
	s.store.stand(key, value)
	return s.store.Observe(ctx, key)
}

// stand has the one candidate hold key.
func (s *solo) stand(key string, value []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.keys[key]
	if k == nil {
		k = new(soloKey)
		if s.keys == nil {
			s.keys = make(map[string]*soloKey)
		}
		s.keys[key] = k
	}
	if !k.stands {
		k.stands, k.value = true, value
		k.token++
	}
}

func (s *soloSession) Watch(ctx context.Context, key string, seen Observation) error {
	return s.store.Watch(ctx, key, seen)
}

func (s *soloSession) Resign(_ context.Context, key string, _ []byte) error {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	if k := s.store.keys[key]; k != nil {
		k.stands = false
	}
	return nil
}

func (s *soloSession) Transfer(context.Context, string, []byte, Vote) error { return ErrNoCandidate }

func (s *soloSession) Close(context.Context) error { return nil }
