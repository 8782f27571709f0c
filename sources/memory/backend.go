package memory

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/leadership-go/leadership"
)

// Backend is the link of one member to a [Store]. It implements [leadership.Backend]; its Close does nothing, since there is nothing to free.
// Make one with [Store.Backend].
type Backend struct {
	store   *Store
	profile leadership.Profile // of its candidates

	mu       sync.Mutex
	denied   bool
	restored chan struct{} // closed by Reconnect; nil while the link is up
}

var _ leadership.Backend = (*Backend)(nil)

// Disconnect cuts the link, as a cable that was pulled: nothing reaches the store nor comes back, and nothing says so. Calls on the backend and
// its sessions hang until their contexts end, running watches included.
func (b *Backend) Disconnect() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.restored == nil {
		b.restored = make(chan struct{})
	}
}

// Reconnect mends the link. Calls that still hang reach the store now.
func (b *Backend) Reconnect() {
	b.mu.Lock()
	restored := b.restored
	b.restored = nil
	b.mu.Unlock()
	if restored != nil {
		close(restored)
	}
}

// Deny makes the store refuse the backend's credential, or accept it again: calls return [leadership.ErrDenied]. Running
// watches notice at the next change, sessions live on until they expire.
func (b *Backend) Deny(denied bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.denied = denied
}

// Open creates a session that lives for exactly ttl (and the store's grace) unless renewed. A ttl that is not positive is a
// [leadership.ErrInvalidConfig].
func (b *Backend) Open(ctx context.Context, ttl time.Duration) (leadership.Session, error) {
	if ttl <= 0 {
		return nil, fmt.Errorf("memory: open: %w", leadership.InvalidConfig("session.ttl", ttl, "must be positive"))
	}
	var l *lease
	err := b.call(ctx, "open", func() error {
		l = b.store.open(ttl)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &session{backend: b, lease: l}, nil
}

// Attach adopts the session id with the TTL that it was opened with, whatever ttl says.
func (b *Backend) Attach(ctx context.Context, id string, _ time.Duration) (leadership.Session, error) {
	var l *lease
	err := b.call(ctx, "attach", func() (err error) {
		if l, err = b.store.alive(id); err == nil {
			b.store.renew(l)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return &session{backend: b, lease: l, attached: true}, nil
}

// Observe reads who holds key.
func (b *Backend) Observe(ctx context.Context, key string) (o leadership.Observation, err error) {
	err = b.call(ctx, "observe", func() error {
		o = b.store.observe(key)
		return nil
	})
	return o, err
}

// Lifetime is the session's TTL, and 0 when there is no such session.
func (b *Backend) Lifetime(ctx context.Context, id string) (left time.Duration, err error) {
	err = b.call(ctx, "lifetime", func() error {
		if l, ok := b.store.sessions[id]; ok {
			left = l.ttl
		}
		return nil
	})
	return left, err
}

// Candidates lists the line.
func (b *Backend) Candidates(ctx context.Context, key string) (line []leadership.Candidate, err error) {
	err = b.call(ctx, "candidates", func() error {
		line = b.store.candidates(key)
		return nil
	})
	return line, err
}

// Watch waits for a change of the line.
func (b *Backend) Watch(ctx context.Context, key string, seen leadership.Observation) error {
	return watch(ctx, nil, func() (changed <-chan struct{}, err error) {
		err = b.call(ctx, "watch", func() error {
			if e := b.store.election(key); e.stirred <= seen.Revision {
				changed = open(&e.stirs)
			}
			return nil
		})
		return changed, err
	})
}

// watch asks again and again for a channel that is closed at a change, until there is none, as something has changed already.
func watch(ctx context.Context, ended <-chan struct{}, ask func() (<-chan struct{}, error)) error {
	for {
		changed, err := ask()
		if err != nil || changed == nil {
			return err
		}
		select {
		case <-changed:
		case <-ended:
		case <-ctx.Done():
			return fmt.Errorf("memory: watch: %w", context.Cause(ctx))
		}
	}
}

// open makes the channel in c, if there is none.
func open(c *chan struct{}) <-chan struct{} {
	if *c == nil {
		*c = make(chan struct{})
	}
	return *c
}

// Traits are those of a store that does what it is asked at once, but for its grace.
func (b *Backend) Traits(cfg leadership.Config) leadership.Traits {
	return leadership.Traits{Store: "memory", TTL: cfg.Session.TTL, Linger: b.store.grace, RenewRequests: 1, ReadRequests: 1, CampaignRequests: 1, WatchPeriod: time.Minute}
}

// Close does nothing.
func (b *Backend) Close() error { return nil }

// call runs f at the store, under its lock, once the link carries it there.
func (b *Backend) call(ctx context.Context, name string, f func() error) error {
	err := b.reach(ctx)
	if err == nil {
		b.store.do(func() { err = f() })
	}
	if err != nil {
		return fmt.Errorf("memory: %s: %w", name, err)
	}
	return nil
}

// reach waits until the link is up. It returns the cause when ctx ended, and ErrDenied when the store refuses the credential.
func (b *Backend) reach(ctx context.Context) error {
	for {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		b.mu.Lock()
		restored, denied := b.restored, b.denied
		b.mu.Unlock()
		if restored == nil {
			if denied {
				return leadership.ErrDenied
			}
			return nil
		}
		select {
		case <-restored:
		case <-ctx.Done():
		}
	}
}
