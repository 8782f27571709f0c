package sourcetest_test

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/sources/memory"
	"github.com/leadership-go/leadership/sources/sourcetest"
)

// fault is one thing that is wrong with a backend. Each nil function leaves the call as it is.
type fault struct {
	open     func(ctx context.Context, ttl time.Duration, next func(context.Context, time.Duration) (leadership.Session, error)) (leadership.Session, error)
	attach   func(ctx context.Context, s leadership.Session) (leadership.Session, error)
	observe  func(ctx context.Context, key string, next func(context.Context) (leadership.Observation, error)) (leadership.Observation, error)
	lifetime func(ctx context.Context, next func(context.Context) (time.Duration, error)) (time.Duration, error)
	renew    func(ctx context.Context, s leadership.Session) error
	campaign func(ctx context.Context, s leadership.Session, key string, value []byte) (leadership.Observation, error)
	watch    func(ctx context.Context, s leadership.Session, key string, seen leadership.Observation) error
	resign   func(ctx context.Context, s leadership.Session, key string, vote []byte) error
	transfer func(ctx context.Context, s leadership.Session, key string, vote []byte, heir leadership.Vote) error
	follow   func(ctx context.Context, next func(context.Context) error) error
	end      func(ctx context.Context, s leadership.Session) error

	survey func(ctx context.Context, since uint64, next func(context.Context, uint64) (map[string]uint64, uint64, error)) (map[string]uint64, uint64, error)
	await  func(ctx context.Context, since uint64, next func(context.Context, uint64) (map[string]uint64, uint64, error)) (map[string]uint64, uint64, error)

	candidates func(list []leadership.Candidate) []leadership.Candidate
}

// broken is a memory backend with a fault.
type broken struct {
	leadership.Backend
	fault *fault
}

func (b broken) Open(ctx context.Context, ttl time.Duration) (leadership.Session, error) {
	open := b.Backend.Open
	if b.fault.open != nil {
		open = func(ctx context.Context, ttl time.Duration) (leadership.Session, error) {
			return b.fault.open(ctx, ttl, b.Backend.Open)
		}
	}
	s, err := open(ctx, ttl)
	if err != nil {
		return nil, err
	}
	return brokenSession{s, b.fault}, nil
}

func (b broken) Attach(ctx context.Context, id string, ttl time.Duration) (leadership.Session, error) {
	s, err := b.Backend.Attach(ctx, id, ttl)
	if err == nil && b.fault.attach != nil {
		s, err = b.fault.attach(ctx, s)
	}
	if err != nil {
		return nil, err
	}
	return brokenSession{s, b.fault}, nil
}

func (b broken) Observe(ctx context.Context, key string) (leadership.Observation, error) {
	next := func(ctx context.Context) (leadership.Observation, error) { return b.Backend.Observe(ctx, key) }
	if b.fault.observe == nil {
		return next(ctx)
	}
	return b.fault.observe(ctx, key, next)
}

func (b broken) Lifetime(ctx context.Context, id string) (time.Duration, error) {
	next := func(ctx context.Context) (time.Duration, error) { return b.Backend.Lifetime(ctx, id) }
	if b.fault.lifetime == nil {
		return next(ctx)
	}
	return b.fault.lifetime(ctx, next)
}

func (b broken) Candidates(ctx context.Context, key string) ([]leadership.Candidate, error) {
	list, err := b.Backend.Candidates(ctx, key)
	if err == nil && b.fault.candidates != nil {
		list = b.fault.candidates(list)
	}
	return list, err
}

func (b broken) Watch(ctx context.Context, key string, seen leadership.Observation) error {
	next := func(ctx context.Context) error { return b.Backend.Watch(ctx, key, seen) }
	if b.fault.follow == nil {
		return next(ctx)
	}
	return b.fault.follow(ctx, next)
}

func (b broken) Survey(ctx context.Context, keys []string, since uint64) (map[string]uint64, uint64, error) {
	next := func(ctx context.Context, since uint64) (map[string]uint64, uint64, error) {
		return b.Backend.(leadership.Surveyor).Survey(ctx, keys, since)
	}
	if b.fault.survey == nil {
		return next(ctx, since)
	}
	return b.fault.survey(ctx, since, next)
}

