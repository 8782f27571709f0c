package etcd

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.etcd.io/etcd/api/v3/mvccpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// session is an etcd lease as a session of package leadership.
type session struct {
	b        *backend
	lease    clientv3.LeaseID
	id       string
	ttl      time.Duration
	attached bool

	mu     sync.Mutex
	places map[string]*place // by election key; where there is none the session is not known to stand
	led    map[string]bool   // by election key: whether it was first in line since it stood

	partings map[string]parting // by election key: the last candidate that went, as far as that was heard of
}

// parting is how a candidate went.
type parting struct {
	key      string
	gone     int64 // the revision at which its key was deleted
	resigned bool  // with a sign
}

// place is what a session knows of its candidacy for one key.
type place struct {
	create   int64 // the create revision of the own key
	revision int64 // at which the rest was read
	holder   string
	first    spot // the leader's key
	ahead    neighbour
	before   *former // who held the key before this session; set once it holds it
}

// spot is a candidate's key. The zero spot is nobody's.
type spot struct {
	key    string
	create int64
}

func spotOf(kv *mvccpb.KeyValue) spot { return spot{string(kv.GetKey()), kv.GetCreateRevision()} }

// neighbour is the candidate right before a waiter. The zero neighbour is nobody.
type neighbour struct {
	key      string
	create   int64
	session  string
	foreign  bool  // no member's
	resigned bool  // it led, and gave the key back
	gone     int64 // the revision at which its key was deleted; 0: not known
}

// former is what is known about earlier holders.
type former struct {
	earlier  []string // the sessions of those that may believe
	resigned bool     // the last one did
}

func newSession(b *backend, lease clientv3.LeaseID, ttl time.Duration, attached bool) *session {
	return &session{b: b, lease: lease, id: sessionID(lease), ttl: ttl, attached: attached, places: make(map[string]*place), led: make(map[string]bool), partings: make(map[string]parting)}
}

func (s *session) ID() string { return s.id }

func (s *session) TTL() time.Duration { return s.ttl }

func (s *session) Renew(ctx context.Context) error {
	what := "renew lease " + s.id
	a, err := s.b.link.get(ctx, what)
	if err != nil {
		return err
	}
	told, err := a.keepAlive(ctx, s.lease)
	if err == nil && told < int64(s.ttl/time.Second) { // the TTL of a lease never changes
		err = fmt.Errorf("%w: %d s, where %v were granted", errTTL, told, s.ttl)
	}
	if err != nil {
		return s.b.link.failure(ctx, what, err)
	}
	return nil
}

// Resign deletes the own key. A leader leaves its sign in the same transaction: the next in line watches for it, and learns that nobody
// believes in the term any more, so it need not wait for the lease's end (which may never come: an attached lease lives on).
//
// Rejected: a sign in the own key, since a transaction may change a key only once, so that two writes are needed, one after the other. Also rejected: only to delete, and
// let the successor ask for the lease until it is revoked, which is one more write to wait for. BenchmarkEtcdHandover in e2e compares them.
func (s *session) Resign(ctx context.Context, key string, vote []byte) error {
	what := "resign " + key
	a, err := s.b.link.get(ctx, what)
	if err != nil {
		return err
	}
	own := candidateKey(key, s.id)
	p, known := s.place(key)
	create := p.create
	if known && p.ahead.key == "" && isSign(vote) { // who is the first in line stays it
		resp, err := a.kv.Txn(ctx).If(
			clientv3.Compare(clientv3.CreateRevision(own), "=", p.create),
			clientv3.Compare(clientv3.LeaseValue(own), "=", s.lease),
		).Then(s.leave(own, vote)...).Commit()
		switch {
		case errors.Is(err, rpctypes.ErrLeaseNotFound):
		case err != nil:
			return s.b.link.failure(ctx, what, err)
		case resp.Succeeded && !s.attached:
			s.gaveUp(key)
			return nil
		case resp.Succeeded:
			create = 0
		}
	}
	if err := a.withdraw(ctx, own, create); err != nil {
		return s.b.link.failure(ctx, what, err)
	}
	s.gaveUp(key)
	return nil
}

