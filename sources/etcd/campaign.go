package etcd

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.etcd.io/etcd/api/v3/mvccpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/leadership-go/leadership"
)

// errUnsettled: the line changed at each look. The next vote looks again.
var errUnsettled = errors.New("the candidates' keys keep changing")

// maxLooks bounds how often one Campaign looks at the line: each further look follows the removal of a key that was in the way.
const maxLooks = 8

// Campaign writes once, when the session does not stand yet; after that it is one linearizable read.
func (s *session) Campaign(ctx context.Context, key string, value []byte) (leadership.Observation, error) {
	what := "campaign for " + key
	a, err := s.b.link.get(ctx, what)
	if err != nil {
		return leadership.Observation{}, err
	}
	seen, err := s.campaign(ctx, a, key, value)
	switch {
	case err == nil:
		return seen, nil
	case errors.Is(err, leadership.ErrKeyConflict):
		return leadership.Observation{}, fmt.Errorf("etcd: %s: %w", what, err)
	default:
		return leadership.Observation{}, s.b.link.failure(ctx, what, err)
	}
}

func (s *session) campaign(ctx context.Context, a *api, key string, value []byte) (leadership.Observation, error) {
	prefix := prefixOf(key)
	for range maxLooks {
		at, err := s.stand(ctx, a, key, value)
		if err != nil {
			return leadership.Observation{}, err
		}
		if !s.good(at.own) {
			// An operator took the key off the lease. Who stood with it believes no more:
			// it is given up for a new place at the end of the line, and with it a new token.
			if err := a.remove(ctx, at.own); err != nil {
				return leadership.Observation{}, err
			}
			s.forget(key)
			continue
		}
		removed, err := a.clear(ctx, prefix, at.ahead, false)
		if err == nil && !removed {
			removed, err = a.clear(ctx, prefix, at.first, true)
		}
		if err != nil {
			return leadership.Observation{}, err
		}
		if removed {
			continue
		}
		return s.standsAs(ctx, a, key, at)
	}
	return leadership.Observation{}, errUnsettled
}

// good reports whether the own key can carry a candidacy.
func (s *session) good(own *mvccpb.KeyValue) bool { return clientv3.LeaseID(own.Lease) == s.lease }

// stand makes sure that the session stands, and reads where.
func (s *session) stand(ctx context.Context, a *api, key string, value []byte) (standing, error) {
	prefix, own := prefixOf(key), candidateKey(key, s.id)
	if p, ok := s.place(key); ok {
		if at, same, err := a.standsStill(ctx, prefix, own, p); err != nil || same {
			return at, err
		}
		at, err := a.standing(ctx, prefix, own, p.create)
		if err != nil || at.own != nil {
			return at, err
		}
		s.forget(key) // the key was deleted, or the lease ended
	}
	enter := []clientv3.Op{
		clientv3.OpGet(prefix, clientv3.WithLastCreate()...), // who is last in line so far
		tracesIfNobody(prefix),
		clientv3.OpPut(own, string(value), clientv3.WithLease(s.lease)),
		clientv3.OpGet(own),
		clientv3.OpGet(prefix, clientv3.WithFirstCreate()...),
		clientv3.OpDelete(resignedKey(own)), // of an attached session that stands again
	}
	trace := clientv3.OpPut(traceOf(own), string(s.published(value)), clientv3.WithLease(s.lease))
	absent := func(key string) clientv3.Cmp { return clientv3.Compare(clientv3.CreateRevision(key), "=", 0) }
	resp, err := a.kv.Txn(ctx).
		If(absent(own), absent(traceOf(own))).Then(append(enter, trace)...).
		Else(clientv3.OpGet(own), clientv3.OpGet(traceOf(own))).
		Commit()
	if err != nil {
		return standing{}, err
	}
	if left := ranged(resp, 1); !resp.Succeeded && ranged(resp, 0) == nil && left != nil {
		// An operator deleted the key. The trace stays as old as it is where this session may have led with that.
		if !s.mayHaveLed(key) {
			enter = append(enter, trace)
		}
		resp, err = a.kv.Txn(ctx).
			If(absent(own), clientv3.Compare(clientv3.ModRevision(traceOf(own)), "=", left.ModRevision)).Then(enter...).
			Else(clientv3.OpGet(own)).
			Commit()
		if err != nil {
			return standing{}, err
		}
	}
	if !resp.Succeeded { // stood before: the answer to an attempt was lost, or the session is an attached one
		at, err := a.standing(ctx, prefix, own, ranged(resp, 0).GetCreateRevision())
		if err == nil && at.own == nil {
			err = errUnsettled
		}
		return at, err
	}
	at := standing{revision: resp.Header.GetRevision(), own: ranged(resp, 3), first: ranged(resp, 4), ahead: ranged(resp, 0)}
	at.traces, at.traced = tracesRead(resp, 1)
	if err := at.check(prefix, own); err != nil || at.own == nil || at.first == nil {
		return standing{}, errForeign
	}
	return a.sift(ctx, prefix, at)
}

