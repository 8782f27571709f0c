package leadership

import (
	"context"
	"log/slog"
	"time"
)

// rival is what a member that leads knows of a candidate that is to lead instead, by the strategy. Only one goroutine uses it.
type rival struct {
	vote  Vote          // the zero Vote: there is none
	since time.Duration // when it was first seen, by the monotonic clock
	token uint64        // of the term in which it was
}

// look reads who stands, and returns whom the member is to make way for: who has been better for election.preempt; the zero Vote for nobody. What fails is told, and tried again at the
// next look.
func (r *rival) look(ctx context.Context, m *Member) (heir Vote, err error) {
	t := m.term.Load()
	if !t.goesOn() {
		r.vote = Vote{}
		return Vote{}, nil
	}
	began := m.clock.now().mono
	best, err := m.lookForBetter(ctx, t.session)
	switch {
	case err != nil:
		m.log.write("Failed to look for a better candidate", slog.Any(attrError, err))
		return Vote{}, err
	case best != r.vote, t.token != r.token:
		r.vote, r.since, r.token = best, m.clock.now().mono, t.token
	case best != (Vote{}) && began-r.since >= m.config.Election.Preempt && t.work.Err() == nil:
		m.log.write("Makes way", slog.String(attrHolder, best.SessionID), slog.Uint64(attrTerm, t.token))
		r.vote = Vote{}
		return best, nil
	}
	return Vote{}, nil
}

// goesOn reports whether the term holds, and is not about to be given up.
func (t *term) goesOn() bool { return t != nil && t.valid() && t.work.Err() == nil }

// preempts reports whether the member makes way for better candidates.
func (m *Member) preempts() bool { return m.strategy != nil && m.config.Election.Preempt > 0 }

// watchBetter has the member look again and again, and resign in favour of who is better. It ends with ctx.
func (m *Member) watchBetter(ctx context.Context) {
	var better rival
	every(ctx, m.config.Election.looks(), func() {
		if heir, _ := better.look(ctx, m); heir != (Vote{}) {
			m.becomes(input{kind: inResign, heir: heir, again: true})
		}
	})
}

// every calls f that often, until ctx ends.
func every(ctx context.Context, d time.Duration, f func()) {
	ticker := time.NewTicker(d)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			f()
		case <-ctx.Done():
			return
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
