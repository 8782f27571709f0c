package drill

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"time"

	"github.com/leadership-go/leadership/e2e/internal/fault"
	"github.com/leadership-go/leadership/e2e/internal/stores"
)

// befall does what the kind says to the election's leader or, now and then, among ours, to one that waits: unless it is
// something that goes by who holds the key.
func (e *election) befall(ctx context.Context, kind Kind, leader *seat) error {
	victim := leader
	if e.ours() && !kind.needsLeader() && e.rng.Float64() < 0.15 {
		victim = e.seats[(leader.index+1+e.rng.IntN(candidates-1))%candidates]
	}
	harm, ok := e.harms()[kind]
	if !ok {
		return fmt.Errorf("drill: %q befalls no candidate", kind)
	}
	f := Fault{Kind: kind, Life: victim.life, At: now()}
	if err := harm(ctx, victim); err != nil {
		return fmt.Errorf("%s: %s: %w", e.name, kind, err)
	}
	f.Healed = now()
	e.faults = append(e.faults, f)
	return sleep(ctx, e.between(0.2, 0.4)) // it may take a moment to show
}

// harms are what each kind of fault does to a candidate, and undoes.
func (e *election) harms() map[Kind]func(context.Context, *seat) error {
	past := func() time.Duration { return e.life() + e.lockDelay() + e.takeover + e.between(0.2, 0.7) } // a successor leads by then
	soon := func() time.Duration { return e.life() + e.takeover + e.between(0.2, 0.7) }                 // where the key is free at once
	cut := func(d fault.Direction) func(*fault.Link) error { return func(l *fault.Link) error { return l.Cut(d) } }
	deleteKey := func(ctx context.Context) error { return e.store.DeleteKey(ctx, e.key()) }
	nothing := func(context.Context) error { return nil }
	network := func(broken func(*fault.Link) error, then func(context.Context) error, hold func() time.Duration) func(context.Context, *seat) error {
		return func(ctx context.Context, s *seat) error {
			err := errors.Join(s.links.Each(broken), then(ctx), sleep(ctx, hold()))
			s.links.Heal(ctx)
			return err
		}
	}
	pause := func(then func(context.Context) error, hold func() time.Duration) func(context.Context, *seat) error {
		return func(ctx context.Context, s *seat) error {
			return errors.Join(s.proc.freeze(), then(ctx), sleep(ctx, hold()), s.proc.thaw())
		}
	}
	ttls := func(least, most float64) func() time.Duration {
		return func() time.Duration { return e.between(least, most) }
	}
	all := e.commands(past)
	maps.Copy(all, map[Kind]func(context.Context, *seat) error{
		HalfOpenUp:   network(cut(fault.Upstream), nothing, past),
		HalfOpenDown: network(cut(fault.Downstream), nothing, past),
		HalfOpenBoth: network(cut(fault.Both), nothing, past),
		LossUp:       network(func(l *fault.Link) error { return l.Lose(fault.Upstream, 0.5) }, nothing, past),
		Reset:        network((*fault.Link).Reset, nothing, ttls(0.2, 1.5)),
		Latency:      network(func(l *fault.Link) error { return l.Delay(e.between(0.1, 0.5)) }, nothing, ttls(1, 2)),
		Bandwidth:    network(func(l *fault.Link) error { return l.Throttle(1) }, nothing, ttls(1, 2)),
		PauseLong:    pause(nothing, past),
		PauseShort:   pause(nothing, ttls(0.1, 0.8)),
		Kill: func(ctx context.Context, s *seat) error {
			return errors.Join(s.proc.kill(), sleep(ctx, e.between(0, 1)), e.fill(s))
		},
		DeleteKey: func(ctx context.Context, _ *seat) error { return deleteKey(ctx) },
		Overwrite: func(ctx context.Context, _ *seat) error {
			_, err := e.store.Overwrite(ctx, e.key(), []byte("what an operator wrote"))
			return err
		},
		EndSession:    func(ctx context.Context, _ *seat) error { return e.endSession(ctx) },
		CutThenDelete: network(cut(fault.Both), deleteKey, soon),
		CutThenEnd:    network(cut(fault.Both), e.endSession, soon),
		PauseThenEnd:  pause(e.endSession, ttls(0.2, 0.8)),
	})
	return all
}

// endSession ends the session of who holds the key, as the store sees it.
func (e *election) endSession(ctx context.Context) error {
	session, err := e.session(ctx)
	if err != nil {
		return err
	}
	return e.store.EndSession(ctx, session)
}

// session is that of who holds the key.
func (e *election) session(ctx context.Context) (string, error) {
	if consul, ok := e.store.(*stores.Consul); ok {
		entry, _, err := consul.Client().KV().Get(e.key(), stores.Reading(ctx))
		if err != nil {
			return "", err
		}
		if entry == nil || entry.Session == "" {
			return "", fmt.Errorf("nobody holds %s", e.key())
		}
		return entry.Session, nil
	}
	keys, err := e.store.Keys(ctx, e.key())
	if err != nil {
		return "", err
	}
	if len(keys) == 0 {
		return "", fmt.Errorf("nobody holds %s", e.key())
	}
	return path.Base(keys[0]), nil
}