// published is what a candidate says of itself, which stands in its trace. Of the instance it is what the vote says.
func (s *session) published(value []byte) []byte {
	vote, err := leadership.ParseVote(value)
	if err != nil {
		return value
	}
	return leadership.Candidate{ServiceID: vote.ServiceID, Profile: s.b.profile}.Encode()
}

// remove deletes a key as it was read.
func (a *api) remove(ctx context.Context, kv *mvccpb.KeyValue) error {
	key := string(kv.Key)
	_, err := a.kv.Txn(ctx).If(clientv3.Compare(clientv3.ModRevision(key), "=", kv.ModRevision)).Then(clientv3.OpDelete(key)).Commit()
	return err
}

// clear removes a detached key whose lease is gone: nobody stands with it, nothing else will ever delete it, and all behind it
// would wait for ever. A key that is named for no lease is nobody's to remove: as the first in line it is a conflict.
func (a *api) clear(ctx context.Context, prefix string, kv *mvccpb.KeyValue, first bool) (removed bool, err error) {
	named, gone, err := a.orphaned(ctx, prefix, kv)
	switch {
	case err != nil:
		return false, err
	case gone:
		return true, a.remove(ctx, kv)
	case first && kv != nil && kv.Lease == 0 && !named:
		return false, fmt.Errorf("%w: %s has no lease and is named for none", leadership.ErrKeyConflict, kv.Key)
	default:
		return false, nil
	}
}

// orphaned reports whether kv, a key without a lease, is named for one, and whether that one is gone.
func (a *api) orphaned(ctx context.Context, prefix string, kv *mvccpb.KeyValue) (named, gone bool, err error) {
	if kv == nil || kv.Lease != 0 {
		return false, false, nil
	}
	lease, named := parseLease(leaseName(holderOf(prefix, kv)))
	if !named {
		return false, false, nil
	}
	resp, err := a.client.TimeToLive(ctx, lease)
	if err != nil {
		return true, false, err
	}
	return true, resp.TTL < 0, nil
}

// standsAs is the standing as an observation.
func (s *session) standsAs(ctx context.Context, a *api, key string, at standing) (leadership.Observation, error) {
	seen := leadership.Observation{Holder: holder(prefixOf(key), at.first), Revision: uint64(at.revision)}
	var before *former
	if at.ahead == nil {
		var err error
		if before, err = s.formerly(ctx, a, key, at); err != nil {
			return leadership.Observation{}, err
		}
	}
	before = s.enter(key, at, before)
	if seen.Holder.Session == s.id && before != nil {
		seen.Earlier, seen.Resigned = slices.Clone(before.earlier), before.resigned
	}
	return seen, nil
}

