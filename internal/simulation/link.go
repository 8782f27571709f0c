package simulation

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/leadership-go/leadership"
)

// Link is the way from one member to a store, with all that can happen on it. A request travels there, is carried out and its answer travels back;
// each leg has its own delay and fate. Unlike a member's call, a request on its way does not end with the caller's context.
type Link struct {
	ctx     context.Context //nolint:containedctx // ends what is on its way when the world ends
	end     context.CancelFunc
	flights sync.WaitGroup
	store   *Crashing
	latency time.Duration
	skew    time.Duration
	passed  *atomic.Int64 // requests and answers

	mu     sync.Mutex
	rng    *rand.Rand
	faults []Fault       // that last now
	thaw   chan struct{} // closed when a fault ends: who is held back looks again
	healed bool
}

// Crashing is whether a store is down.
type Crashing struct{ down atomic.Int32 }

var (
	errRefused = errors.New("simulation: connection refused")
	errDown    = errors.New("simulation: store is down")
)

// NewLink makes a link that is in order.
func NewLink(s Setup, seed uint64, member int, store *Crashing, passed *atomic.Int64) *Link {
	ctx, cancel := context.WithCancel(context.Background())
	return &Link{
		ctx: ctx, end: cancel, store: store, latency: s.Latency, skew: s.Skew, passed: passed,
		rng: rand.New(rand.NewPCG(seed, uint64(member))), thaw: make(chan struct{}),
	}
}

// Begin starts a fault.
func (l *Link) Begin(f Fault) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.faults = append(l.faults, f)
}

// End ends it, and lets go what it held back.
func (l *Link) End(f Fault) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range l.faults {
		if l.faults[i] == f {
			l.faults = append(l.faults[:i:i], l.faults[i+1:]...)
			break
		}
	}
	l.release()
}

// Heal ends all faults, for good.
func (l *Link) Heal() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.faults, l.healed = nil, true
	l.release()
}

// Close ends what is still on its way and waits for it.
func (l *Link) Close() {
	l.end()
	l.flights.Wait()
}

func (l *Link) release() {
	close(l.thaw)
	l.thaw = make(chan struct{})
}

// has reports whether a fault of kind lasts now.
func (l *Link) has(kinds ...Kind) (Fault, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, f := range l.faults {
		if slices.Contains(kinds, f.Kind) {
			return f, true
		}
	}
	return Fault{}, false
}

func (l *Link) chance(most time.Duration) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return chance(l.rng, most)
}

// late is how long f may hold something up.
func late(f Fault) time.Duration { return time.Duration(f.Arg) * 10 * time.Millisecond }

// travel takes one leg. It reports false when what travels is lost.
func (l *Link) travel(kinds ...Kind) bool {
	l.passed.Add(1)
	delay := l.chance(l.latency)
	if f, slow := l.has(Slow); slow {
		delay += l.chance(late(f))
	}
	for timer := time.NewTimer(delay); ; {
		l.mu.Lock()
		thaw, healed := l.thaw, l.healed
		l.mu.Unlock()
		if _, lost := l.has(kinds...); lost || l.ctx.Err() != nil {
			timer.Stop()
			return false
		}
		if _, lossy := l.has(Lossy); lossy && l.chance(3) == 0 {
			timer.Stop()
			return false
		}
		_, frozen := l.has(Freeze)
		if healed && delay > l.latency { // what was held up arrives now
			delay = 0
			timer.Reset(0)
		}
		arrived := timer.C
		if frozen {
			arrived = nil
		}
		select {
		case <-arrived:
			if _, frozen := l.has(Freeze); !frozen {
				return true
			}
			timer.Reset(0) // it froze just now
		case <-thaw:
		case <-l.ctx.Done():
		}
	}
}

// result is what a request came to.
type result[T any] struct {
	value T
	err   error
}

