package sourcetest_test

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/leadership-go/leadership"
)

type (
	ctxt = context.Context
	obs  = leadership.Observation
	ses  = leadership.Session
)

// defect is a fault that the suite must find.
type defect struct {
	name string
	make func(r *rig)
	// finds are the checks, by the start of their names, that must fail.
	finds []string
	// says must stand in what one of these checks reports.
	says string
}

func isLost(err error) bool { return errors.Is(err, leadership.ErrSessionLost) }

func defects() []defect {
	return slices.Concat(holdingDefects(), leavingDefects(), transferDefects(), surveyDefects())
}

// holdingDefects are about who holds, how long, and how one learns of it.
func holdingDefects() []defect {
	return []defect{
		{
			name: "the token does not grow", says: "rule 4",
			make: func(r *rig) {
				flat := func(o obs, err error) (obs, error) {
					o.Holder.Token = min(o.Holder.Token, 1)
					return o, err
				}
				r.fault.campaign = func(ctx ctxt, s ses, key string, v []byte) (obs, error) { return flat(s.Campaign(ctx, key, v)) }
				r.fault.observe = func(ctx ctxt, _ string, next func(ctxt) (obs, error)) (obs, error) { return flat(next(ctx)) }
			},
			finds: []string{"Rule 4: tokens grow", "Rule 4: a session that gives", "Rule 3: candidates that come and go", "Watch: a waiter's returns when the holder resigned"},
		},
		{
			name: "the token restarts when the key is deleted", says: "operator deleted the key",
			make: func(r *rig) {
				r.resets = make(map[string]uint64)
				r.fault.campaign = func(ctx ctxt, s ses, key string, v []byte) (obs, error) {
					_, there := r.store.Get(key)
					o, err := s.Campaign(ctx, key, v)
					r.mu.Lock()
					defer r.mu.Unlock()
					if !there && !o.Resigned {
						r.resets[key] = max(o.Holder.Token, 1) - 1
					}
					o.Holder.Token -= min(r.resets[key], o.Holder.Token)
					return o, err
				}
			},
			finds: []string{"Rule 4: tokens grow", "Rule 4: a session that gives"},
		},
		{
			name: "the token changes at each renewal",
			make: func(r *rig) {
				r.resets = make(map[string]uint64)
				r.fault.renew = func(ctx ctxt, s ses) error {
					r.mu.Lock()
					r.resets[s.ID()]++
					r.mu.Unlock()
					return s.Renew(ctx)
				}
				r.fault.observe = func(ctx ctxt, _ string, next func(ctxt) (obs, error)) (obs, error) {
					o, err := next(ctx)
					r.mu.Lock()
					defer r.mu.Unlock()
					o.Holder.Token += r.resets[o.Holder.Session]
					return o, err
				}
			},
			finds: []string{"Rule 4: the token stays"}, says: "at a renewal",
		},
		{
			name: "every candidate is told that it holds",
			make: func(r *rig) {
				r.fault.campaign = func(ctx ctxt, s ses, key string, v []byte) (obs, error) {
					o, err := s.Campaign(ctx, key, v)
					if err == nil && o.Holder.Session != s.ID() {
						o.Holder.Session, o.Holder.Value = s.ID(), v
					}
					return o, err
				}
			},
			finds: []string{"Campaign: a second candidate", "Rule 3: of many candidates", "Rule 3: candidates that come and go"}, says: "rule 3",
		},
		{
			name: "standing again begins a new holding",
			make: func(r *rig) {
				r.fault.campaign = func(ctx ctxt, s ses, key string, v []byte) (obs, error) {
					if err := s.Resign(ctx, key, v); err != nil {
						return obs{}, err
					}
					return s.Campaign(ctx, key, v)
				}
			},
			finds: []string{"Campaign: standing again"}, says: "stood again",
		},
		{
			name: "an expiry is kept from the waiters", says: "expired",
			make: func(r *rig) {
				r.resets = make(map[string]uint64) // the sessions that were opened to expire
				r.fault.open = func(ctx ctxt, ttl time.Duration, next func(ctxt, time.Duration) (ses, error)) (ses, error) {
					s, err := next(ctx, ttl)
					if err == nil && ttl < 30*time.Second {
						r.mu.Lock()
						defer r.mu.Unlock()
						r.resets[s.ID()]++
					}
					return s, err
				}
				r.fault.watch = func(ctx ctxt, s ses, key string, seen obs) error {
					err := s.Watch(ctx, key, seen)
					r.mu.Lock()
					expires := r.resets[seen.Holder.Session] > 0
					r.mu.Unlock()
					if err == nil && expires {
						return r.hang(ctx, true)
					}
					return err
				}
			},
			finds: []string{"Watch: a waiter's returns when the holder's session expired", "Rule 6: failure 19"},
		},
		{
			name: "sessions never end by themselves", says: "not elected",
			make: func(r *rig) {
				r.fault.open = func(ctx ctxt, ttl time.Duration, next func(ctxt, time.Duration) (ses, error)) (ses, error) {
					return next(ctx, max(ttl, 24*time.Hour))
				}
			},
			finds: []string{"Rule 5: a session that is not renewed ends", "Rule 6: failure 19"},
		},
		{
			name: "sessions end before their TTL",
			make: func(r *rig) {
				r.fault.open = func(ctx ctxt, ttl time.Duration, next func(ctxt, time.Duration) (ses, error)) (ses, error) {
					s, err := next(ctx, ttl*9/10)
					return promising{s, ttl}, err
				}
			},
			finds: []string{"Rule 5: a session that is not renewed ends", "Rule 5: a renewed session"}, says: "rule 5",
		},
		{
			name: "Renew renews nothing",
			make: func(r *rig) {
				r.fault.renew = func(ctx ctxt, s ses) error {
					if ctx.Err() != nil {
						return context.Cause(ctx)
					}
					return nil
				}
			},
			finds: []string{"Rule 5: a renewed session", "Renew: keeps a session alive", "Rule 6: a dead session"},
		},
		{
			name: "resigning wakes no waiter", says: "resigned",
			make: func(r *rig) {
				r.fault.watch = func(ctx ctxt, s ses, key string, seen obs) error {
					for {
						if err := s.Watch(ctx, key, seen); err != nil {
							return err
						}
						o, err := r.store.Backend().Observe(ctx, key)
						if err != nil || !o.Resigned {
							return err
						}
						seen = o
					}
				}
			},
			finds: []string{"Watch: a waiter's returns when the holder resigned", "Campaign: every waiter's turn", "Watch: wakes at every change"},
		},
		{
			name: "a watch reports only what happens while it runs", says: "want nil at once",
			make: func(r *rig) {
				r.fault.watch = func(ctx ctxt, s ses, key string, _ obs) error {
					now, err := r.store.Backend().Observe(ctx, key)
					if err != nil {
						return err
					}
					return s.Watch(ctx, key, now)
				}
			},
			finds: []string{"Watch: a waiter's that begins late returns when before it the holder resigned", "Watch: the holder's that begins late returns when before it an operator deleted the key"},
		},
		{
			name: "a watch that its context ends returns nil", says: "rule 1",
			make: func(r *rig) {
				r.fault.watch = func(ctx ctxt, s ses, key string, seen obs) error {
					if err := s.Watch(ctx, key, seen); ctx.Err() == nil {
						return err
					}
					return nil
				}
			},
			finds: []string{"Rule 1: every call with an ended", "Rule 1: a watch ends", "Rule 1: failures 1 and 2"},
		},
		{
			name: "a watch stops listening when its session dies, and hangs", says: "dead",
			make: func(r *rig) {
				r.fault.watch = func(ctx ctxt, s ses, key string, seen obs) error {
					err := s.Watch(ctx, key, seen)
					if isLost(err) {
						return r.hang(ctx, true)
					}
					return err
				}
			},
			finds: []string{"Watch: with a dead session", "Rule 6: failure 14", "Watch: failure 18: the holder's returns when an operator destroyed"},
		},
		{
			name: "the holder does not watch its own key", says: "operator deleted the key",
			make: func(r *rig) {
				r.fault.watch = func(ctx ctxt, s ses, key string, seen obs) error {
					if seen.Holder.Session == s.ID() {
						return r.hang(ctx, true)
					}
					return s.Watch(ctx, key, seen)
				}
			},
			finds: []string{"Watch: failure 18: the holder's returns when an operator deleted", "Watch: the holder's that begins late"},
		},
		{
			name: "a watch is a poll in disguise",
			make: func(r *rig) {
				r.fault.watch = func(ctx ctxt, s ses, key string, seen obs) error {
					brief, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
					defer cancel()
					err := s.Watch(brief, key, seen)
					if err != nil && ctx.Err() == nil && brief.Err() != nil {
						return nil
					}
					return err
				}
			},
			finds: []string{"Watch: blocks while nothing changes"}, says: "although nothing changed",
		},
	}
}

// promising says that it was granted another TTL.
type promising struct {
	leadership.Session
	ttl time.Duration
}

func (p promising) TTL() time.Duration { return p.ttl }
