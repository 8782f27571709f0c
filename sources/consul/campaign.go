package consul

import (
	"context"
	"errors"
	"fmt"

	"github.com/hashicorp/consul/api"

	"github.com/leadership-go/leadership"
)

// maxRaces bounds how often Campaign starts anew because somebody else changed the key between its read and its write.
const maxRaces = 8

// errRaces: the key changed each time that it had been read.
var errRaces = errors.New("the key changes too fast")

// Campaign reads the key, unless a watch has just done so, and takes it when it is free. While somebody else holds it that costs a linearizable read of
// the key and a cheap one of the own candidacy, and writes nothing but that, once.
//
// What is there may change between the read and the write. The transaction therefore names the index that was read: where
// somebody else wrote since, even without holding, it is rolled back and everything starts anew. One case is
// usual: the sign of a member that resigned is removed while its successor is about to take the key.
func (s *session) Campaign(ctx context.Context, key string, value []byte) (leadership.Observation, error) {
	for range maxRaces {
		state, seized := s.seize(key)
		var before *traces
		if seized && state.entry.Session != "" && state.entry.Session != s.id && s.standing(key) && !s.traced(key) {
			return s.backend.observation(state), nil // what the watch has just shown, and which does not matter
		}
		if seized = seized && state.entry.Session == ""; !seized {
			var err error
			if state, before, err = s.look(ctx, key, state); err != nil {
				return leadership.Observation{}, err
			}
		}
		o := s.backend.observation(state)
		if o.Holder.Session == s.id {
			return s.recognize(ctx, state.entry, o, before)
		}
		s.backend.forget(place{s.id, key})
		if o.Holder.Session != "" {
			if before != nil && before.own != nil {
				s.untrace(ctx, key, state)
			}
			return s.remains(ctx, key, value, o)
		}
		if err := conflict(key, state.entry); err != nil {
			return leadership.Observation{}, err
		}
		o, verdict, err := s.take(ctx, key, value, state, o)
		if err == nil && (seized || o.Holder.Session == s.id) {
			s.seized(key, o.Holder.Session == s.id || verdict == verdictDelayed)
		}
		switch {
		case err != nil:
			return leadership.Observation{}, err
		case verdict == verdictDelayed:
			o.Delayed = true
			return s.remains(ctx, key, value, o)
		case o.Holder.Session == s.id:
			return o, nil
		}
	}
	return leadership.Observation{}, fmt.Errorf("consul: campaign for key %s: %w", key, errRaces)
}

// look reads the key, and the traces as well where an answer to an attempt to take it may have been lost, or the watch has shown that somebody gave it to this session.
func (s *session) look(ctx context.Context, key string, shown keyState) (keyState, *traces, error) {
	given := shown.entry != nil && shown.entry.Session == s.id
	if !s.traced(key) && !given || s.backend.holding(place{s.id, key}) != nil {
		state, err := s.backend.readKey(ctx, key)
		return state, nil, err
	}
	state, before, err := s.backend.readBoth(ctx, key, s.id)
	return state, &before, err
}

// take holds the key if it is still as state shows it, and learns who held it before.
func (s *session) take(ctx context.Context, key string, value []byte, state keyState, o leadership.Observation) (leadership.Observation, verdict, error) {
	held := s.trace(key, true)
	ops := []*api.KVTxnOp{unchanged(key, state)}
	if !o.Resigned { // who resigned has led, so nobody who held the key before that believes
		ops = append(ops, &api.KVTxnOp{Verb: api.KVGetTree, Key: tracesOf(key)})
	}
	if !s.standing(key) {
		ops = append(ops, s.publication(key, value))
	}
	ops = append(ops,
		&api.KVTxnOp{Verb: api.KVLock, Key: traceOf(key, s.id), Session: s.id},
		&api.KVTxnOp{Verb: api.KVLock, Key: key, Session: s.id, Value: value})
	shown, verdict, err := s.backend.transact(ctx, "campaign for key "+key, ops...)
	switch {
	case err != nil:
		return o, verdict, err
	case verdict != verdictDone:
		s.trace(key, held)
		return o, verdict, nil
	}
	s.unleave(key)
	s.stands(key, true)
	entry, before := shown[len(shown)-1], readTraces(key, s.id, shown)
	o.Earlier = append(o.Earlier, before.earlier...)
	s.keepLeft(key, before.left)
	s.backend.remember(place{s.id, key}, holding{
		token:       entry.ModifyIndex,
		createIndex: entry.CreateIndex,
		lockIndex:   entry.LockIndex,
		resigned:    o.Resigned,
		earlier:     o.Earlier,
	})
	o.Holder = leadership.Holder{Session: s.id, Token: entry.ModifyIndex, Value: value}
	o.Revision = entry.ModifyIndex
	return o, verdict, nil
}

// unchanged guards a transaction: key must still be as state shows it.
func unchanged(key string, state keyState) *api.KVTxnOp {
	if state.entry == nil {
		return &api.KVTxnOp{Verb: api.KVCheckNotExists, Key: key}
	}
	return &api.KVTxnOp{Verb: api.KVCheckIndex, Key: key, Index: state.entry.ModifyIndex}
}

// recognize returns o for a key that this session holds already. A holding that we know nothing of, because the answer to
// our request was lost or another process got it for an attached session, has the index of this first sight as its token: no later
// holding can have that or a lower one.
func (s *session) recognize(ctx context.Context, entry *api.KVPair, o leadership.Observation, before *traces) (leadership.Observation, error) {
	p := place{s.id, entry.Key}
	if _, ok := s.backend.recall(entry); !ok {
		s.backend.forget(p)
		h := holding{token: entry.ModifyIndex, createIndex: entry.CreateIndex, lockIndex: entry.LockIndex, resigned: entry.Flags == flagGiven}
		if before == nil || before.own == nil {
			listed, err := s.backend.listTraces(ctx, entry.Key, s.id)
			if err != nil {
				return leadership.Observation{}, err
			}
			before = &listed
		}
		if before.own == nil {
			if err := s.retrace(ctx, entry); err != nil {
				return leadership.Observation{}, err
			}
		}
		h.earlier = before.earlier
		s.backend.remember(p, h)
		o.Resigned, o.Earlier = h.resigned, h.earlier
	}
	s.trace(entry.Key, true)
	s.unleave(entry.Key)
	return o, nil
}

// remains returns o to who stands on, or ErrSessionLost when the own session is gone, so that a candidate with a dead session does not wait for ever: a
// candidacy is held by a session that lives. The read may be stale and thus miss a new one: then it is published, once more or for the first time, which a dead session can't.
func (s *session) remains(ctx context.Context, key string, value []byte, o leadership.Observation) (leadership.Observation, error) {
	if s.standing(key) {
		own, err := s.backend.ownCandidacy(ctx, key, s.id)
		if err != nil {
			return leadership.Observation{}, err
		}
		if own != nil && own.Session == s.id {
			return o, nil
		}
	}
	if err := s.publish(ctx, key, value); err != nil {
		return leadership.Observation{}, err
	}
	return o, nil
}

// conflict is an error when a key that nobody holds carries somebody else's data.
func conflict(key string, entry *api.KVPair) error {
	if entry == nil || len(entry.Value) == 0 {
		return nil
	}
	if _, err := leadership.ParseVote(entry.Value); err != nil {
		return fmt.Errorf("consul: campaign for key %s: %w (%w)", key, leadership.ErrKeyConflict, err)
	}
	return nil
}
