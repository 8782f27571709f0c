package leadership

import (
	"context"
	"fmt"
)

// TransferTo resigns in favour of the instance serviceID: it is given the key before all who wait longer. Everything else is as with [Member.Resign].
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
	own := m.term.Load().session
	var heir, foreign string
	for _, c := range candidates {
		switch {
		case c.Session == own:
		case c.ServiceID == "" && foreign == "":
			foreign = c.Session
		case c.ServiceID == serviceID && serviceID != "" && serviceID != m.config.ServiceID:
			heir = c.Session // of several, the one that came last: those before it are of processes that crashed
			if foreign != "" {
				return Vote{}, fmt.Errorf("%w that can be given the key: session %s, which is not a member's, stands before it", ErrNoCandidate, foreign)
			}
		}
	}
	if heir != "" {
		return Vote{SessionID: heir, ServiceName: m.config.ServiceName, ServiceID: serviceID}, nil
	}
	return Vote{}, ErrNoCandidate
}
