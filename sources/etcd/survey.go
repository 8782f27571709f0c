package etcd

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"go.etcd.io/etcd/api/v3/mvccpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/leadership-go/leadership"
)

// This file reads and watches the candidates of many elections at once, by what their keys begin with in common. Whoever does that needs the right to read all that begins so.

var _ leadership.Surveyor = (*backend)(nil)

// elections are the keys of elections, and what the keys of all their candidates begin with.
type elections struct {
	keys   map[string]bool
	prefix string
}

func electionsOf(keys []string) elections {
	e := elections{keys: make(map[string]bool, len(keys))}
	for i, key := range keys {
		e.keys[key] = true
		if i == 0 {
			e.prefix = prefixOf(key)
			continue
		}
		n := 0
		for other := prefixOf(key); n < min(len(e.prefix), len(other)) && e.prefix[n] == other[n]; {
			n++
		}
		e.prefix = e.prefix[:n]
	}
	return e
}

// of calls found with each election that key is of: its own, and those further up.
func (e elections) of(key []byte, found func(election string)) {
	for i, c := range key {
		if c == '/' && e.keys[string(key[:i])] {
			found(string(key[:i]))
		}
	}
}

// How many changed keys a survey takes in one answer, and of how many keys it compares two revisions. Beyond that any election may have changed.
const (
	mostChanges  = 512
	mostCompared = 100_000
)

// Survey asks for the keys that were written after since, and for how many keys there were then and are now, of which it learns whether any was deleted. Only then it compares
// all keys of both revisions, without their values. Where nothing at all was written at the store since then, it is one read of one key.
func (b *backend) Survey(ctx context.Context, keys []string, since uint64) (changed map[string]uint64, revision uint64, err error) {
	const what = "survey elections"
	a, err := b.link.get(ctx, what)
	if err != nil {
		return nil, 0, err
	}
	changed, at, err := a.survey(ctx, keys, int64(since))
	if err != nil {
		return nil, 0, b.link.failure(ctx, what, err)
	}
	return changed, uint64(at), nil
}

func (a *api) survey(ctx context.Context, keys []string, since int64) (changed map[string]uint64, revision int64, err error) {
	if len(keys) == 0 {
		return nil, since, nil
	}
	glance, err := a.kv.Get(ctx, prefixOf(keys[0]), clientv3.WithCountOnly())
	if err != nil {
		return nil, 0, err
	}
	if revision = glance.Header.GetRevision(); revision == since {
		return nil, revision, nil
	}
	e := electionsOf(keys)
	if revision < since { // restored from a snapshot: until it has caught up, any key is another one
		return e.all(since + 1), since + 1, nil
	}
	resp, err := a.kv.Txn(ctx).Then(
		clientv3.OpGet(e.prefix, clientv3.WithPrefix(), clientv3.WithMinModRev(since+1), clientv3.WithKeysOnly(), clientv3.WithLimit(mostChanges)),
		clientv3.OpGet(e.prefix, clientv3.WithPrefix(), clientv3.WithCountOnly()),
		clientv3.OpGet(e.prefix, clientv3.WithPrefix(), clientv3.WithCountOnly(), clientv3.WithRev(since)),
	).Commit()
	if errors.Is(err, rpctypes.ErrCompacted) {
		return e.all(revision), revision, nil
	}
	if err != nil {
		return nil, 0, err
	}
	if revision = resp.Header.GetRevision(); revision < since || len(resp.Responses) != 3 {
		return nil, 0, errForeign
	}
	written := allRanged(resp, 0)
	now, then := resp.Responses[1].GetResponseRange().GetCount(), resp.Responses[2].GetResponseRange().GetCount()
	created := int64(0)
	for _, kv := range written {
		if kv.CreateRevision > since {
			created++
		}
	}
	if len(written) < mostChanges && then+created == now { // who was deleted, and created anew or not, would be missing here
		return e.touched(written, nil, revision), revision, nil
	}
	if now > mostCompared || then > mostCompared {
		return e.all(revision), revision, nil
	}
	return a.compare(ctx, e, since, revision)
}

