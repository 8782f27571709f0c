package etcd

import (
	"context"
	"errors"
	"slices"
	"strings"

	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/leadership-go/leadership"
)

// This file reads the line of candidates: the keys below an election's prefix, by create revision.

// standing is where one candidate stands in the line, at one revision.
type standing struct {
	revision int64
	own      *mvccpb.KeyValue // nil: the candidate does not stand
	first    *mvccpb.KeyValue // who leads; nil: nobody
	ahead    *mvccpb.KeyValue // right before the own key; nil: nobody, or the candidate does not stand

	traced bool               // the traces that are older than the own candidacy were read, too
	traces []*mvccpb.KeyValue // they
}

// standing reads it, in one round trip where create, the create revision of own, is known. It is linearizable and writes nothing.
func (a *api) standing(ctx context.Context, prefix, own string, create int64) (standing, error) {
	for {
		ops := []clientv3.Op{clientv3.OpGet(own), clientv3.OpGet(prefix, clientv3.WithFirstCreate()...)}
		txn := a.kv.Txn(ctx)
		if create > 1 {
			// Of the first in line the older traces are read as well. Lines are long, and read so often that the traces of all who wait must not be read with them.
			ops = append(ops, clientv3.OpGet(prefix, append(clientv3.WithLastCreate(), clientv3.WithMaxCreateRev(create-1))...))
			first := clientv3.Compare(clientv3.CreateRevision(prefix), ">", create-1).WithPrefix()
			traces := clientv3.OpGet(tracesBeside(prefix), olderTraces(create)...)
			txn = txn.If(first).Then(append(slices.Clone(ops), traces)...).Else(ops...)
		} else {
			txn = txn.Then(ops...)
		}
		resp, err := txn.Commit()
		if err != nil {
			return standing{}, err
		}
		s := standing{revision: resp.Header.GetRevision(), own: ranged(resp, 0), first: ranged(resp, 1)}
		if s.own != nil && s.own.CreateRevision != create {
			create = s.own.CreateRevision
			continue
		}
		if s.own != nil && create > 1 {
			s.ahead, s.traced = ranged(resp, 2), resp.Succeeded
			s.traces = allRanged(resp, 3)
		}
		if err := s.check(prefix, own); err != nil {
			return standing{}, err
		}
		return a.sift(ctx, prefix, s)
	}
}

// standsStill reads the standing of a waiter by the names of the three keys that it consists of, and reports whether they still are the ones
// that were read before. Then so is the standing: who comes later has a higher create revision, so nobody gets before the first, or in
// between two neighbours. That costs the store next to nothing, however long the line is, while a look for the first and for the one
// ahead has it read and sort the whole line.
func (a *api) standsStill(ctx context.Context, prefix, own string, p place) (standing, bool, error) {
	if p.ahead.key == "" || p.first.key == "" {
		return standing{}, false, nil
	}
	if p.ahead.gone > 0 && p.first == (spot{p.ahead.key, p.ahead.create}) { // a watch saw the only one go that was before it
		resp, err := a.kv.Txn(ctx).Then(clientv3.OpGet(own), clientv3.OpGet(tracesBeside(prefix), olderTraces(p.create)...)).Commit()
		if err != nil {
			return standing{}, false, err
		}
		s := standing{revision: resp.Header.GetRevision(), own: ranged(resp, 0), traced: true, traces: allRanged(resp, 1)}
		s.first = s.own
		return s, s.own.GetCreateRevision() == p.create, s.check(prefix, own)
	}
	resp, err := a.kv.Txn(ctx).Then(clientv3.OpGet(own), clientv3.OpGet(p.first.key), clientv3.OpGet(p.ahead.key)).Commit()
	if err != nil {
		return standing{}, false, err
	}
	s := standing{revision: resp.Header.GetRevision(), own: ranged(resp, 0), first: ranged(resp, 1), ahead: ranged(resp, 2)}
	same := s.own.GetCreateRevision() == p.create && s.first.GetCreateRevision() == p.first.create && s.ahead.GetCreateRevision() == p.ahead.create
	return s, same, s.check(prefix, own)
}

