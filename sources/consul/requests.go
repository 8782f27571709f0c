package consul

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/leadership-go/leadership"
)

// keyState is what a read of one key showed.
type keyState struct {
	entry *api.KVPair // nil when there is no such key
	index uint64      // what a blocking query goes on from, at least 1
}

func (b *backend) reading(ctx context.Context) *api.QueryOptions {
	q := &api.QueryOptions{Namespace: b.namespace, Partition: b.partition, Datacenter: b.datacenter, Token: b.credentials.current()}
	return q.WithContext(ctx)
}

func (b *backend) writing(ctx context.Context) *api.WriteOptions {
	q := &api.WriteOptions{Namespace: b.namespace, Partition: b.partition, Datacenter: b.datacenter, Token: b.credentials.current()}
	return q.WithContext(ctx)
}

// readKey is a linearizable read.
func (b *backend) readKey(ctx context.Context, key string) (keyState, error) {
	what := "read key " + key
	if err := checkKey(key); err != nil {
		return keyState{}, err
	}
	ctx, cancel := bound(ctx, requestTimeout)
	defer cancel()
	q := b.reading(ctx)
	q.RequireConsistent = true
	return b.get(ctx, what, key, q)
}

// awaitKey is a blocking query: it returns when the key has changed since index, or after wait. An index of 0 returns at once.
// It is no linearizable read: it tells when to look, not what is there.
func (b *backend) awaitKey(ctx context.Context, key string, index uint64, wait time.Duration) (keyState, error) {
	ctx, cancel := bound(ctx, wait+wait/16+watchGrace)
	defer cancel()
	q := b.reading(ctx)
	q.WaitIndex, q.WaitTime = index, wait
	return b.get(ctx, "watch key "+key, key, q)
}

func (b *backend) get(ctx context.Context, what, key string, q *api.QueryOptions) (keyState, error) {
	entry, meta, err := b.client.KV().Get(key, q)
	switch {
	case err != nil:
		return keyState{}, b.fail(ctx, what, err)
	case meta.ResultsFilteredByACLs:
		return keyState{}, b.fail(ctx, what, errFiltered)
	case entry == nil && (meta.LastIndex == 0 || !meta.KnownLeader):
		// Any web server answers 404. Nobody leads only where Consul says so.
		return keyState{}, fmt.Errorf("consul: %s: 404 without the index of a cluster that has a leader: %w", what, errForeign)
	case entry != nil && entry.Key != key:
		return keyState{}, fmt.Errorf("consul: %s: got key %.100q: %w", what, entry.Key, errForeign)
	}
	return keyState{entry: entry, index: max(meta.LastIndex, 1)}, nil
}

// list is a linearizable read of all keys that begin with prefix.
func (b *backend) list(ctx context.Context, what, prefix string) ([]*api.KVPair, error) {
	ctx, cancel := bound(ctx, requestTimeout)
	defer cancel()
	q := b.reading(ctx)
	q.RequireConsistent = true
	entries, meta, err := b.client.KV().List(prefix, q)
	switch {
	case err != nil:
		return nil, b.fail(ctx, what, err)
	case meta.ResultsFilteredByACLs:
		return nil, b.fail(ctx, what, errFiltered)
	case slices.Contains(entries, nil):
		return nil, fmt.Errorf("consul: %s: null entry: %w", what, errForeign)
	case len(entries) == 0 && (meta.LastIndex == 0 || !meta.KnownLeader):
		return nil, fmt.Errorf("consul: %s: 404 without the index of a cluster that has a leader: %w", what, errForeign)
	}
	return entries, nil
}

// sessionRequest is the body that makes a session. NodeChecks is always sent: without it Consul takes serfHealth.
type sessionRequest struct {
	Name          string `json:",omitempty"`
	Node          string `json:",omitempty"`
	TTL           string
	Behavior      string
	LockDelay     string
	NodeChecks    []string
	ServiceChecks []api.ServiceCheck `json:",omitempty"`
}