// leave is the end of a leader's candidacy, with its sign, if vote is one. What the sign says holds for the trace as well, and both go with the lease. That of an attached session
// lives on.
func (s *session) leave(own string, vote []byte) []clientv3.Op {
	ops := []clientv3.Op{clientv3.OpDelete(own)}
	if isSign(vote) {
		ops = append(ops, clientv3.OpPut(resignedKey(own), string(vote), clientv3.WithLease(s.lease)))
	}
	if s.attached || !isSign(vote) {
		ops = append(ops, clientv3.OpDelete(traceOf(own)))
	}
	return ops
}

// withdraw deletes own as it was created at revision create, which is 0 if that is not known, its trace, and a sign: the lease of an attached session lives on, and a client that
// takes it for a candidate would wait for its end. A deletion that is carried out late finds nothing, where an attached session stands anew.
func (a *api) withdraw(ctx context.Context, own string, create int64) error {
	trace := create // written in the same transaction
	for range maxLooks {
		resp, err := a.kv.Txn(ctx).
			If(clientv3.Compare(clientv3.CreateRevision(own), "=", create), clientv3.Compare(clientv3.ModRevision(traceOf(own)), "=", trace)).
			Then(clientv3.OpDelete(own), clientv3.OpDelete(traceOf(own)), clientv3.OpDelete(resignedKey(own))).
			Else(clientv3.OpGet(own), clientv3.OpGet(traceOf(own))).Commit()
		if err != nil || resp.Succeeded {
			return err
		}
		create, trace = ranged(resp, 0).GetCreateRevision(), ranged(resp, 1).GetModRevision()
	}
	return errUnsettled
}

// Close revokes the lease, which deletes all of its keys in one step.
func (s *session) Close(ctx context.Context) error {
	if s.attached {
		return nil
	}
	what := "revoke lease " + s.id
	a, err := s.b.link.get(ctx, what)
	if err != nil {
		return err
	}
	if _, err := a.client.Revoke(ctx, s.lease); err != nil && !errors.Is(err, rpctypes.ErrLeaseNotFound) {
		return s.b.link.failure(ctx, what, err)
	}
	return nil
}

func (s *session) place(key string) (place, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.places[key]; p != nil {
		return *p, true
	}
	return place{}, false
}

func (s *session) forget(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.places, key)
}

// gaveUp forgets the place for good.
func (s *session) gaveUp(key string) {
	s.forget(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.led, key)
}

// mayHaveLed reports whether this session was first in line, or may have been before it was adopted.
func (s *session) mayHaveLed(key string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	led, known := s.led[key]
	return led || s.attached && !known
}

// note changes what is known of the candidate ahead, if it is still the same.
func (s *session) note(key string, n neighbour) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.places[key]
	if p == nil || p.ahead.key != n.key || p.ahead.create != n.create {
		return
	}
	p.ahead.resigned = p.ahead.resigned || n.resigned
	p.ahead.gone = max(p.ahead.gone, n.gone)
}

// enter keeps what was read about the own standing, unless something newer is known, and returns who held the key before where this
// session holds it.
func (s *session) enter(key string, at standing, before *former) *former {
	prefix := prefixOf(key)
	p := &place{create: at.own.CreateRevision, revision: at.revision, holder: holderOf(prefix, at.first), first: spotOf(at.first), ahead: neighbourOf(prefix, at.ahead)}
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.places[key]
	if old != nil && old.create == p.create {
		if old.revision > p.revision {
			return old.before
		}
		if old.ahead.key == p.ahead.key && old.ahead.create == p.ahead.create {
			p.ahead.resigned, p.ahead.gone = old.ahead.resigned, old.ahead.gone
		}
		p.before = old.before
	}
	if left := s.partings[key]; left.gone > p.revision && left.key == p.ahead.key && p.ahead.key != "" { // it went before this read came in
		p.ahead.gone, p.ahead.resigned = left.gone, left.resigned
	}
	if p.ahead.key == "" && p.before == nil {
		p.before = before
	}
	if p.ahead.key == "" || s.attached && !s.led[key] {
		s.led[key] = p.ahead.key == ""
	}
	s.places[key] = p
	return p.before
}

func neighbourOf(prefix string, kv *mvccpb.KeyValue) neighbour {
	if kv == nil {
		return neighbour{}
	}
	session := holderOf(prefix, kv)
	return neighbour{key: string(kv.Key), create: kv.CreateRevision, session: session, foreign: !isMember(session, kv)}
}
