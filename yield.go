package leadership

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
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
// Where it is not known whether the key was given, that may still happen, however late: the session is ended, so that nobody ever believes with it.
func (c *caller) campaign(ctx context.Context, r request, session Session) reply {
	out := c.stand(ctx, session)
	if out.err != nil || out.seen.Holder.Session != session.ID() || !c.mayYield(r) {
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
	began := c.yields()
	bounded, done := third(ctx)
	err = session.Transfer(bounded, c.member.key, sign, heir)
	done()
	switch {
	case err == nil:
		c.member.log.write("Gave the key on", slog.String(attrHolder, heir.SessionID))
		makeWay(ctx, min(4*(c.member.clock.now().mono-began), mostWay)) // who stands again takes its sign back, which the heir is about to read
		return c.stand(ctx, session)
	case errors.Is(err, ErrNoCandidate):
		c.member.log.write("Failed to give the key on", slog.Any(attrError, err))
		return c.stand(ctx, session)
	}
	c.discard(session, r.limit) //nolint:contextcheck // the session has to end whatever became of the request
	return reply{err: fmt.Errorf("leadership: %w: nobody knows whether the key was given to %s: %w", ErrSessionLost, heir.ServiceID, err)}
}

// stand stands for the key and reads it.
func (c *caller) stand(ctx context.Context, session Session) reply {
	seen, err := session.Campaign(ctx, c.member.key, c.member.vote(session.ID()).Encode())
	return reply{seen: seen, err: err}
}

// mayYield reports whether the member may give the key on when it comes to hold it: once in two TTLs, lest members that go by different strategies pass it round; and not
// with a session that was given, which could not be ended.
func (c *caller) mayYield(r request) bool {
	if c.member.strategy == nil || r.given {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.yielded == nil || c.member.clock.now().outlasted(c.yielded.after(2*c.member.rules.ttl))
}

// yields notes that the key is about to be given on.
func (c *caller) yields() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.yielded = new(c.member.clock.now())
	return c.yielded.mono
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