func (b *backend) createSession(ctx context.Context, ttl time.Duration) (id string, err error) {
	ctx, cancel := bound(ctx, requestTimeout)
	defer cancel()
	in := sessionRequest{
		Name:          b.sessionName,
		Node:          b.node,
		TTL:           b.storedTTL(ttl).String(),
		Behavior:      b.behavior,
		LockDelay:     fmt.Sprintf("%dms", b.delay(ttl).Milliseconds()),
		NodeChecks:    append([]string{}, b.nodeChecks...),
		ServiceChecks: b.serviceChecks,
	}
	if b.check != nil {
		in.ServiceChecks = append(slices.Clone(in.ServiceChecks), api.ServiceCheck{ID: b.check.id(), Namespace: b.namespace})
	}
	if in.Name == "" {
		in.Name = "leadership"
	}
	var out struct{ ID string }
	if _, err := b.client.Raw().Write("/v1/session/create", in, &out, b.writing(ctx)); err != nil {
		return "", b.fail(ctx, "create session", err)
	}
	if !isSessionID(out.ID) {
		return "", fmt.Errorf("consul: create session: got id %.100q: %w", out.ID, errForeign)
	}
	return out.ID, nil
}

// renewSession extends a session and returns it as the store has it.
func (b *backend) renewSession(ctx context.Context, id string) (*api.SessionEntry, error) {
	what := "renew session " + id
	if !isSessionID(id) {
		return nil, fmt.Errorf("consul: renew session %q: %w (Consul's session ids are UUIDs)", id, leadership.ErrSessionLost)
	}
	request, cancel := bound(ctx, requestTimeout)
	defer cancel()
	var entries []*api.SessionEntry
	_, err := b.client.Raw().Write("/v1/session/renew/"+id, nil, &entries, b.writing(request))
	if err == nil && (len(entries) != 1 || entries[0] == nil || entries[0].ID != id) {
		return nil, fmt.Errorf("consul: %s: answer shows another session or none: %w", what, errForeign)
	}
	if err == nil {
		return entries[0], nil
	}
	if !hasStatus(err, http.StatusNotFound) {
		return nil, b.fail(request, what, err)
	}
	// Any web server answers 404, and to believe that would cost a term: the session is lost when a read agrees.
	entry, infoErr := b.sessionInfo(ctx, id, true)
	switch {
	case infoErr != nil:
		return nil, fmt.Errorf("consul: %s: %w (%w)", what, infoErr, err)
	case entry != nil:
		return nil, fmt.Errorf("consul: %s: the session lives, but: %w", what, err)
	}
	return nil, fmt.Errorf("consul: %s: %w (%w)", what, leadership.ErrSessionLost, err)
}

// sessionInfo reads a session, which is nil when the store does not know it.
func (b *backend) sessionInfo(ctx context.Context, id string, linearizable bool) (*api.SessionEntry, error) {
	if !isSessionID(id) {
		return nil, nil
	}
	what := "read session " + id
	entry, meta, err := b.info(ctx, what, id, linearizable)
	if err != nil || entry != nil {
		return entry, err
	}
	// Consul hides what the token may not read, and says so in a header, except to requests without any token. Under a policy
	// that denies by default, those must show that they can read sessions at all: at one of ours.
	own := b.own()
	if meta.DefaultACLPolicy != "deny" || b.credentials.current() != "" || own == id {
		return nil, nil
	}
	if own != "" {
		if proof, _, err := b.info(ctx, what, own, linearizable); err != nil || proof != nil {
			return nil, err
		}
	}
	return nil, b.fail(ctx, what, fmt.Errorf("without a token there is no telling a hidden session from none: %w", errFiltered))
}

func (b *backend) info(ctx context.Context, what, id string, linearizable bool) (*api.SessionEntry, *api.QueryMeta, error) {
	ctx, cancel := bound(ctx, requestTimeout)
	defer cancel()
	q := b.reading(ctx)
	q.RequireConsistent = linearizable
	entry, meta, err := b.client.Session().Info(id, q)
	switch {
	case err != nil:
		return nil, nil, b.fail(ctx, what, err)
	case entry == nil && meta.ResultsFilteredByACLs:
		return nil, nil, b.fail(ctx, what, errFiltered)
	case entry == nil && (meta.LastIndex == 0 || !meta.KnownLeader):
		return nil, nil, fmt.Errorf("consul: %s: empty answer without the index of a cluster that has a leader: %w", what, errForeign)
	case entry != nil && entry.ID != id:
		return nil, nil, fmt.Errorf("consul: %s: got session %.100q: %w", what, entry.ID, errForeign)
	}
	return entry, meta, nil
}

