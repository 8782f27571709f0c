package sourcetest_test

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/leadership-go/leadership"
)

// leavingDefects are about how sessions and holdings end, and about errors.
func leavingDefects() []defect {
	return []defect{
		{
			name: "closing a session leaves its keys behind",
			make: func(r *rig) {
				r.fault.end = func(ctx ctxt, _ ses) error {
					if ctx.Err() != nil {
						return context.Cause(ctx)
					}
					return nil
				}
			},
			finds: []string{"Session.Close: frees what is held", "Session.Close: nothing is left", "Lifetime: the whole TTL"},
		},
		{
			name: "closing an attached session ends it",
			make: func(r *rig) {
				r.fault.attach = func(_ ctxt, s ses) (ses, error) { return ending{s, r}, nil }
			},
			finds: []string{"Attach: closing leaves the session alive"},
		},
		{
			name: "a waiter that resigns stays in line", says: "candidac",
			make: func(r *rig) {
				r.fault.resign = func(ctx ctxt, s ses, key string, v []byte) error {
					if ctx.Err() == nil && r.store.Holder(key).Session != s.ID() {
						return nil
					}
					return s.Resign(ctx, key, v)
				}
			},
			finds: []string{"Resign: withdraws"},
		},
		{
			name: "resigning frees the key of another",
			make: func(r *rig) {
				r.fault.resign = func(ctx ctxt, s ses, key string, v []byte) error {
					err := s.Resign(ctx, key, v)
					if err == nil {
						r.store.DeleteKey(key)
					}
					return err
				}
			},
			finds: []string{"Resign: without standing", "Resign: a dead session's"}, says: "is observed",
		},
		{
			name: "every freed key looks resigned",
			make: func(r *rig) {
				r.fault.observe = func(ctx ctxt, _ string, next func(ctxt) (obs, error)) (obs, error) {
					o, err := next(ctx)
					o.Resigned = o.Holder.Session == "" && o.Revision > 0
					return o, err
				}
			},
			finds: []string{"Observe: Resigned stays false when a holder went in any other way"},
		},
		{
			name: "a resignation is forgotten when nobody waits", says: "nobody waits",
			make: func(r *rig) {
				r.fault.observe = func(ctx ctxt, _ string, next func(ctxt) (obs, error)) (obs, error) {
					o, err := next(ctx)
					o.Resigned = o.Resigned && o.Holder.Session != ""
					return o, err
				}
			},
			finds: []string{"Resign: gives the key back"},
		},
		{
			name: "a resignation is not shown to a waiter", says: "a waiter was elected",
			make: func(r *rig) {
				r.fault.campaign = func(ctx ctxt, s ses, key string, v []byte) (obs, error) {
					o, err := s.Campaign(ctx, key, v)
					o.Resigned = false
					return o, err
				}
			},
			finds: []string{"Resign: gives the key back"},
		},
		{
			name: "resigning always leaves the sign of it", says: "without a sign",
			make: func(r *rig) {
				r.fault.resign = func(ctx ctxt, s ses, key string, _ []byte) error {
					return s.Resign(ctx, key, leadership.Vote{}.Encode())
				}
			},
			finds: []string{"Resign: without a sign"},
		},
		{
			name: "who was deposed is forgotten", says: "rule 9",
			make: func(r *rig) {
				r.fault.campaign = func(ctx ctxt, s ses, key string, v []byte) (obs, error) {
					o, err := s.Campaign(ctx, key, v)
					o.Earlier = nil
					return o, err
				}
			},
			finds: []string{"Rule 9: whose key", "Rule 9: each of several", "Rule 9: a waiter"},
		},
		{
			name: "only who was deposed last is named", says: "rule 9",
			make: func(r *rig) {
				r.fault.campaign = func(ctx ctxt, s ses, key string, v []byte) (obs, error) {
					o, err := s.Campaign(ctx, key, v)
					o.Earlier = o.Earlier[max(0, len(o.Earlier)-1):]
					return o, err
				}
			},
			finds: []string{"Rule 9: each of several"},
		},
		{
			name: "who resigned is named all the same", says: "rule 9",
			make: func(r *rig) {
				var mu sync.Mutex
				var left []string
				r.fault.resign = func(ctx ctxt, s ses, key string, v []byte) error {
					mu.Lock()
					defer mu.Unlock()
					left = append(left, s.ID())
					return s.Resign(ctx, key, v)
				}
				r.fault.campaign = func(ctx ctxt, s ses, key string, v []byte) (obs, error) {
					o, err := s.Campaign(ctx, key, v)
					mu.Lock()
					defer mu.Unlock()
					o.Earlier = append(o.Earlier, left...)
					return o, err
				}
			},
			finds: []string{"Rule 9: who resigned"},
		},
		{
			name: "a lost session is not reported", says: "rule 6",
			make: func(r *rig) {
				r.fault.renew = func(ctx ctxt, s ses) error {
					if err := s.Renew(ctx); !isLost(err) {
						return err
					}
					return errors.New("500 internal server error")
				}
			},
			finds: []string{"Rule 6: a dead session is reported", "Rule 6: failure 19", "Attach: a session that died"},
		},
		{
			name: "a dead session is renewed all the same", says: "rule 6",
			make: func(r *rig) {
				r.fault.renew = func(ctx ctxt, s ses) error {
					if err := s.Renew(ctx); !isLost(err) {
						return err
					}
					return nil
				}
			},
			finds: []string{"Rule 6: a dead session is reported", "Rule 6: failure 14", "Rule 6: failure 19"},
		},
		{
			name: "a dead session is told that it holds", says: "dead session",
			make: func(r *rig) {
				r.fault.campaign = func(ctx ctxt, s ses, key string, v []byte) (obs, error) {
					o, err := s.Campaign(ctx, key, v)
					if isLost(err) {
						return obs{Holder: leadership.Holder{Session: s.ID(), Token: 1, Value: v}}, nil
					}
					return o, err
				}
			},
			finds: []string{"Rule 6: a dead session is reported", "Rule 6: failure 16"},
		},
		{
			name: "every error is a lost session", says: "rule 6",
			make: func(r *rig) {
				r.fault.renew = func(ctx ctxt, s ses) error {
					if err := s.Renew(ctx); err != nil {
						return errors.Join(leadership.ErrSessionLost, err)
					}
					return nil
				}
			},
			finds: []string{"Rule 6: what the store refuses", "Rule 1: every call with an ended", "Rule 1: failures 1 and 2"},
		},
		{
			name: "a refused read is read as nobody", says: "rule 7",
			make: func(r *rig) {
				r.fault.observe = func(ctx ctxt, _ string, next func(ctxt) (obs, error)) (obs, error) {
					o, err := next(ctx)
					if errors.Is(err, leadership.ErrDenied) {
						return obs{}, nil
					}
					return o, err
				}
			},
			finds: []string{"Rule 7: a refused read", "Rule 6: what the store refuses"},
		},
		{
			name: "a refused lifetime is read as an end", says: "rule 7",
			make: func(r *rig) {
				r.fault.lifetime = func(ctx ctxt, next func(ctxt) (time.Duration, error)) (time.Duration, error) {
					left, err := next(ctx)
					if errors.Is(err, leadership.ErrDenied) {
						return 0, nil
					}
					return left, err
				}
			},
			finds: []string{"Rule 6: what the store refuses"},
		},
		{
			name: "the rest of a TTL is told for the whole", says: "is said to be believed in",
			make: func(r *rig) {
				r.fault.lifetime = func(ctx ctxt, next func(ctxt) (time.Duration, error)) (time.Duration, error) {
					left, err := next(ctx)
					return left / 2, err
				}
			},
			finds: []string{"Lifetime: the whole TTL"},
		},
		{
			name: "a read ignores that its context has ended", says: "rule 1",
			make: func(r *rig) {
				r.fault.observe = func(ctx ctxt, _ string, next func(ctxt) (obs, error)) (obs, error) {
					if ctx.Err() != nil {
						return next(context.WithoutCancel(ctx))
					}
					return next(ctx)
				}
			},
			finds: []string{"Rule 1: every call with an ended"},
		},
		{
			name: "the cause of a context's end is dropped", says: "rule 1",
			make: func(r *rig) {
				r.fault.renew = func(ctx ctxt, s ses) error {
					err := s.Renew(ctx)
					if ctx.Err() != nil {
						return ctx.Err()
					}
					return err
				}
			},
			finds: []string{"Rule 1: every call with an ended"},
		},
		{
			name: "a call on a dead link hangs beyond its context", says: "has not returned",
			make: func(r *rig) {
				r.fault.renew = func(ctx ctxt, s ses) error {
					err := s.Renew(ctx)
					if errors.Is(err, context.DeadlineExceeded) {
						return r.hang(ctx, false)
					}
					return err
				}
			},
			finds: []string{"Rule 1: failures 1 and 2"},
		},
		{
			name: "each lost attempt leaks a session", says: "sessions",
			make: func(r *rig) {
				r.fault.campaign = func(ctx ctxt, s ses, key string, v []byte) (obs, error) {
					o, err := s.Campaign(ctx, key, v)
					if err == nil && o.Holder.Session != s.ID() {
						if _, err := r.store.Backend().Open(ctx, time.Minute); err != nil {
							return obs{}, err
						}
					}
					return o, err
				}
			},
			finds: []string{"Campaign: failure 13", "Session.Close: nothing is left"},
		},
		{
			name: "keys are matched by their prefix", says: "is free",
			make: func(r *rig) {
				r.fault.campaign = func(ctx ctxt, s ses, key string, v []byte) (obs, error) {
					if h := r.store.Holder(key + "x"); h.Session != "" && h.Session != s.ID() {
						return obs{Holder: h}, nil
					}
					return s.Campaign(ctx, key, v)
				}
			},
			finds: []string{"Campaign: failure 22"},
		},
		{
			name: "other people's data is overwritten", says: "holds somebody else's data",
			make: func(r *rig) {
				r.fault.campaign = func(ctx ctxt, s ses, key string, v []byte) (obs, error) {
					o, err := s.Campaign(ctx, key, v)
					if errors.Is(err, leadership.ErrKeyConflict) {
						r.store.DeleteKey(key)
						return s.Campaign(ctx, key, v)
					}
					return o, err
				}
			},
			finds: []string{"Campaign: a key with data that is no vote"},
		},
		{
			name: "an overwritten key counts as nobody's, behind its holder's back", says: "taken",
			make: func(r *rig) {
				r.fault.observe = func(ctx ctxt, _ string, next func(ctxt) (obs, error)) (obs, error) {
					o, err := next(ctx)
					if _, bad := leadership.ParseVote(o.Holder.Value); o.Holder.Session != "" && bad != nil {
						o.Holder = leadership.Holder{}
					}
					return o, err
				}
				r.fault.watch = func(ctx ctxt, s ses, key string, seen obs) error {
					if seen.Holder.Session == s.ID() {
						return r.hang(ctx, true)
					}
					return s.Watch(ctx, key, seen)
				}
			},
			finds: []string{"Observe: an overwritten value is shown"},
		},
	}
}

// ending ends the session at the store when it is closed.
type ending struct {
	leadership.Session
	r *rig
}

func (e ending) Close(ctx context.Context) error {
	err := e.Session.Close(ctx)
	if err == nil {
		e.r.store.DestroySession(e.ID())
	}
	return err
}