// send takes a request to the store and its answer back. watch says that the request waits at the store.
func send[T any](ctx context.Context, l *Link, watch bool, perform func(context.Context) (T, error)) (T, error) {
	var none T
	fail := func(err error) (T, error) { return none, fmt.Errorf("simulation: %w", err) }
	if ctx.Err() != nil {
		return fail(context.Cause(ctx))
	}
	answers := make(chan result[T], 1)
	l.flights.Go(func() {
		if !l.travel(LoseRequests, Cut) {
			return
		}
		var answer result[T]
		switch _, down := l.has(Refuse); {
		case down:
			answer.err = fmt.Errorf("dial: %w", errRefused)
		case l.store.down.Load() > 0:
			if l.chance(2) == 0 {
				return // no answer at all
			}
			answer.err = fmt.Errorf("dial: %w", errDown)
		default:
			if _, denied := l.has(Deny); denied {
				answer.err = fmt.Errorf("permission: %w", leadership.ErrDenied)
				break
			}
			at := l.ctx //nolint:contextcheck // a request that has arrived is carried out, whether or not somebody still waits for it
			if watch {
				at = ctx
			}
			answer.value, answer.err = perform(at)
			if again, twice := l.has(Twice); twice && !watch {
				l.repeat(l.chance(late(again)), func() { _, _ = perform(l.ctx) })
			}
		}
		if _, deaf := l.has(Deaf); deaf && watch && answer.err == nil {
			return
		}
		if !l.travel(LoseReplies, Cut) {
			return
		}
		answers <- answer
	})
	if _, last := l.has(LastMoment); last && !watch {
		<-ctx.Done()
		select {
		case answer := <-answers:
			return answer.value, answer.err
		default:
			return fail(context.Cause(ctx))
		}
	}
	select {
	case answer := <-answers:
		return answer.value, answer.err
	case <-ctx.Done():
		return fail(context.Cause(ctx))
	}
}

// repeat carries a request out once more.
func (l *Link) repeat(after time.Duration, again func()) {
	l.mu.Lock()
	healed := l.healed
	l.mu.Unlock()
	if healed {
		return
	}
	l.flights.Go(func() {
		timer := time.NewTimer(after)
		defer timer.Stop()
		for {
			l.mu.Lock()
			thaw, healed := l.thaw, l.healed
			l.mu.Unlock()
			if healed {
				break
			}
			select {
			case <-timer.C:
				again()
				return
			case <-thaw:
			case <-l.ctx.Done():
				return
			}
		}
		again()
	})
}

// Backend makes what a member stands at: the store behind the link.
func (l *Link) Backend(store leadership.Backend) leadership.Backend {
	b := &linked{l, store}
	if surveyor, ok := store.(leadership.Surveyor); ok {
		return &linkedSurveyor{b, surveyor}
	}
	return b
}

// linkedSurveyor is the link of a backend that can survey.
type linkedSurveyor struct {
	*linked
	surveyor leadership.Surveyor
}

// surveyed is what a survey, or a wait, found.
type surveyed struct {
	changed  map[string]uint64
	revision uint64
}

func (b *linkedSurveyor) Survey(ctx context.Context, keys []string, since uint64) (map[string]uint64, uint64, error) {
	out, err := send(ctx, b.Link, false, func(ctx context.Context) (out surveyed, err error) {
		out.changed, out.revision, err = b.surveyor.Survey(ctx, keys, since)
		return out, err
	})
	return out.changed, out.revision, err
}

func (b *linkedSurveyor) Await(ctx context.Context, s leadership.Session, keys []string, since uint64) (map[string]uint64, uint64, error) {
	if linked, ok := s.(*linkedSession); ok {
		s = linked.inner
	}
	out, err := send(ctx, b.Link, true, func(ctx context.Context) (out surveyed, err error) {
		if _, spurious := b.has(Spurious); spurious {
			return surveyed{revision: since}, nil
		}
		out.changed, out.revision, err = b.surveyor.Await(ctx, s, keys, since)
		return out, err
	})
	return out.changed, out.revision, err
}

type linked struct {
	*Link
	store leadership.Backend
}

func (b *linked) Open(ctx context.Context, ttl time.Duration) (leadership.Session, error) {
	return b.session(ttl)(send(ctx, b.Link, false, func(ctx context.Context) (leadership.Session, error) {
		return b.store.Open(ctx, ttl-b.skew)
	}))
}

func (b *linked) Attach(ctx context.Context, id string, ttl time.Duration) (leadership.Session, error) {
	return b.session(ttl)(send(ctx, b.Link, false, func(ctx context.Context) (leadership.Session, error) {
		return b.store.Attach(ctx, id, ttl-b.skew)
	}))
}