func (b broken) Await(ctx context.Context, s leadership.Session, keys []string, since uint64) (map[string]uint64, uint64, error) {
	next := func(ctx context.Context, since uint64) (map[string]uint64, uint64, error) {
		return b.Backend.(leadership.Surveyor).Await(ctx, s.(brokenSession).Session, keys, since)
	}
	if b.fault.await == nil {
		return next(ctx, since)
	}
	return b.fault.await(ctx, since, next)
}

type brokenSession struct {
	leadership.Session
	fault *fault
}

func (s brokenSession) Renew(ctx context.Context) error {
	if s.fault.renew == nil {
		return s.Session.Renew(ctx)
	}
	return s.fault.renew(ctx, s.Session)
}

func (s brokenSession) Campaign(ctx context.Context, key string, value []byte) (leadership.Observation, error) {
	if s.fault.campaign == nil {
		return s.Session.Campaign(ctx, key, value)
	}
	return s.fault.campaign(ctx, s.Session, key, value)
}

func (s brokenSession) Watch(ctx context.Context, key string, seen leadership.Observation) error {
	if s.fault.watch == nil {
		return s.Session.Watch(ctx, key, seen)
	}
	return s.fault.watch(ctx, s.Session, key, seen)
}

func (s brokenSession) Resign(ctx context.Context, key string, vote []byte) error {
	if s.fault.resign == nil {
		return s.Session.Resign(ctx, key, vote)
	}
	return s.fault.resign(ctx, s.Session, key, vote)
}

func (s brokenSession) Transfer(ctx context.Context, key string, vote []byte, heir leadership.Vote) error {
	if s.fault.transfer == nil {
		return s.Session.Transfer(ctx, key, vote, heir)
	}
	return s.fault.transfer(ctx, s.Session, key, vote, heir)
}

func (s brokenSession) Close(ctx context.Context) error {
	if s.fault.end == nil {
		return s.Session.Close(ctx)
	}
	return s.fault.end(ctx, s.Session)
}

// rig is the store behind a broken backend.
type rig struct {
	store *memory.Store
	stop  <-chan struct{} // closed when the check is over
	fault fault

	mu     sync.Mutex
	resets map[string]uint64
}

// hang blocks until the check is over, or ctx ends when heed is set.
func (r *rig) hang(ctx context.Context, heed bool) error {
	var done <-chan struct{}
	if heed {
		done = ctx.Done()
	}
	select {
	case <-done:
		return context.Cause(ctx)
	case <-r.stop:
		return errors.New("the check is over")
	}
}

// harness runs the suite over the faulty backend; the operator's hands are sound.
func (r *rig) harness() sourcetest.Harness {
	wrap := func(b *memory.Backend) leadership.Backend { return broken{b, &r.fault} }
	return sourcetest.Harness{
		TTL:           10 * time.Second,
		ExpiresWithin: 15 * time.Second,
		LostAttempts:  50,

		ResignRemembered: true,

		Connect: func(context.Context) (leadership.Backend, error) { return wrap(r.store.Backend()), nil },
		DestroySession: func(_ context.Context, id string) error {
			r.store.DestroySession(id)
			return nil
		},
		DeleteKey: func(_ context.Context, key string) error {
			r.store.DeleteKey(key)
			return nil
		},
		Overwrite: func(_ context.Context, key string, value []byte) error {
			r.store.Put(key, value)
			return nil
		},
		Sessions:   func(context.Context) (int, error) { return len(r.store.Sessions()), nil },
		Candidates: func(_ context.Context, key string) (int, error) { return len(r.store.Candidates(key)), nil },
		ConnectDenied: func(context.Context) (leadership.Backend, func(), error) {
			b := r.store.Backend()
			return wrap(b), func() { b.Deny(true) }, nil
		},
		ConnectCut: func(context.Context) (leadership.Backend, func(), error) {
			b := r.store.Backend()
			return wrap(b), b.Disconnect, nil
		},
	}
}
