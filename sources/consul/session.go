package consul

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/leadership-go/leadership"
)

// session implements [leadership.Session].
type session struct {
	backend  *backend
	id       string
	ttl      time.Duration
	attached bool

	mu      sync.Mutex
	signs   map[string]sign
	chances map[string]*chance
	traces  map[string]bool          // keys that it may have held
	dead    map[string][]*api.KVPair // by key: the traces of dead sessions, seen when it got that
	listed  map[string]bool          // keys for which its candidacy is published
	nexts   map[string]next          // by key that it holds
}

// sign is what a resignation left in a key.
type sign struct {
	value []byte
	index uint64 // the key's ModifyIndex with the sign in it, 0 when the answer was lost
}

func (s *session) ID() string { return s.id }

func (s *session) TTL() time.Duration { return s.ttl }

func (s *session) Renew(ctx context.Context) error {
	var tended error
	if !s.attached {
		tended = s.backend.tendCheck(ctx)
	}
	_, err := s.backend.renewSession(ctx, s.id)
	if errors.Is(err, leadership.ErrSessionLost) {
		s.backend.forgetSession(s.id)
		return err
	}
	return errors.Join(err, tended)
}

// Resign replaces the vote by the sign and releases the key, in one transaction. Waiters' watches return with it, and the key
// is free at once: lock-delay follows only a session that ends while it holds. The session lives on; Close ends it.
//
// The sign stays until Close, so that waiters find it: they read the key again right after their watch returned,
// while Close comes one round trip later and destroys the session first. A waiter that comes later still finds no
// key, and no session that could believe in it.
func (s *session) Resign(ctx context.Context, key string, vote []byte) error {
	if err := checkKey(key); err != nil {
		return err
	}
	if err := s.resign(ctx, key, vote); err != nil {
		return err
	}
	return s.unpublish(ctx, key)
}

func (s *session) resign(ctx context.Context, key string, vote []byte) error {
	p := place{s.id, key}
	earlier, leftBefore := s.leave(key, sign{value: vote})
	index, verdict, err := s.release(ctx, "release key "+key, key, s.backend.holding(p), vote)
	switch {
	case err != nil && leftBefore && len(vote) == 0:
		s.leave(key, earlier) // an attempt before left a sign, maybe
		return err
	case err != nil:
		return err // the sign may be there: Close looks
	case verdict == verdictDone:
		s.backend.forget(p)
		s.leave(key, sign{value: vote, index: index})
		if dead := s.keepLeft(key, nil); len(vote) > 0 {
			s.backend.sweepDead(ctx, dead)
		}
		return nil
	case verdict != verdictNotHeld:
		return nil
	}
	s.backend.forget(p)
	switch {
	case leftBefore:
		s.leave(key, earlier)
	default:
		s.unleave(key)
	}
	return nil
}

// release is the transaction of Resign, and, with what then happens to the key, of Transfer. It names the index of the holding that it is to end: carried out late, it must end no other
// one, which this session may have got meanwhile, and leave no sign of a resignation there. The index is the key's, once that is done.
//
// The trace goes with it, or, where a sign says that it means nothing any more, with the session, whose end comes next. Who does not hold the key any more, as an operator deleted it, takes back the trace alone.
func (s *session) release(ctx context.Context, what, key string, h *holding, vote []byte, then ...*api.KVTxnOp) (index uint64, _ verdict, _ error) {
	untrace := &api.KVTxnOp{Verb: api.KVDelete, Key: traceOf(key, s.id)}
	unlock := &api.KVTxnOp{Verb: api.KVUnlock, Key: key, Session: s.id, Value: vote}
	give := append([]*api.KVTxnOp{unlock}, then...)
	withdraw := &api.KVTxnOp{Verb: api.KVDelete, Key: candidacyOf(key, s.id)}                                 // nobody is to take who gives the key back for one that waits
	ends := len(vote) > 0 && len(then) == 0 && !s.attached && s.backend.behavior == api.SessionBehaviorDelete // the trace, with the session
	for attempt := range maxRaces {
		ops, held := append([]*api.KVTxnOp{withdraw}, give...), true
		if !ends {
			ops = append([]*api.KVTxnOp{untrace}, ops...)
		}
		switch {
		case s.attached || attempt > 0 || h == nil && len(vote) > 0:
			var err error
			if ops, held, err = s.guarded(ctx, key, h, withdraw, give); err != nil || len(ops) == 0 {
				return 0, verdictNotHeld, err
			}
		case h != nil:
			guards := []*api.KVTxnOp{{Verb: api.KVCheckIndex, Key: key, Index: h.token}}
			if heir := s.next(key).session; heir != "" && len(vote) > 0 && len(then) == 0 {
				guards = append(guards, &api.KVTxnOp{Verb: api.KVCheckSession, Key: candidacyOf(key, heir), Session: heir})
				named := *unlock
				named.Flags = flagsOf(heir)
				ops[len(ops)-1] = &named
			}
			ops = append(guards, ops...)
		}
		shown, verdict, err := s.backend.transact(ctx, what, ops...)
		switch {
		case err != nil:
			return 0, verdictUnknown, err
		case verdict == verdictMoved, verdict == verdictNotHeld && (s.attached || attempt > 0):
			continue
		case verdict == verdictNotHeld && (s.traced(key) || s.backend.behavior == api.SessionBehaviorRelease):
			if _, _, err = s.backend.transact(ctx, what, untrace); err != nil {
				return 0, verdictUnknown, err
			}
		case !held:
			verdict = verdictNotHeld
		case verdict == verdictDone:
			index = shown[len(shown)-1].ModifyIndex
			s.stands(key, false)
		}
		s.trace(key, false)
		return index, verdict, nil
	}
	return 0, verdictUnknown, fmt.Errorf("consul: %s: %w", what, errRaces)
}

