package leadership

import (
	"context"
	"fmt"
	"slices"
)

// TransferTo resigns in favour of the instance serviceID: it is given the key before all who wait longer. Everything else is as with [Member.Resign].
// An instance that has a strategy goes by that, as whenever it comes to hold the key: where another candidate is to lead before it, it gives the key on to that one at once.
//
// It returns nil once the store says that the instance holds the key, which is right before it leads. It returns [ErrNotLeader] where this member does not lead, and
// [ErrNoCandidate] where no such instance stands, or somebody else's client stands before it, which can't be passed over: then the member leads on. Of several
// with that serviceID the one that came last is meant: those before it have crashed. Where the instance goes away at the last moment, the key
// is given to whoever waits, and [ErrNoCandidate] says so.
func (m *Member) TransferTo(ctx context.Context, serviceID string) error {
	if !m.IsLeader() {
		return fmt.Errorf("leadership: transfer to %s: %w", serviceID, ErrNotLeader)
	}
	heir, err := m.heir(ctx, serviceID)
	if err != nil {
		return fmt.Errorf("leadership: transfer to %s: %w", serviceID, err)
	}
	if err := m.giveUp(ctx, input{kind: inResign, heir: heir}); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, m.config.Session.TTL)
	defer cancel()
	seen, err := m.backend.Observe(ctx, m.key)
	switch {
	case err != nil:
		return fmt.Errorf("leadership: transfer to %s: %w", serviceID, err)
	case seen.Holder.Session != heir.SessionID:
		return fmt.Errorf("leadership: transfer to %s: %w any more: %s", serviceID, ErrNoCandidate, describe(seen.Holder))
	}
	return nil
}

// heir is the vote of serviceID, which waits.
func (m *Member) heir(ctx context.Context, serviceID string) (Vote, error) {
	ctx, cancel := context.WithTimeout(ctx, m.config.Session.TTL)
	defer cancel()
	candidates, err := m.backend.Candidates(ctx, m.key)
	if err != nil {
		return Vote{}, err
	}
	list, foreign := heirs(candidates, m.term.Load().session, m.config.ServiceID)
	is := func(c Candidate) bool { return c.ServiceID == serviceID }
	if i := slices.IndexFunc(list, is); i >= 0 {
		return m.voteOf(list[i]), nil
	}
	if foreign != "" && serviceID != m.config.ServiceID && serviceID != "" && slices.ContainsFunc(candidates, is) {
		return Vote{}, fmt.Errorf("%w that can be given the key: session %s, which is not a member's, stands before it", ErrNoCandidate, foreign)
	}
	return Vote{}, ErrNoCandidate
}
