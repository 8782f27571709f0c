package consul

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/consul/api"
)

// Who takes a key also holds a second one, its trace, from the same transaction on. The trace ends with the session, and goes in the transaction that gives the key
// back, unless that leaves a sign and the session ends next. An operator who deletes the key leaves it where it is: so whoever takes the key next finds out that somebody held it who may still believe, even if
// it had never looked before.

// tracesOf is what the traces of an election's holders begin with. What follows is the session.
func tracesOf(key string) string { return key + "/holders/" }

func traceOf(key, session string) string { return tracesOf(key) + session }

// traces are those that a read showed.
type traces struct {
	own     *api.KVPair   // that of the session that asked; nil: none
	earlier []string      // the sessions of others: a trace lives as long as its session, or longer where keys are kept, and then nothing says when that ended
	left    []*api.KVPair // of these, the traces of dead sessions with kept keys
}

// readTraces picks the traces of an election's holders from entries, which may have other keys as well. own is the session that asks.
func readTraces(key, own string, entries []*api.KVPair) traces {
	var t traces
	for _, entry := range entries {
		session, ok := strings.CutPrefix(entry.Key, tracesOf(key))
		switch {
		case !ok || !isSessionID(session) || entry.Session != session && entry.Session != "":
			continue
		case session == own:
			t.own = entry
			continue
		case entry.Session == "":
			t.left = append(t.left, entry)
		}
		t.earlier = append(t.earlier, session)
	}
	return t
}

// listTraces reads the traces of key's holders.
func (b *backend) listTraces(ctx context.Context, key, own string) (traces, error) {
	entries, err := b.list(ctx, "read who held key "+key, tracesOf(key))
	if err != nil {
		return traces{}, err
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
	ok, out, _, err := b.client.Txn().Txn(api.TxnOps{
		{KV: &api.KVTxnOp{Verb: api.KVGetOrEmpty, Key: key}}, {KV: &api.KVTxnOp{Verb: api.KVGetTree, Key: tracesOf(key)}},
	}, q)
	var shown []*api.KVPair
	switch {
	case err != nil:
		return keyState{}, traces{}, b.fail(ctx, what, err)
	case !ok && slices.ContainsFunc(out.Errors, func(e *api.TxnError) bool { return e != nil && deniedText(e.What) }):
		return keyState{}, traces{}, b.fail(ctx, what, errFiltered)
	case ok:
		shown = pairs(out.Results)
	}
	switch {
	case ok && len(shown) == 0: // a transaction leaves out what the token may not read, without a word
		return keyState{}, traces{}, b.fail(ctx, what, errFiltered)
	case len(shown) == 0 || shown[0].Key != key:
		return keyState{}, traces{}, fmt.Errorf("consul: %s: a transaction that does not show it: %w", what, errForeign)
	}
	state := keyState{entry: shown[0], index: max(shown[0].ModifyIndex, 1)}
	if state.entry.ModifyIndex == 0 {
		state.entry = nil
	}
	return state, readTraces(key, own, shown), nil
}

// retrace writes the trace of a holding that has none: somebody else got it for the session.
func (s *session) retrace(ctx context.Context, entry *api.KVPair) error {
	what := "leave a trace beside key " + entry.Key
	_, verdict, err := s.backend.transact(ctx, what, unchanged(entry.Key, keyState{entry: entry}),
		&api.KVTxnOp{Verb: api.KVLock, Key: traceOf(entry.Key, s.id), Session: s.id})
	if err == nil && verdict != verdictDone {
		err = fmt.Errorf("consul: %s: %w", what, errRaces)
	}
	return err
}

// untrace takes back the trace of a holding that is over, as long as key is as it was read. What fails is tried again at the next look.
func (s *session) untrace(ctx context.Context, key string, state keyState) {
	_, verdict, err := s.backend.transact(ctx, "remove the trace beside key "+key, unchanged(key, state), &api.KVTxnOp{Verb: api.KVDelete, Key: traceOf(key, s.id)})
	if err == nil && verdict == verdictDone {
		s.trace(key, false)
	}
}

// sweepDead deletes what is left of dead sessions with kept keys. Of traces only a leader that resigns does so: that it led shows that none of theirs believes. Where that
// fails, the next one does.
func (b *backend) sweepDead(ctx context.Context, left []*api.KVPair) {
	if len(left) == 0 {
		return
	}
	const most = 60 // Consul takes 64 operations in one transaction
	var ops []*api.KVTxnOp
	for _, entry := range left[:min(len(left), most)] {
		ops = append(ops, &api.KVTxnOp{Verb: api.KVDeleteCAS, Key: entry.Key, Index: entry.ModifyIndex})
	}
	_, _, _ = b.transact(ctx, "remove what dead sessions left", ops...)
}