// guarded makes of give a transaction that names what is read now. A holding that is not h, where that is known, was never believed in: it is given back without a sign, and to no heir. Where
// there is nothing to give back, the transaction is about the trace alone, and empty where there is none.
func (s *session) guarded(ctx context.Context, key string, h *holding, withdraw *api.KVTxnOp, give []*api.KVTxnOp) (ops []*api.KVTxnOp, held bool, err error) {
	state, seen, err := s.backend.readBoth(ctx, key, s.id)
	if err != nil {
		return nil, false, err
	}
	held = state.entry != nil && state.entry.Session == s.id
	if held && h != nil && !h.shownBy(state.entry) {
		if len(give) > 1 {
			return nil, false, nil
		}
		unsigned := *give[0]
		unsigned.Value = nil
		give = []*api.KVTxnOp{&unsigned}
	}
	if held || seen.own != nil {
		ops = append(ops, unchanged(key, state))
	}
	if seen.own != nil {
		ops = append(ops, &api.KVTxnOp{Verb: api.KVDeleteCAS, Key: seen.own.Key, Index: seen.own.ModifyIndex})
	}
	if held {
		ops = append(append(ops, withdraw), give...)
	}
	return ops, held, nil
}

// Close destroys the session, unless it is somebody else's, and then removes what Resign left behind. It may be repeated after an error.
func (s *session) Close(ctx context.Context) error {
	var errs []error
	if !s.attached {
		errs = append(errs, s.backend.destroySession(ctx, s.id))
	}
	s.backend.forgetSession(s.id)
	return errors.Join(append(errs, s.sweepAll(ctx))...)
}

// leave notes a sign and returns the one noted before.
func (s *session) leave(key string, left sign) (before sign, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before, ok = s.signs[key]
	s.signs[key] = left
	return before, ok
}

// unleave forgets the sign in key.
func (s *session) unleave(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.signs, key)
}

// trace notes whether a trace beside key may be ours, and returns what was noted before.
func (s *session) trace(key string, may bool) (before bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before = s.traces[key]
	if may {
		s.traces[key] = true
	} else {
		delete(s.traces, key)
	}
	return before
}

// traced says whether a trace beside key may be ours.
func (s *session) traced(key string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.traces[key]
}

// keepLeft notes traces of dead sessions, and returns those noted before.
func (s *session) keepLeft(key string, left []*api.KVPair) []*api.KVPair {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.dead[key]
	if s.dead[key] = left; len(left) == 0 {
		delete(s.dead, key)
	}
	return before
}

// standing says whether the candidacy for key is published.
func (s *session) standing(key string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.listed[key]
}

func (s *session) stands(key string, does bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if does {
		s.listed[key] = true
	} else {
		delete(s.listed, key)
	}
}

func (s *session) next(key string) next {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.nexts[key]
}

func (s *session) setNext(key string, n next) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.nexts[key] = n
}

// left is a copy of all signs.
func (s *session) left() map[string]sign {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.signs)
}
