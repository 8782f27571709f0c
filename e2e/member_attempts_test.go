package e2e_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/e2e/internal/stores"
)

// errAnswerLost is what a campaign ends with when its answer is lost on the way.
var errAnswerLost = errors.New("the answer was lost")

// attemptCounter stands between a member and its store. It counts campaigns and sessions, and may lose the answers of all campaigns.
type attemptCounter struct {
	lose     bool
	polls    bool // nothing tells the member of changes, so that each vote is an attempt
	attempts atomic.Int64

	mu       sync.Mutex
	sessions []string
}

func (c *attemptCounter) connect(s stores.Store) leadership.Connect {
	return func(leadership.Config) (leadership.Backend, error) {
		b, err := s.Backend()
		if err != nil {
			return nil, err
		}
		return countedBackend{b, c}, nil
	}
}

// opened are the sessions so far.
func (c *attemptCounter) opened() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.sessions)
}

type countedBackend struct {
	leadership.Backend
	c *attemptCounter
}

func (b countedBackend) Open(ctx context.Context, ttl time.Duration) (leadership.Session, error) {
	s, err := b.Backend.Open(ctx, ttl)
	if err != nil {
		return nil, err
	}
	b.c.mu.Lock()
	defer b.c.mu.Unlock()
	b.c.sessions = append(b.c.sessions, s.ID())
	return countedSession{s, b.c}, nil
}

func (b countedBackend) Traits(cfg leadership.Config) leadership.Traits {
	t := b.Backend.Traits(cfg)
	t.Polls = b.c.polls
	return t
}

type countedSession struct {
	leadership.Session
	c *attemptCounter
}

func (s countedSession) Campaign(ctx context.Context, key string, value []byte) (leadership.Observation, error) {
	seen, err := s.Session.Campaign(ctx, key, value)
	s.c.attempts.Add(1)
	if err == nil && s.c.lose {
		return leadership.Observation{}, errAnswerLost
	}
	return seen, err
}
