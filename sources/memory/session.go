package memory

import (
	"context"
	"time"

	"github.com/leadership-go/leadership"
)

// session is one holder's grip on a lease.
type session struct {
	backend  *Backend
	lease    *lease
	attached bool // somebody else opened it
}

func (s *session) ID() string { return s.lease.id }

func (s *session) TTL() time.Duration { return s.lease.ttl }

func (s *session) Renew(ctx context.Context) error {
	return s.call(ctx, "renew", func(store *Store) error {
		store.renew(s.lease)
		return nil
	})
}

func (s *session) Campaign(ctx context.Context, key string, value []byte) (o leadership.Observation, err error) {
	err = s.call(ctx, "campaign", func(store *Store) error {
		if err := store.campaign(s.lease, key, value, s.backend.profile); err != nil {
			return err
		}
		o = store.observe(key)
		if o.Holder.Session == s.lease.id {
			store.election(key).told = true
		}
		return nil
	})
	return o, err
}

func (s *session) Watch(ctx context.Context, key string, seen leadership.Observation) error {
	return watch(ctx, s.lease.ended, func() (changed <-chan struct{}, err error) {
		err = s.call(ctx, "watch", func(store *Store) error {
			if e := store.election(key); e.revision <= seen.Revision {
				changed = open(&e.changed)
			}
			return nil
		})
		return changed, err
	})
}

// Resign takes vote for the sign of a resignation if it is one without a session id.
func (s *session) Resign(ctx context.Context, key string, vote []byte) error {
	how := withdrew
	if sign, err := leadership.ParseVote(vote); err == nil && sign.SessionID == "" {
		how = resigned
	}
	return s.backend.call(ctx, "resign", func() error {
		if e, ok := s.backend.store.keys[key]; ok {
			s.backend.store.leave(e, s.lease, how)
		}
		return nil
	})
}

// Transfer brings heir to the second place of the line, and resigns.
func (s *session) Transfer(ctx context.Context, key string, vote []byte, heir leadership.Vote) error {
	err := s.call(ctx, "transfer", func(store *Store) error { return store.promote(key, s.lease, heir.SessionID) })
	if err != nil {
		return err
	}
	return s.Resign(ctx, key, vote)
}

func (s *session) Close(ctx context.Context) error {
	return s.backend.call(ctx, "close", func() error {
		store := s.backend.store
		if !s.attached && store.sessions[s.lease.id] == s.lease {
			store.end(s.lease)
		}
		return nil
	})
}

// call runs f at the store if it still knows the session, and returns ErrSessionLost if it does not.
func (s *session) call(ctx context.Context, name string, f func(*Store) error) error {
	store := s.backend.store
	return s.backend.call(ctx, name, func() error {
		if _, err := store.alive(s.lease.id); err != nil {
			return err
		}
		return f(store)
	})
}