func (b *backend) destroySession(ctx context.Context, id string) error {
	ctx, cancel := bound(ctx, requestTimeout)
	defer cancel()
	if _, err := b.client.Session().Destroy(id, b.writing(ctx)); err != nil {
		return b.fail(ctx, "destroy session "+id, err)
	}
	return nil
}

// transact runs ops, guards first and the one that matters last, together or not at all, and returns what they showed. Where the last one takes or releases a key, that is the
// last of these. A rollback is no error but a verdict; an error goes with verdictUnknown, and may hide a transaction that took effect.
func (b *backend) transact(ctx context.Context, what string, ops ...*api.KVTxnOp) ([]*api.KVPair, verdict, error) {
	ctx, cancel := bound(ctx, requestTimeout)
	defer cancel()
	body := make(api.TxnOps, len(ops))
	guards := 0
	for i, op := range ops {
		body[i] = &api.TxnOp{KV: op}
		if op.Verb == api.KVCheckIndex || op.Verb == api.KVCheckNotExists || op.Verb == api.KVCheckSession {
			guards = i + 1
		}
	}
	var out api.TxnResponse
	_, err := b.client.Raw().Write("/v1/txn", body, &out, b.writing(ctx))
	if status, ok := errors.AsType[api.StatusError](err); ok && status.Code == http.StatusConflict {
		switch v := judge(status, guards); v {
		case verdictDenied:
			b.credentials.refused()
			return nil, verdictUnknown, fmt.Errorf("consul: %s: %w (%w)", what, leadership.ErrDenied, err)
		case verdictLost:
			return nil, verdictUnknown, fmt.Errorf("consul: %s: %w (%w)", what, leadership.ErrSessionLost, err)
		case verdictUnknown:
			return nil, verdictUnknown, b.fail(ctx, what, err)
		case verdictDone, verdictMoved, verdictNotHeld, verdictDelayed:
			return nil, v, nil
		}
	}
	if err != nil {
		return nil, verdictUnknown, b.fail(ctx, what, err)
	}
	shown := pairs(out.Results)
	last := ops[len(ops)-1]
	if last.Verb == api.KVDelete || last.Verb == api.KVDeleteCAS {
		return shown, verdictDone, nil
	}
	if n := len(shown); n == 0 || shown[n-1].Key != last.Key || shown[n-1].ModifyIndex == 0 {
		return nil, verdictUnknown, fmt.Errorf("consul: %s: no result for %s %s: %w", what, last.Verb, last.Key, errForeign)
	}
	return shown, verdictDone, nil
}

// pairs are the keys that a transaction showed. Some of its operations have no result of their own.
func pairs(results api.TxnResults) []*api.KVPair {
	var shown []*api.KVPair
	for _, r := range results {
		if r != nil && r.KV != nil {
			shown = append(shown, r.KV)
		}
	}
	return shown
}

// isSessionID says whether id has the form of Consul's session ids. Others come from votes that somebody else wrote,
// and must not get into the path of a request.
func isSessionID(id string) bool {
	if len(id) != 36 || id[8] != '-' || id[13] != '-' || id[18] != '-' || id[23] != '-' {
		return false
	}
	digits := strings.ReplaceAll(id, "-", "")
	_, err := hex.DecodeString(digits)
	return err == nil && len(digits) == 32
}

// deleteKey deletes key if its ModifyIndex still is index.
func (b *backend) deleteKey(ctx context.Context, what, key string, index uint64) error {
	ctx, cancel := bound(ctx, requestTimeout)
	defer cancel()
	if _, _, err := b.client.KV().DeleteCAS(&api.KVPair{Key: key, ModifyIndex: index}, b.writing(ctx)); err != nil {
		return b.fail(ctx, what+" "+key, err)
	}
	return nil
}