// formerly tells, at the moment at which a session finds itself first in line, who may believe in an earlier term, and whether the last holder resigned.
func (s *session) formerly(ctx context.Context, a *api, key string, at standing) (*former, error) {
	if p, ok := s.place(key); ok && p.create == at.own.CreateRevision && p.before != nil {
		return p.before, nil
	}
	if !at.traced {
		resp, err := a.kv.Get(ctx, tracesOf(key), olderTraces(at.own.CreateRevision)...)
		if err != nil {
			return nil, err
		}
		at.traces = resp.Kvs
	}
	resigned, err := s.lastResigned(ctx, a, key)
	if err != nil {
		return nil, err
	}
	before := &former{resigned: resigned}
	p, _ := s.place(key)
	if p.ahead.foreign && !resigned { // another client's, which leaves no trace
		before.earlier = append(before.earlier, p.ahead.session)
	}
	for _, kv := range at.traces {
		session := strings.TrimPrefix(string(kv.Key), tracesOf(key))
		if _, ok := parseLease(session); !ok || session == s.id || p.ahead.resigned && p.ahead.session == session {
			continue
		}
		left, err := a.resigned(ctx, candidateKey(key, session), kv.ModRevision, 0)
		switch {
		case err != nil:
			return nil, err
		case !left:
			before.earlier = append(before.earlier, session)
		}
	}
	return before, nil
}

// lastResigned reports whether who held the key last resigned. That is who stood right ahead, unless that one went before its turn had come:
// it withdrew, or the holder before it passed it over; and all that were left went before this session looked again.
func (s *session) lastResigned(ctx context.Context, a *api, key string) (bool, error) {
	p, ok := s.place(key)
	if !ok || p.ahead.key == "" {
		return false, nil
	}
	if p.ahead.resigned || p.holder == p.ahead.session || p.ahead.gone <= 1 {
		return p.ahead.resigned, nil
	}
	resigned, err := s.lastBefore(ctx, a, prefixOf(key), p)
	if errors.Is(err, rpctypes.ErrCompacted) {
		return false, nil
	}
	return resigned, err
}

// mostBefore bounds how many of those who were before a waiter are asked for.
const mostBefore = 16

// lastBefore reports whether the sign is there of who held the key last of those who stood before p when the one right ahead went. Of the others nobody can say whether they led
// or withdrew. So it is the last one that left a sign, or whose lease lives: who believes on, after an operator deleted its key, is one of these.
//
// Where nobody was left, the leader went in the same transaction, which is a transfer: an attached session takes its sign back soon after that.
func (s *session) lastBefore(ctx context.Context, a *api, prefix string, p place) (resigned bool, err error) {
	before := func(revision int64) ([]*mvccpb.KeyValue, error) {
		line, err := a.line(ctx, prefix, revision)
		return slices.DeleteFunc(line, func(kv *mvccpb.KeyValue) bool { return kv.CreateRevision >= p.create }), err
	}
	left, err := before(p.ahead.gone)
	if err != nil {
		return false, err
	}
	if len(left) == 0 {
		if left, err = before(p.ahead.gone - 1); err != nil || len(left) == 0 {
			return false, err
		}
		return a.resigned(ctx, string(left[0].Key), left[0].CreateRevision, p.ahead.gone)
	}
	for _, kv := range slices.Backward(left[max(0, len(left)-mostBefore):]) {
		if resigned, err = a.resigned(ctx, string(kv.Key), kv.CreateRevision, 0); err != nil || resigned {
			return resigned, err
		}
		lives, err := s.b.Lifetime(ctx, holderOf(prefix, kv))
		if err != nil || lives > 0 {
			return false, err
		}
	}
	return false, nil
}

// resigned reports whether the sign of who stood as candidate, since the revision create, is there at a revision, 0 for now.
func (a *api) resigned(ctx context.Context, candidate string, create, revision int64) (bool, error) {
	resp, err := a.kv.Get(ctx, resignedKey(candidate), clientv3.WithRev(revision))
	if err != nil {
		return false, err
	}
	sign := only(resp.Kvs)
	return signs(sign, candidate) && sign.ModRevision > create, nil
}
