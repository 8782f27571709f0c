package consul

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/consul/api"

	"github.com/leadership-go/leadership"
)

// nameOf is what the names of an election's sessions begin with, by which its candidates are found: Consul knows of no line. The key
// is quoted, so that no key and instance read as those of another election.
func nameOf(key string) string { return fmt.Sprintf("leadership %q ", key) }

// Candidates lists the holder, and whose session's name says that it stands for key. Who opened its session under another name is found only
// when it holds the key.
func (b *backend) Candidates(ctx context.Context, key string) ([]leadership.Candidate, error) {
	seen, err := b.Observe(ctx, key)
	if err != nil {
		return nil, err
	}
	entries, err := b.listSessions(ctx)
	if err != nil {
		return nil, err
	}
	// Of an instance that crashed and was started again the dead session comes first.
	slices.SortFunc(entries, func(a, b *api.SessionEntry) int { return cmp.Compare(a.CreateIndex, b.CreateIndex) })
	var holder, others []leadership.Candidate
	if seen.Holder.Session != "" {
		vote, _ := leadership.ParseVote(seen.Holder.Value) // whoever holds it
		holder = append(holder, leadership.Candidate{Session: seen.Holder.Session, ServiceID: vote.ServiceID})
	}
	for _, entry := range entries {
		if id, ok := strings.CutPrefix(entry.Name, nameOf(key)); ok && entry.ID != seen.Holder.Session {
			others = append(others, leadership.Candidate{Session: entry.ID, ServiceID: id})
		}
	}
	return append(holder, others...), nil
}

// listSessions reads all sessions of the datacenter.
func (b *backend) listSessions(ctx context.Context) ([]*api.SessionEntry, error) {
	const what = "list sessions"
	ctx, cancel := bound(ctx, requestTimeout)
	defer cancel()
	q := b.reading(ctx)
	q.RequireConsistent = true
	entries, meta, err := b.client.Session().List(q)
	switch {
	case err != nil:
		return nil, b.fail(ctx, what, err)
	case meta.ResultsFilteredByACLs:
		return nil, b.fail(ctx, what, errFiltered)
	case slices.Contains(entries, nil):
		return nil, fmt.Errorf("consul: %s: null entry: %w", what, errForeign)
	case meta.LastIndex == 0 || !meta.KnownLeader:
		return nil, fmt.Errorf("consul: %s: answer without the index of a cluster that has a leader: %w", what, errForeign)
	}
	return entries, nil
}

// flagGiven marks, as the flags of a key, a holding that the one before gave away by itself: nobody can still believe in an earlier one. A session
// that takes the key by itself writes 0.
const flagGiven uint64 = 0x6c656164_67697665

// Transfer releases the key and has the heir's session hold it, in one transaction: whoever else waits sees only the new holder.
func (s *session) Transfer(ctx context.Context, key string, vote []byte, heir leadership.Vote) error {
	if err := checkKey(key); err != nil {
		return err
	}
	what := "transfer key " + key + " to session " + heir.SessionID
	if heir.SessionID == s.id || !isSessionID(heir.SessionID) {
		return fmt.Errorf("consul: %s: %w", what, leadership.ErrNoCandidate)
	}
	var flags uint64
	if len(vote) > 0 {
		flags = flagGiven
	}
	_, verdict, err := s.release(ctx, what, key, s.backend.holding(place{s.id, key}), vote,
		&api.KVTxnOp{Verb: api.KVLock, Key: traceOf(key, heir.SessionID), Session: heir.SessionID},
		&api.KVTxnOp{Verb: api.KVLock, Key: key, Session: heir.SessionID, Value: heir.Encode(), Flags: flags})
	switch {
	case errors.Is(err, leadership.ErrSessionLost): // the heir's: nothing asks whether the own one lives
		return fmt.Errorf("consul: %s: %w: %v", what, leadership.ErrNoCandidate, err) //nolint:errorlint // it must not look lost
	case err != nil:
		return err
	case verdict != verdictDone:
		return fmt.Errorf("consul: %s: %w: this session does not hold the key", what, leadership.ErrNoCandidate)
	}
	s.backend.forget(place{s.id, key})
	return nil
}
