package consul

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/consul/api"
)

// Who takes a key also holds a second one, its trace, from the same transaction on. The trace ends with the session, and goes in the transaction that gives the key
// back. An operator who deletes the key leaves it where it is: so whoever takes the key next finds out that somebody held it who may still believe, even if
// it had never looked before.

// tracesOf is what the traces of an election's holders begin with. What follows is the session.
func tracesOf(key string) string { return key + "/holders/" }

func traceOf(key, session string) string { return tracesOf(key) + session }

// traces are those that a read showed.
type traces struct {
	held []string      // the sessions of those that are held
	left []*api.KVPair // of dead sessions with kept keys, and held by nobody
}

// readTraces picks the traces of an election's holders, but for that of session own, from entries.
func readTraces(key, own string, entries []*api.KVPair) traces {
	var t traces
	for _, entry := range entries {
		session, ok := strings.CutPrefix(entry.Key, tracesOf(key))
		switch {
		case !ok || session == own || !isSessionID(session):
		case entry.Session == session:
			t.held = append(t.held, session)
		case entry.Session == "":
			t.left = append(t.left, entry)
		}
	}
	return t
}

// listTraces reads the traces of key's holders, but for that of session own.
func (b *backend) listTraces(ctx context.Context, key, own string) (traces, error) {
	what := "read who held key " + key
	ctx, cancel := bound(ctx, requestTimeout)
	defer cancel()
	q := b.reading(ctx)
	q.RequireConsistent = true
	entries, meta, err := b.client.KV().List(tracesOf(key), q)
	switch {
	case err != nil:
		return traces{}, b.fail(ctx, what, err)
	case meta.ResultsFilteredByACLs:
		return traces{}, b.fail(ctx, what, errFiltered)
	case len(entries) == 0 && (meta.LastIndex == 0 || !meta.KnownLeader):
		return traces{}, fmt.Errorf("consul: %s: 404 without the index of a cluster that has a leader: %w", what, errForeign)
	}
	return readTraces(key, own, entries), nil
}

// readBoth reads the key and its traces in one request, as readKey and listTraces do in two, for which a slow link may leave no time.
func (b *backend) readBoth(ctx context.Context, key, own string) (keyState, traces, error) {
	what := "read key " + key
	ctx, cancel := bound(ctx, requestTimeout)
	defer cancel()
	q := b.reading(ctx)
	q.RequireConsistent = true
	ok, out, meta, err := b.client.Txn().Txn(api.TxnOps{
		{KV: &api.KVTxnOp{Verb: api.KVGetOrEmpty, Key: key}}, {KV: &api.KVTxnOp{Verb: api.KVGetTree, Key: tracesOf(key)}},
	}, q)
	var shown []*api.KVPair
	switch {
	case err != nil:
		return keyState{}, traces{}, b.fail(ctx, what, err)
	case meta.ResultsFilteredByACLs:
		return keyState{}, traces{}, b.fail(ctx, what, errFiltered)
	case !ok && slices.ContainsFunc(out.Errors, func(e *api.TxnError) bool { return e != nil && deniedText(e.What) }):
		return keyState{}, traces{}, b.fail(ctx, what, errFiltered)
	case ok:
		shown = pairs(out.Results)
	}
	if len(shown) == 0 || shown[0].Key != key {
		return keyState{}, traces{}, fmt.Errorf("consul: %s: a transaction that does not show it: %w", what, errForeign)
	}
	state := keyState{entry: shown[0], index: max(shown[0].ModifyIndex, 1)}
	if state.entry.ModifyIndex == 0 {
		state.entry = nil
	}
	return state, readTraces(key, own, shown), nil
}

// sweepTraces deletes what is left of dead sessions, some at a time. Where that fails, the next one to take the key tries again.
func (b *backend) sweepTraces(ctx context.Context, left []*api.KVPair) {
	const most = 16
	for _, entry := range left[:min(len(left), most)] {
		if b.deleteKey(ctx, "remove the trace in key", entry.Key, entry.ModifyIndex) != nil {
			return
		}
	}
}
