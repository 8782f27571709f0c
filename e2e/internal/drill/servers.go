package drill

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

// breakServers has a fault befall the store, and with it all elections, which are at rest otherwise.
func (d *drill) breakServers(ctx context.Context, kind Kind, rng *rand.Rand) error {
	leader, _, err := d.store.AwayFromLeader(ctx)
	if err != nil {
		return err
	}
	servers := len(d.store.Addrs())
	victim := leader
	if kind == NodeKill || kind == NodePause {
		victim = (leader + 1 + rng.IntN(servers-1)) % servers
	}
	hold := time.Duration((1 + rng.Float64()) * float64(d.TTL))
	other := (victim + 1) % servers
	down := func() error { return errors.Join(d.store.Kill(victim), sleep(ctx, hold), d.store.Restart(ctx, victim)) }
	hung := func() error { return errors.Join(d.store.Pause(victim), sleep(ctx, hold), d.store.Resume(victim)) }
	harm, ok := map[Kind]func() error{
		NodeKill: down, StoreLeadKill: down, NodePause: hung, StoreLeadPause: hung,
		Quorum: func() error { return errors.Join(d.store.Kill(other), down(), d.store.Restart(ctx, other)) },
	}[kind]
	if !ok {
		return fmt.Errorf("drill: %q befalls no server", kind)
	}
	f := Fault{Kind: kind, Life: -1, At: now()}
	err = harm()
	if err != nil {
		return fmt.Errorf("%s: %w", kind, err)
	}
	f.Healed = now()
	for _, e := range d.elections {
		e.faults = append(e.faults, f)
	}
	d.servers = append(d.servers, f)
	if err := sleep(ctx, d.TTL/2); err != nil {
		return err
	}
	return d.settle(ctx)
}
