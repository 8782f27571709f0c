package etcd

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/leadership-go/leadership"
)

// Candidates lists the line, with those who hang on no lease left out.
func (b *backend) Candidates(ctx context.Context, key string) ([]leadership.Candidate, error) {
	what := "list the candidates for " + key
	a, err := b.link.get(ctx, what)
	if err != nil {
		return nil, err
	}
	prefix := prefixOf(key)
	line, err := a.line(ctx, prefix, 0)
	if err != nil {
		return nil, b.link.failure(ctx, what, err)
	}
	profiles, err := a.profiles(ctx, key)
	if err != nil {
		return nil, b.link.failure(ctx, what, err)
	}
	var candidates []leadership.Candidate
	for _, kv := range line {
		if h := holder(prefix, kv); h.Session != "" {
			c := leadership.Candidate{Session: h.Session}
			if isMember(h.Session, kv) {
				vote, _ := leadership.ParseVote(kv.Value)
				c.ServiceID, c.Profile = vote.ServiceID, profiles[h.Session]
			}
			candidates = append(candidates, c)
		}
	}
	return candidates, nil
}

// profiles reads what the candidates say of themselves, by session. What can't be understood says nothing.
func (a *api) profiles(ctx context.Context, key string) (map[string]leadership.Profile, error) {
	resp, err := a.kv.Get(ctx, tracesOf(key), clientv3.WithPrefix())
	if err != nil {
		return nil, err
	}
	profiles := make(map[string]leadership.Profile, len(resp.Kvs))
	for _, kv := range resp.Kvs {
		session := strings.TrimPrefix(string(kv.Key), tracesOf(key))
		if c, err := leadership.ParseCandidate(session, kv.Value); err == nil && sessionID(clientv3.LeaseID(kv.Lease)) == session {
			profiles[session] = c.Profile
		}
	}
	return profiles, nil
}

// passBatch bounds how many candidates one transaction passes over: a server takes 128 operations in one.
const passBatch = 60

// Transfer deletes the keys of those who stand between the own one and the heir's, which find out by their watches, as the one ahead of each goes, too, and stand again behind
// it (where it ends half-way, the first of them finds out with its next read), and in the same transaction its own, as Resign does. Until then this session holds the key: each transaction makes sure of it.
//
// Only members are passed over: another client may not look at its own key again, and would take the key for its own once those before
// it are gone.
func (s *session) Transfer(ctx context.Context, key string, vote []byte, heir leadership.Vote) error {
	what := "transfer " + key
	a, err := s.b.link.get(ctx, what)
	if err != nil {
		return err
	}
	err = s.makeFirst(ctx, a, key, vote, heir.SessionID)
	if err == nil && s.attached {
		err = a.withdraw(ctx, candidateKey(key, s.id), 0)
	}
	switch {
	case errors.Is(err, leadership.ErrNoCandidate):
		return fmt.Errorf("etcd: %s: %w", what, err)
	case err != nil:
		return s.b.link.failure(ctx, what, err)
	}
	s.gaveUp(key)
	return nil
}

// makeFirst makes the session heir the first in line.
func (s *session) makeFirst(ctx context.Context, a *api, key string, vote []byte, heir string) error {
	prefix, own := prefixOf(key), candidateKey(key, s.id)
	for range maxLooks {
		line, err := a.line(ctx, prefix, 0)
		if err != nil {
			return err
		}
		if len(line) == 0 || string(line[0].Key) != own || !s.good(line[0]) {
			return fmt.Errorf("%w: session %s holds nothing that it could transfer", leadership.ErrNoCandidate, s.id)
		}
		between, next, err := upTo(prefix, line[1:], heir)
		if err != nil {
			return err
		}
		last := s.leave(own, vote)
		if !s.attached && isSign(vote) { // the session may stand again before who holds the key next has looked
			last = append(last, clientv3.OpDelete(traceOf(own)))
		}
		passed, err := a.pass(ctx, line[0], between, next, last)
		if err != nil || passed {
			return err
		}
	}
	return errUnsettled
}

// upTo returns who waits before heir, and heir's key.
func upTo(prefix string, waiting []*mvccpb.KeyValue, heir string) ([]*mvccpb.KeyValue, *mvccpb.KeyValue, error) {
	for i, kv := range waiting {
		session := holderOf(prefix, kv)
		if session == heir {
			return waiting[:i], kv, nil
		}
		if !isMember(session, kv) {
			return nil, nil, fmt.Errorf("%w: %s, which is not a member's, stands before session %s", leadership.ErrNoCandidate, kv.Key, heir)
		}
	}
	return nil, nil, fmt.Errorf("%w: session %s", leadership.ErrNoCandidate, heir)
}

// isMember reports whether the candidate of that session is a member, going by its vote: other clients write what they like.
func isMember(session string, kv *mvccpb.KeyValue) bool {
	vote, err := leadership.ParseVote(kv.Value)
	return err == nil && vote.SessionID == session
}

// pass deletes the keys between, as long as own is the first and next still stands, and does last with the last of them. It reports false where something
// has changed before that.
func (a *api) pass(ctx context.Context, own *mvccpb.KeyValue, between []*mvccpb.KeyValue, next *mvccpb.KeyValue, last []clientv3.Op) (bool, error) {
	unchanged := func(kv *mvccpb.KeyValue) clientv3.Cmp {
		return clientv3.Compare(clientv3.CreateRevision(string(kv.Key)), "=", kv.CreateRevision)
	}
	for {
		batch := between[:min(len(between), passBatch)]
		between = between[len(batch):]
		conditions := []clientv3.Cmp{unchanged(own), unchanged(next), clientv3.Compare(clientv3.LeaseValue(string(own.Key)), "=", own.Lease)}
		var ops []clientv3.Op
		for _, kv := range batch {
			conditions = append(conditions, unchanged(kv))
			ops = append(ops, clientv3.OpDelete(string(kv.Key)), clientv3.OpDelete(traceOf(string(kv.Key))))
		}
		if len(between) == 0 {
			ops = append(ops, last...)
		}
		resp, err := a.kv.Txn(ctx).If(conditions...).Then(ops...).Commit()
		if err != nil || !resp.Succeeded || len(between) == 0 {
			return err == nil && resp.Succeeded, err
		}
	}
}
