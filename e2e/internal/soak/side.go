package soak

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/e2e/internal/crowd"
	"github.com/leadership-go/leadership/e2e/internal/stores"
)

// side is what happens at one store.
type side struct {
	Options
	store   stores.Store
	number  uint64
	config  leadership.Config
	witness *crowd.Witness
	slots   []*slot

	happened [kinds]atomic.Int64
	messages atomic.Int64
	overflow atomic.Int64 // subscribers that were too slow for their mailbox
	refused  atomic.Int64 // calls of Close and Resign that returned the store's error
	sessions atomic.Int64 // at the store, below 0 while it does not answer
	keys     atomic.Int64

	mu     sync.Mutex
	wrongs []error
}

// maxWrongs bounds what is remembered of what went wrong.
const maxWrongs = 10

// wrong notes what may not happen; nil is nothing.
func (s *side) wrong(what string, err error) {
	if err == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.wrongs) < maxWrongs {
		s.wrongs = append(s.wrongs, fmt.Errorf("%s: %s: %w", s.store.Name(), what, err))
	}
}

func (s *side) err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return errors.Join(append(s.wrongs, s.witness.Testimony().First)...)
}

// witnessEvery is the pause between two rounds of questions.
const witnessEvery = time.Millisecond

// frequency of the votes: often, so that there is something to be slow about.
const frequency = 500 * time.Millisecond

// newSide builds the members and waits until one leads.
func newSide(ctx context.Context, store stores.Store, number int, o Options) (*side, error) {
	s := &side{Options: o, store: store, number: uint64(number), witness: crowd.Attend(witnessEvery), config: leadership.Config{
		ServiceName: "soak",
		Session:     leadership.SessionConfig{TTL: o.TTL},
		// The operator ends sessions of leaders that are cut off: that is what the delay is for.
		Election: leadership.ElectionConfig{Frequency: frequency, TakeoverDelay: o.TTL},
	}}
	for i := range o.Members {
		s.slots = append(s.slots, &slot{side: s, index: i, rng: s.random(i)})
	}
	for _, sl := range s.slots {
		if err := sl.build(ctx); err != nil {
			return nil, errors.Join(err, s.end(ctx))
		}
	}
	if err := s.awaitLeader(ctx); err != nil {
		return nil, errors.Join(err, s.end(ctx))
	}
	return s, nil
}

// awaitLeader waits until a member leads.
func (s *side) awaitLeader(ctx context.Context) error {
	// Whatever was the case before, every session has ended by then, the successor has waited, and there is time to spare.
	ctx, cancel := context.WithTimeout(ctx, 10*s.TTL+20*time.Second)
	defer cancel()
	return until(ctx, "nobody leads", func(context.Context) error {
		for _, sl := range s.slots {
			if sl.current().IsLeader() {
				return nil
			}
		}
		return errors.New("none of the members")
	})
}

// disturb lets everything happen until ctx ends, and mends it.
func (s *side) disturb(ctx context.Context) {
	var running sync.WaitGroup
	defer running.Wait()
	for _, sl := range s.slots {
		running.Go(func() { sl.disturb(ctx) })
	}
	n := len(s.slots)
	running.Go(func() { s.operate(ctx, s.random(n)) })
	running.Go(func() { s.breakServers(ctx, s.random(n+1)) })
	running.Go(func() { s.subscribe(ctx, s.random(n+2)) })
	running.Go(func() { s.count(ctx) })
}

// random is what the nth of those who disturb this store goes by.
func (s *side) random(n int) *rand.Rand {
	return rand.New(rand.NewPCG(s.Seed, s.number<<32|uint64(n)))
}

// end closes all members, as a service that ends does, and their links.
func (s *side) end(ctx context.Context) error {
	var running sync.WaitGroup
	for _, sl := range s.slots {
		if sl.member != nil {
			running.Go(func() { sl.leave(ctx) })
		}
	}
	running.Wait()
	s.witness.Stop()
	return s.err()
}

// count keeps counting what the store holds.
func (s *side) count(ctx context.Context) {
	for again := true; again; again = sleep(ctx, s.Every) {
		attempt, cancel := context.WithTimeout(ctx, s.Every)
		sessions, err := s.store.Sessions(attempt)
		keys, err2 := s.store.Left(attempt, s.config.Key())
		cancel()
		if err != nil || err2 != nil {
			s.sessions.Store(-1)
			s.keys.Store(-1)
			continue
		}
		s.sessions.Store(int64(len(sessions)))
		s.keys.Store(int64(len(keys)))
	}
}

// awaitEmpty waits until the store holds nothing of the members any more.
func (s *side) awaitEmpty(ctx context.Context) error {
	// A session that could not be given back lives for its TTL, at Consul for two, or once more where its server started anew.
	ctx, cancel := context.WithTimeout(ctx, 6*s.TTL+10*time.Second)
	defer cancel()
	return until(ctx, s.store.Name()+" is not empty", func(ctx context.Context) error {
		sessions, err := s.store.Sessions(ctx)
		if err != nil {
			return err
		}
		keys, err := s.store.Left(ctx, s.config.Key())
		if err != nil {
			return err
		}
		if len(sessions)+len(keys) > 0 {
			return fmt.Errorf("sessions %q, keys %q", sessions, keys)
		}
		return nil
	})
}

// until repeats check until it returns nil or ctx ends.
func until(ctx context.Context, what string, check func(context.Context) error) error {
	for {
		err := check(ctx)
		if err == nil {
			return nil
		}
		if !sleep(ctx, 20*time.Millisecond) {
			return fmt.Errorf("soak: %s: %w", what, err)
		}
	}
}

// sleep waits for d. It reports false if ctx ended before.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// between is a random duration.
func between(rng *rand.Rand, least, most time.Duration) time.Duration {
	return least + time.Duration(rng.Int64N(int64(most-least)+1))
}

// about is a random duration, d give or take a half.
func about(rng *rand.Rand, d time.Duration) time.Duration { return between(rng, d/2, d+d/2) }
