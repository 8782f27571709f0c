package leadership

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"
)

// This file is what a member with a strategy does when it comes to hold the key: it looks whether another candidate is to lead, and gives the key on, before it has believed.

// doubted are the sessions that step would doubt if the key turned out to be the member's own now.
func (s state) doubted() []string {
	var all []string
	for _, d := range s.doubts {
		all = append(all, d.session)
	}
	if last := s.seen.Holder.Session; s.observed && last != "" {
		all = append(all, last)
	}
	return slices.DeleteFunc(all, func(session string) bool { return session == s.session || session == s.former })
}

// campaign stands for the key. Where the key turns out to be the session's own, and another candidate is to lead by the strategy, it gives the key to that one, stands again,
// and reports what the key shows then. What goes wrong before anything was given leaves the key where it is.
//
// Where it is not known whether the key was given, that may still happen, however late, so that nobody may ever believe with this holding. An own session is ended. One that was
// given, or that others stand with, too, lives on: it gives the key back first, which leaves nothing that could still be given.
func (c *caller) campaign(ctx context.Context, r request, session Session) reply {
	out := c.stand(ctx, session)
	if out.err != nil || out.seen.Holder.Session != session.ID() {
		return out
	}
	yields := &c.member.yields
	if yields.doubts(out.seen.Holder.Token) {
		if err := session.Resign(ctx, c.member.key, nil); err != nil {
			return reply{err: fmt.Errorf("leadership: a key that may have been given on: %w", err)}
		}
		return c.stand(ctx, session)
	}
	if c.member.strategy == nil || !yields.may(c.member.clock.now(), 2*c.member.rules.ttl) {
		return out
	}
	heir, sign, err := c.successor(ctx, r, session, out.seen)
	if err != nil {
		c.member.log.write("Failed to look for a better candidate", slog.Any(attrError, err))
		return out
	}
	if heir == (Vote{}) {
		return out
	}
	began := c.member.clock.now()
	yields.begin(began)
	bounded, done := third(ctx)
	err = session.Transfer(bounded, c.member.key, sign, heir)
	done()
	switch {
	case err == nil:
		c.member.log.write("Gave the key on", slog.String(attrHolder, heir.SessionID))
		makeWay(ctx, min(4*(c.member.clock.now().mono-began.mono), mostWay)) // who stands again takes its sign back, which the heir is about to read
		return c.stand(ctx, session)
	case errors.Is(err, ErrNoCandidate):
		c.member.log.write("Failed to give the key on", slog.Any(attrError, err))
		return c.stand(ctx, session)
	}
	err = fmt.Errorf("nobody knows whether the key was given to %s: %w", heir.ServiceID, err)
	if r.given {
		yields.doubt(out.seen.Holder.Token)
		return reply{err: fmt.Errorf("leadership: %w", err)}
	}
	c.discard(session, r.limit) //nolint:contextcheck // the session has to end whatever became of the request
	return reply{err: fmt.Errorf("leadership: %w: %w", ErrSessionLost, err)}
}

// stand stands for the key and reads it.
func (c *caller) stand(ctx context.Context, session Session) reply {
	seen, err := session.Campaign(ctx, c.member.key, c.member.vote(session.ID()).Encode())
	return reply{seen: seen, err: err}
}

// yielding is what a member remembers of the holdings that it gave on at a claim.
type yielding struct {
	mu       sync.Mutex
	last     *instant // when it did so the last time; nil: never
	doubtful uint64   // the token of a holding of which nobody knows whether it was given on; 0: there is none
}

// may reports whether the member may give the key on: once in that time, lest members that go by different strategies pass it round.
func (y *yielding) may(now instant, once time.Duration) bool {
	y.mu.Lock()
	defer y.mu.Unlock()
	return y.last == nil || now.outlasted(y.last.after(once))
}

// begin notes that the key is about to be given on.
func (y *yielding) begin(now instant) {
	y.mu.Lock()
	defer y.mu.Unlock()
	y.last = &now
}

// doubt notes that the holding with that token may have been given on.
func (y *yielding) doubt(token uint64) {
	y.mu.Lock()
	defer y.mu.Unlock()
	y.doubtful = token
}

// doubts reports whether that holding may have been given on.
func (y *yielding) doubts(token uint64) bool {
	y.mu.Lock()
	defer y.mu.Unlock()
	return y.doubtful != 0 && y.doubtful == token
}

// third bounds what may not cost more than a third of the time that is left.
func third(ctx context.Context) (context.Context, context.CancelFunc) {
	until, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, time.Until(until)/3)
}

// successor is who is to lead instead of the session that holds the key, the zero Vote for nobody, and the sign to give the key on with: nil where somebody
// may still believe in an earlier term.
func (c *caller) successor(ctx context.Context, r request, session Session, seen Observation) (Vote, []byte, error) {
	ctx, done := third(ctx)
	defer done()
	heir, err := c.member.choose(ctx, session.ID(), true)
	if err != nil || heir == (Vote{}) || !c.undoubted(ctx, r, session, seen) {
		return heir, nil, err
	}
	return heir, c.member.vote("").Encode(), nil
}

// undoubted reports whether nobody can believe in an earlier term: as the store shows it, or because all who might are gone. It is what step would wait for.
func (c *caller) undoubted(ctx context.Context, r request, session Session, seen Observation) bool {
	doubted := seen.Earlier
	if !seen.Resigned {
		if c.member.rules.takeover > 0 {
			return false
		}
		doubted = append(slices.Clip(doubted), r.doubted...)
	}
	return !slices.ContainsFunc(doubted, func(earlier string) bool {
		if earlier == session.ID() {
			return false
		}
		left, err := c.member.backend.Lifetime(ctx, earlier)
		return err != nil || left > 0
	})
}

// discard ends a session that nobody goes on with. It repeats that as long as the store may keep the session.
func (c *caller) discard(session Session, limit time.Duration) {
	keep := time.Now().Add(c.member.rules.keep)
	c.running.Go(func() {
		for {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(c.ctx), limit) // once, even if the member is closed meanwhile
			err := session.Close(ctx)
			cancel()
			if err == nil || errors.Is(err, ErrSessionLost) || c.ctx.Err() != nil || !time.Now().Before(keep) {
				return
			}
			c.member.log.write("Failed to end session "+session.ID(), slog.Any(attrError, err))
			rest(c.ctx, lastPause)
			if c.ctx.Err() != nil {
				return
			}
		}
	})
}
