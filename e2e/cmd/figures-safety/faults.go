package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/leadership-go/leadership/e2e/internal/drill"
	"github.com/leadership-go/leadership/e2e/internal/figures"
	"github.com/leadership-go/leadership/e2e/internal/stores"
)

// serverFault is about how long one fault of the store takes, with what follows until all elections have settled.
const serverFault = 8 * time.Second

// faults has elections of ours, and of the store's own client library beside them, go through a drill.
func faults(ctx context.Context, store stores.Store, s settings, p *figures.Printer) error {
	seed := s.seed
	if seed == 0 {
		seed = uint64(rand.Uint32())
	}
	o := drill.Options{
		TTL: s.drillTTL, Elections: s.elections, Peers: s.peers, Seed: seed,
		Rest: s.length / 30, Rounds: 1, Servers: drill.ServerKinds(),
	}
	if s.length >= 4*time.Minute {
		o.Rounds = 2
	}
	servers := time.Duration(len(o.Servers)) * serverFault
	o.Round = max(s.length-s.length/10, 0)/time.Duration(o.Rounds) - servers
	if o.Round < serverFault {
		return fmt.Errorf("-seconds %v: the faults of servers alone take %v", s.length.Seconds(), servers)
	}
	ctx, cancel := context.WithTimeout(ctx, 2*s.length+2*time.Minute)
	defer cancel()
	r, err := drill.Run(ctx, store, o)
	if len(r.Elections) == 0 {
		return err
	}
	r.Print(p)
	return errors.Join(err, r.Table(s.out))
}
