package fenced

import (
	"context"
	"fmt"
	"net/http"

	"github.com/hashicorp/consul/api"

	"github.com/leadership-go/leadership/sources/consul"
)

// consulRegister is a key of Consul.
type consulRegister struct {
	client         *api.Client
	transport      *http.Transport
	election, name string
}

func dialConsul(addrs []string, election, name string) (Register, error) {
	config := api.DefaultConfig()
	config.Address = addrs[0]
	client, err := api.NewClient(config)
	if err != nil {
		return nil, err
	}
	return &consulRegister{client, config.Transport, election, name}, nil
}

func (r *consulRegister) Write(ctx context.Context, guard Guard, g Grant, v Value) (bool, uint64, error) {
	var checks []*api.KVTxnOp
	switch guard {
	case Fence:
		checks = append(checks, consul.FenceSession(r.election, g.Session).KV)
	case Index:
		checks = append(checks, &api.KVTxnOp{Verb: api.KVCheckIndex, Key: r.election, Index: g.Token})
	case Ordered:
		return r.writeInOrder(ctx, g, v)
	case Open:
	}
	revision, failed, err := r.commit(ctx, checks, v)
	return failed < 0 && err == nil, revision, err
}

// writeInOrder lets the fence stand, and sees to it that the register's token never falls: it writes only over what it has read.
func (r *consulRegister) writeInOrder(ctx context.Context, g Grant, v Value) (bool, uint64, error) {
	for {
		current, index, err := r.Read(ctx)
		if err != nil || current.Token > g.Token {
			return false, 0, err
		}
		unchanged := &api.KVTxnOp{Verb: api.KVCheckIndex, Key: r.name, Index: index}
		if index == 0 {
			unchanged = &api.KVTxnOp{Verb: api.KVCheckNotExists, Key: r.name}
		}
		revision, failed, err := r.commit(ctx, []*api.KVTxnOp{consul.FenceSession(r.election, g.Session).KV, unchanged}, v)
		if failed != 1 || err != nil {
			return failed < 0 && err == nil, revision, err
		}
	}
}

// commit writes v in one transaction with the checks. Where one of them fails, failed is its index, else it is -1. After an error nobody knows.
func (r *consulRegister) commit(ctx context.Context, checks []*api.KVTxnOp, v Value) (revision uint64, failed int, err error) {
	var ops api.TxnOps
	for _, check := range checks {
		ops = append(ops, &api.TxnOp{KV: check})
	}
	for _, key := range []string{r.name, entryName(r.name, v)} {
		ops = append(ops, &api.TxnOp{KV: &api.KVTxnOp{Verb: api.KVSet, Key: key, Value: []byte(v.encode())}})
	}
	ok, resp, _, err := r.client.Txn().Txn(ops, new(api.QueryOptions).WithContext(ctx))
	if err != nil {
		return 0, -1, fmt.Errorf("fenced: write: %w", err)
	}
	for _, e := range resp.Errors {
		if e.OpIndex < len(checks) {
			return 0, e.OpIndex, nil
		}
	}
	for _, result := range resp.Results {
		if ok && result.KV != nil && result.KV.Key == r.name {
			return result.KV.ModifyIndex, -1, nil
		}
	}
	return 0, -1, fmt.Errorf("fenced: write: the answer is neither yes nor no: %+v", resp)
}

func (r *consulRegister) Read(ctx context.Context) (v Value, revision uint64, err error) {
	entry, _, err := r.client.KV().Get(r.name, consistent(ctx))
	if err != nil {
		return v, 0, fmt.Errorf("fenced: read: %w", err)
	}
	if entry == nil {
		return v, 0, nil
	}
	v, err = decode(entry.Value)
	return v, entry.ModifyIndex, err
}

func (r *consulRegister) Trail(ctx context.Context) (entries []Entry, err error) {
	all, _, err := r.client.KV().List(r.name+"/", consistent(ctx))
	if err != nil {
		return nil, fmt.Errorf("fenced: trail: %w", err)
	}
	for _, entry := range all {
		v, err := decode(entry.Value)
		if err != nil {
			return nil, err
		}
		entries = append(entries, Entry{v, entry.ModifyIndex})
	}
	return entries, nil
}

// consistent asks for a linearizable answer.
func consistent(ctx context.Context) *api.QueryOptions {
	return (&api.QueryOptions{RequireConsistent: true}).WithContext(ctx)
}

func (r *consulRegister) Close() error {
	r.transport.CloseIdleConnections()
	return nil
}