// compare finds out what has changed from all keys then and now. Where the store has forgotten what was then, anything may have, as of a revision at hand.
func (a *api) compare(ctx context.Context, e elections, since, hand int64) (changed map[string]uint64, revision int64, err error) {
	resp, err := a.kv.Txn(ctx).Then(
		clientv3.OpGet(e.prefix, clientv3.WithPrefix(), clientv3.WithKeysOnly()),
		clientv3.OpGet(e.prefix, clientv3.WithPrefix(), clientv3.WithKeysOnly(), clientv3.WithRev(since)),
	).Commit()
	if errors.Is(err, rpctypes.ErrCompacted) {
		return e.all(hand), hand, nil
	}
	if err != nil {
		return nil, 0, err
	}
	if len(resp.Responses) != 2 {
		return nil, 0, errForeign
	}
	now, then := allRanged(resp, 0), allRanged(resp, 1)
	left := make(map[string]int64, len(now))
	for _, kv := range now {
		left[string(kv.Key)] = kv.ModRevision
	}
	revision = resp.Header.GetRevision()
	gone := slices.DeleteFunc(then, func(kv *mvccpb.KeyValue) bool { _, there := left[string(kv.Key)]; return there })
	written := slices.DeleteFunc(now, func(kv *mvccpb.KeyValue) bool { return kv.ModRevision <= since })
	return e.touched(written, gone, revision), revision, nil
}

// touched are the elections that these keys are of, with the revision of the latest change: of keys that are gone, nobody knows more than that they were at revision.
func (e elections) touched(written, gone []*mvccpb.KeyValue, revision int64) map[string]uint64 {
	found := make(map[string]uint64)
	for _, kv := range written {
		e.of(kv.Key, func(election string) { found[election] = max(found[election], uint64(kv.ModRevision)) })
	}
	for _, kv := range gone {
		e.of(kv.Key, func(election string) { found[election] = uint64(revision) })
	}
	return found
}

// all are all elections, changed at revision.
func (e elections) all(revision int64) map[string]uint64 {
	found := make(map[string]uint64, len(e.keys))
	for key := range e.keys {
		found[key] = uint64(revision)
	}
	return found
}

// Await watches all that begins as the candidates' keys do.
func (b *backend) Await(ctx context.Context, standing leadership.Session, keys []string, since uint64) (changed map[string]uint64, revision uint64, err error) {
	const what = "await changes of elections"
	s, ok := standing.(*session)
	if !ok {
		return nil, 0, fmt.Errorf("etcd: %s: %T is no session of this package", what, standing)
	}
	a, err := b.link.get(ctx, what)
	if err != nil {
		return nil, 0, err
	}
	err = a.streamed(ctx, func() error {
		inner, end := b.watching(ctx)
		defer end()
		e := electionsOf(keys)
		changed, revision, err = s.await(ctx, e, since, a.follow(inner, e.prefix, int64(since), clientv3.WithPrefix()))
		return err
	})
	if err != nil {
		return nil, 0, b.link.failure(ctx, what, err)
	}
	return changed, revision, nil
}

// await waits for the first events that count.
func (s *session) await(ctx context.Context, e elections, since uint64, events clientv3.WatchChan) (changed map[string]uint64, revision uint64, err error) {
	changed, revision = make(map[string]uint64), since
	for {
		resp, open := <-events
		if compacted := uint64(resp.CompactRevision); compacted > 0 && errors.Is(resp.Err(), rpctypes.ErrCompacted) { // what was missed may be about any of them
			for key := range e.keys {
				changed[key] = compacted
			}
			return changed, max(compacted, since), nil
		}
		if done, err := ended(ctx, resp, open); done {
			if err == nil {
				err = errWatchEnded
			}
			return nil, 0, err
		}
		if slices.ContainsFunc(resp.Events, keyless) { // of a client that was given
			return nil, 0, errForeign
		}
		for _, ev := range resp.Events {
			revision = max(revision, uint64(ev.Kv.ModRevision))
			e.of(ev.Kv.Key, func(election string) {
				if s.concerns(election, ev) {
					changed[election] = uint64(ev.Kv.ModRevision)
				}
			})
		}
		if len(changed) > 0 {
			return changed, revision, nil
		}
	}
}

// concerns reports whether the standing of s in an election may be another after ev, and keeps what ev says about who was before it.
func (s *session) concerns(election string, ev *clientv3.Event) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	key, at := string(ev.Kv.Key), ev.Kv.ModRevision
	p, stands := s.places[election]
	left := s.partings[election]
	switch {
	case ev.Type == clientv3.EventTypeDelete && !nested(prefixOf(election), ev.Kv):
		left = parting{key: key, gone: at}
	case left.gone == at && signs(ev.Kv, left.key): // in the transaction that deleted it
		left.resigned = true
	}
	if left.gone == at {
		s.partings[election] = left
		if stands && p.ahead.key == left.key && at > p.revision {
			p.ahead.gone, p.ahead.resigned = at, p.ahead.resigned || left.resigned
		}
	}
	switch {
	case stands && at <= p.revision: // it was read after that
		return false
	case key == candidateKey(election, s.id):
		return true
	case stands && p.ahead.key == "": // nobody else is of any concern to the first in line
		return false
	case stands:
		return key == p.ahead.key
	}
	return true
}