// olderTraces limits a read of traces to those of candidates who stood before the one with that create revision.
func olderTraces(create int64) []clientv3.OpOption {
	return []clientv3.OpOption{clientv3.WithPrefix(), clientv3.WithMaxModRev(create - 1), clientv3.WithKeysOnly()}
}

// tracesIfNobody reads all traces if nobody stands. As a transaction within one it makes that a write for the store.
func tracesIfNobody(prefix string) clientv3.Op {
	nobody := clientv3.Compare(clientv3.CreateRevision(prefix), "=", 0).WithPrefix()
	return clientv3.OpTxn([]clientv3.Cmp{nobody}, []clientv3.Op{clientv3.OpGet(tracesBeside(prefix), clientv3.WithPrefix(), clientv3.WithKeysOnly())}, nil)
}

// tracesRead are the traces that the nth operation of a transaction read, if it did.
func tracesRead(resp *clientv3.TxnResponse, n int) (traces []*mvccpb.KeyValue, read bool) {
	if n >= len(resp.Responses) {
		return nil, false
	}
	inner := resp.Responses[n].GetResponseTxn()
	if !inner.GetSucceeded() || len(inner.GetResponses()) == 0 {
		return nil, false
	}
	return inner.GetResponses()[0].GetResponseRange().GetKvs(), true
}

// errForeign: what answered is no etcd, or one of which the answer can't be trusted.
var errForeign = errors.New("not an answer of etcd's")

// check refuses a standing that etcd can't have told: a revision is always there, and keys are those that were asked for.
func (s standing) check(prefix, own string) error {
	within := func(kv *mvccpb.KeyValue) bool { return kv == nil || strings.HasPrefix(string(kv.Key), prefix) }
	if s.revision > 0 && within(s.first) && within(s.ahead) && (s.own == nil || string(s.own.Key) == own) {
		return nil
	}
	return errForeign
}

// sift leaves out the candidates of elections further down, which takes a look at the whole line where there are any in the way.
func (a *api) sift(ctx context.Context, prefix string, s standing) (standing, error) {
	if !nested(prefix, s.first) && !nested(prefix, s.ahead) {
		return s, nil
	}
	line, err := a.line(ctx, prefix, s.revision)
	if err != nil {
		return standing{}, err
	}
	s.first, s.ahead = only(line), nil
	if s.own != nil {
		for _, kv := range line {
			if kv.CreateRevision < s.own.CreateRevision {
				s.ahead = kv
			}
		}
	}
	return s, nil
}

// line is all candidates at a revision, the first one first.
func (a *api) line(ctx context.Context, prefix string, revision int64) ([]*mvccpb.KeyValue, error) {
	resp, err := a.kv.Get(ctx, prefix, clientv3.WithPrefix(), clientv3.WithRev(revision),
		clientv3.WithSort(clientv3.SortByCreateRevision, clientv3.SortAscend))
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(resp.Kvs, func(kv *mvccpb.KeyValue) bool { return nested(prefix, kv) }), nil
}

// ranged is the one key that the nth operation of a transaction read, or nil.
func ranged(resp *clientv3.TxnResponse, n int) *mvccpb.KeyValue { return only(allRanged(resp, n)) }

// allRanged are all keys that it read.
func allRanged(resp *clientv3.TxnResponse, n int) []*mvccpb.KeyValue {
	if n >= len(resp.Responses) {
		return nil
	}
	return resp.Responses[n].GetResponseRange().GetKvs()
}

// only is the first of kvs, or nil.
func only(kvs []*mvccpb.KeyValue) *mvccpb.KeyValue {
	if len(kvs) == 0 {
		return nil
	}
	return kvs[0]
}

// holder is the first of the line as the others see it.
func holder(prefix string, first *mvccpb.KeyValue) leadership.Holder {
	if first == nil || holderOf(prefix, first) == "" {
		return leadership.Holder{}
	}
	return leadership.Holder{Session: holderOf(prefix, first), Token: uint64(first.CreateRevision), Value: first.Value}
}

// leaseName is the lease id in the name of a holder, detached or not.
func leaseName(session string) string { return strings.TrimPrefix(session, detached) }
