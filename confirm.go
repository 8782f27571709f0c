package leadership

import (
	"context"
	"fmt"
)

// Confirm asks the store whether the current term still stands, and returns nil if it does: at some instant during the call the key
// was held by this member's session under the term's token, by a linearizable read, and the term still held when the answer came. It blocks
// until the store answers, ctx ends or the term is over.
//
// It is for what must not be done on a belief that is one renewal old, where no fencing token can guard it. What is done after Confirm has returned is
// not covered by its answer.
//
// It returns [ErrNotLeader] if the member does not lead, [ErrKeyLost] if the store shows the key not ours (the member then relegates as
// soon as it has read that itself), and the store's error, or the cause of ctx, if there was no answer. None but
// the first two says that another member leads.
func (m *Member) Confirm(ctx context.Context) error {
	t := m.Term()
	if !t.Valid() {
		return ErrNotLeader
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stop := context.AfterFunc(t.t.ctx, func() { cancel(context.Cause(t.t.ctx)) }) //nolint:contextcheck // the end of the term ends the call, too
	defer stop()
	seen, err := m.backend.Observe(ctx, m.key)
	switch {
	case err != nil:
		return fmt.Errorf("leadership: confirm term %d: %w", t.Token(), err)
	case seen.Holder.Session != t.t.session || seen.Holder.Token != t.Token():
		m.doubted()
		return fmt.Errorf("%w: %s", ErrKeyLost, describe(seen.Holder))
	case !t.Valid():
		return fmt.Errorf("%w: %w", ErrNotLeader, context.Cause(t.t.ctx)) //nolint:contextcheck // why the term is over
	}
	return nil
}

// doubted has the loop read the key.
func (m *Member) doubted() { m.becomes(input{kind: inDoubt}) }