func (b *linked) session(ttl time.Duration) func(leadership.Session, error) (leadership.Session, error) {
	return func(s leadership.Session, err error) (leadership.Session, error) {
		if err != nil {
			return nil, err
		}
		return &linkedSession{linked: b, inner: s, ttl: ttl, stood: make(map[string]int)}, nil
	}
}

func (b *linked) Observe(ctx context.Context, key string) (leadership.Observation, error) {
	return send(ctx, b.Link, false, func(ctx context.Context) (leadership.Observation, error) {
		return b.store.Observe(ctx, key)
	})
}

func (b *linked) Lifetime(ctx context.Context, id string) (time.Duration, error) {
	return send(ctx, b.Link, false, func(ctx context.Context) (time.Duration, error) {
		return b.store.Lifetime(ctx, id)
	})
}

func (b *linked) Candidates(ctx context.Context, key string) ([]leadership.Candidate, error) {
	return send(ctx, b.Link, false, func(ctx context.Context) ([]leadership.Candidate, error) {
		return b.store.Candidates(ctx, key)
	})
}

func (b *linked) Watch(ctx context.Context, key string, seen leadership.Observation) error {
	return b.watch(ctx, func(ctx context.Context) error { return b.store.Watch(ctx, key, seen) })
}

// watch is a watch of the store's, which may return for nothing.
func (b *linked) watch(ctx context.Context, perform func(context.Context) error) error {
	_, err := send(ctx, b.Link, true, func(ctx context.Context) (struct{}, error) {
		if _, spurious := b.has(Spurious); spurious {
			return struct{}{}, nil
		}
		return struct{}{}, perform(ctx)
	})
	return err
}

func (b *linked) Traits(cfg leadership.Config) leadership.Traits { return b.store.Traits(cfg) }

func (b *linked) Close() error { return b.store.Close() }

type linkedSession struct {
	*linked
	inner leadership.Session
	ttl   time.Duration

	mu    sync.Mutex
	stood map[string]int // how often it has campaigned, by key
}

// campaigned counts a campaign for key, and returns how many there were before.
func (s *linkedSession) campaigned(key string, more int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.stood[key]
	s.stood[key] += more
	return n
}

// leaves takes a request to the store that gives key back. As at the real stores, it names the holding that it is to end: one that arrives when nobody waits for it any more ends no later one.
func (s *linkedSession) leaves(caller context.Context, key string, perform func(context.Context) error) error {
	before := s.campaigned(key, 0)
	return s.do(caller, func(ctx context.Context) error {
		if caller.Err() != nil && s.campaigned(key, 0) != before {
			return nil
		}
		return perform(ctx)
	})
}

func (s *linkedSession) ID() string { return s.inner.ID() }

func (s *linkedSession) TTL() time.Duration { return s.ttl }

func (s *linkedSession) Renew(ctx context.Context) error { return s.do(ctx, s.inner.Renew) }

func (s *linkedSession) Campaign(ctx context.Context, key string, value []byte) (leadership.Observation, error) {
	return send(ctx, s.Link, false, func(ctx context.Context) (leadership.Observation, error) {
		s.campaigned(key, 1)
		return s.inner.Campaign(ctx, key, value)
	})
}

func (s *linkedSession) Watch(ctx context.Context, key string, seen leadership.Observation) error {
	return s.watch(ctx, func(ctx context.Context) error { return s.inner.Watch(ctx, key, seen) })
}

func (s *linkedSession) Transfer(ctx context.Context, key string, vote []byte, heir leadership.Vote) error {
	return s.leaves(ctx, key, func(ctx context.Context) error { return s.inner.Transfer(ctx, key, vote, heir) })
}

func (s *linkedSession) Resign(ctx context.Context, key string, vote []byte) error {
	return s.leaves(ctx, key, func(ctx context.Context) error { return s.inner.Resign(ctx, key, vote) })
}

func (s *linkedSession) Close(ctx context.Context) error { return s.do(ctx, s.inner.Close) }

func (s *linkedSession) do(ctx context.Context, perform func(context.Context) error) error {
	_, err := send(ctx, s.Link, false, func(ctx context.Context) (struct{}, error) { return struct{}{}, perform(ctx) })
	return err
}
