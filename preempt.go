package leadership

import (
	"context"
	"log/slog"
	"time"
)

// watchBetter has the member, while it leads, look whether another candidate is to lead by the strategy. Where the same one has been for election.preempt, the member resigns
// in its favour. What fails is tried again. It ends with ctx.
func (m *Member) watchBetter(ctx context.Context) {
	wait := m.config.Election.Preempt
	ticker := time.NewTicker(m.config.Election.looks())
	defer ticker.Stop()
	var (
		better Vote          // who is to lead, as the last look showed
		since  time.Duration // from when, by the monotonic clock
		token  uint64        // of the term in which it was seen
	)
	for {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		t := m.term.Load()
		if t == nil || !t.valid() {
			better = Vote{}
			continue
		}
		began := m.clock.now().mono
		best, err := m.lookForBetter(ctx, t.session)
		switch {
		case err != nil:
			m.log.write("Failed to look for a better candidate", slog.Any(attrError, err))
		case best != better, t.token != token:
			better, since, token = best, m.clock.now().mono, t.token
		case best != (Vote{}) && began-since >= wait && t.work.Err() == nil: // else its work returns already, as somebody has had it resign
			m.log.write("Makes way", slog.String(attrHolder, best.SessionID), slog.Uint64(attrTerm, t.token))
			better = Vote{}
			select {
			case m.inputs <- input{kind: inResign, heir: best}:
			case <-ctx.Done():
				return
			}
		}
	}
}

// looks is how often a leader looks.
func (c ElectionConfig) looks() time.Duration { return min(c.Preempt/2, c.Frequency) }

// lookForBetter is one look, which may take as long as one request.
func (m *Member) lookForBetter(ctx context.Context, own string) (Vote, error) {
	ctx, cancel := context.WithTimeout(ctx, m.config.Session.attempt())
	defer cancel()
	return m.choose(ctx, own, true)
}
