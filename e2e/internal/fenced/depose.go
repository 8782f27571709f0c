package fenced

import (
	"context"
	"fmt"
	"time"

	"github.com/leadership-go/leadership/e2e/internal/fault"
)

const (
	// reign is the least time for which a leader writes before it is deposed; up to so much more is added by chance.
	reign = 150 * time.Millisecond
	// aftermath is for how long the late writes of a deposed leader are watched before its link is mended.
	aftermath = 150 * time.Millisecond
)

// depose deposes one leader after the other, in every way by turns, until the scenario's time is over.
func (e *election) depose(ctx context.Context, firstWay int) error {
	least := 1
	if e.Every {
		least = len(Ways())
	}
	until := time.Now().Add(e.For)
	for i := firstWay; time.Now().Before(until) || e.all.ways() < least; i++ {
		way := Ways()[i%len(Ways())]
		done, err := e.deposeOne(ctx, way)
		if err != nil {
			return fmt.Errorf("election %s: leader %s: %w", e.name, way, err)
		}
		if done {
			e.all.add(way)
		}
	}
	return nil
}

// deposeOne waits for a leader that has written, deposes it, and waits until a successor has written. It reports false where the leader was gone before
// anything could be done to it.
func (e *election) deposeOne(ctx context.Context, way Way) (bool, error) {
	leader, token, err := e.leader(ctx)
	if err != nil {
		return false, err
	}
	if !pause(ctx, reign+time.Duration(e.chance.Int64N(int64(reign)))) {
		return false, context.Cause(ctx)
	}
	defer leader.link.Heal(ctx)
	if err := e.apply(ctx, leader, token, way); err != nil {
		if ctx.Err() != nil {
			return false, err
		}
		return false, nil // the term ended by itself just then, as on a busy machine it may
	}
	for e.written.Load() <= token {
		if !pause(ctx, time.Millisecond) {
			return false, fmt.Errorf("no successor has written: %w", context.Cause(ctx))
		}
	}
	return pause(ctx, aftermath), nil
}

// leader waits for a leader that has written.
func (e *election) leader(ctx context.Context) (*candidate, uint64, error) {
	for {
		for _, c := range e.candidates {
			if token, leads := c.near.Leads(); leads && token == e.written.Load() {
				return c, token, nil
			}
		}
		if !pause(ctx, time.Millisecond) {
			return nil, 0, fmt.Errorf("no leader writes: %w", context.Cause(ctx))
		}
	}
}

// apply does to the leader what the way says.
func (e *election) apply(ctx context.Context, leader *candidate, token uint64, way Way) error {
	switch way {
	case Resigned:
		return leader.member.Resign(ctx)
	case KeyDeleted:
		return e.store.DeleteKey(ctx, e.config.Key())
	case SessionEnded:
		grant, err := leader.near.grants.Of(ctx, token)
		if err != nil {
			return err
		}
		return e.store.EndSession(ctx, grant.Session)
	case CutUpstream:
		return leader.link.Cut(fault.Upstream)
	case CutDown:
		return leader.link.Cut(fault.Downstream)
	case CutBoth:
		return leader.link.Cut(fault.Both)
	}
	return fmt.Errorf("no way %q", way)
}
