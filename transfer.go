package leadership

import (
	"context"
	"fmt"
)

// TransferTo resigns in favour of the instance serviceID: it is given the key before all who wait longer. Everything else is as with [Member.Resign].
//
// It returns nil once the store says that the instance holds the key, which is right before it leads. It returns [ErrNotLeader] where this member does not lead, and
// [ErrNoCandidate] where no such instance stands, or it can't be given the key: then the member leads on. Where the instance goes away at the last moment, the key
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
	for _, c := range candidates {
		if c.ServiceID == serviceID && c.Session != own {
			return Vote{SessionID: c.Session, ServiceName: m.config.ServiceName, ServiceID: serviceID}, nil
		}
	}
	return Vote{}, ErrNoCandidate
}
