package consul

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/hashicorp/consul/api"

	"github.com/leadership-go/leadership"
)

// nameOf is what the names of an election's sessions begin with, for those who look at a list of sessions.
func nameOf(key string) string { return fmt.Sprintf("leadership %q ", key) }

// Candidates lists the holder, and who published that it waits, the oldest first. Of an instance that crashed and was started again the dead session comes first.
func (b *backend) Candidates(ctx context.Context, key string) ([]leadership.Candidate, error) {
	seen, err := b.Observe(ctx, key)
	if err != nil {
		return nil, err
	}
	list, _, err := b.listCandidacies(ctx, key)
	if err != nil {
		return nil, err
	}
	var holder []leadership.Candidate
	if id := seen.Holder.Session; id != "" {
		vote, _ := leadership.ParseVote(seen.Holder.Value) // whoever holds it
		holder = append(holder, leadership.Candidate{Session: id, ServiceID: vote.ServiceID})
		if i := slices.IndexFunc(list, func(c leadership.Candidate) bool { return c.Session == id }); i >= 0 {
			holder[0].Profile = list[i].Profile
			list = slices.Delete(list, i, i+1)
		}
	}
	return append(holder, list...), nil
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
	return s.unpublish(ctx, key)
}
