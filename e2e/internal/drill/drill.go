package drill

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/e2e/internal/contender"
	"github.com/leadership-go/leadership/e2e/internal/fenced"
	"github.com/leadership-go/leadership/e2e/internal/stores"
)

// Options set up a drill.
type Options struct {
	// TTL is the sessions', whole seconds and at least 2 s: etcd's least.
	TTL time.Duration
	// Elections is how many elections of our candidates there are, Peers how many of the store's own client library. Every other one of
	// ours has a takeover delay of one TTL; at Consul every third one, and the next one's sessions have a check.
	// In the second half of ours candidates go by a strategy, which gives each its rank by chance.
	Elections, Peers int
	// Seed decides on the schedule.
	Seed uint64
	// Kinds are what befalls candidates, as far as it suits them. Default: [CandidateKinds], [OrderKinds] and [CheckKinds].
	Kinds []Kind
	// Rest is how long nothing happens at first.
	Rest time.Duration
	// Rounds is how often candidates suffer for Round, and then the servers what Servers lists.
	Rounds  int
	Round   time.Duration
	Servers []Kind
}

// life is how long the store keeps a session that is renewed no more, with what it takes the store to notice.
func life(store string, ttl time.Duration) time.Duration {
	if store == "etcd" {
		return ttl + time.Second // it looks twice a second
	}
	return 2*ttl + 200*time.Millisecond
}

// drill is one that runs.
type drill struct {
	Options
	store     stores.Store
	dir       string
	elections []*election
	servers   []Fault
}

func (d *drill) life() time.Duration { return life(d.store.Name(), d.TTL) }

// Leaderless is the bound of recovery while the store is well: the old session's life at the store, one TTL in which a successor may have to wait
// for an earlier holder, the longest back-off, an attempt, and what the machine may take. A lock-delay of one TTL is over when that wait is: both begin
// when the session ends.
func (d *drill) Leaderless() time.Duration { return d.life() + d.TTL + 5*time.Second }

// outage is what a store needs to be itself again: it elects a leader, which gives each session another life.
func (d *drill) outage() time.Duration { return d.life() + 5*time.Second }

// Result is what a drill gave.
type Result struct {
	Options
	Store     string
	Elections []Election
	// Servers are the faults that befell the store.
	Servers []Fault
	// First and Last are what our processes took before the faults and after them.
	First, Last []Footprint
}

// Election is what one election gave.
type Election struct {
	Name  string
	Kind  string // of contender
	Rules Rules
	// Delayed says that there is a takeover delay.
	Delayed bool
	History History
	// Writes is what the fenced writes of our candidates show.
	Writes fenced.Report
	// Purged is how often stuck candidates had to be replaced: 0 for ours.
	Purged int
}

// Footprint is what one process takes.
type Footprint struct {
	Goroutines, FDs int
	RSS             int64
}

// Run runs a drill on a cluster of three servers. The caller's program or test has called [Candidate].
func Run(ctx context.Context, store stores.Store, o Options) (r Result, err error) {
	dir, err := os.MkdirTemp("", "drill-")
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if o.Kinds == nil {
		o.Kinds = slices.Concat(CandidateKinds(), OrderKinds(), CheckKinds())
	}
	d := &drill{Options: o, store: store, dir: dir}
	defer func() {
		err = errors.Join(err, d.each((*election).close))
	}()
	if err := d.start(ctx); err != nil {
		return r, err
	}
	r = Result{Options: o, Store: store.Name()}
	err = d.run(ctx, &r)
	for _, e := range d.elections {
		if e.ended == 0 {
			e.ended = now()
		}
		found := Election{Name: e.name, Kind: e.kind, Rules: d.rules(e), Delayed: e.takeover > 0, History: e.history(), Purged: e.purged}
		if err == nil && e.ours() {
			found.Writes, err = e.written(ctx)
		}
		r.Elections = append(r.Elections, found)
	}
	r.Servers = d.servers
	return r, err
}

func (d *drill) rules(e *election) Rules {
	r := Rules{
		TTL: d.TTL, Leaderless: d.Leaderless(), Outage: d.outage(), HandsOver: e.takeover == 0 && !e.checked(),
		Drain: d.TTL / 3, ProbeEvery: probeEvery(d.TTL),
	}
	if e.checked() {
		r.Crash = contender.LookEvery + d.TTL + 2*time.Second
	}
	return r
}

// start starts all elections.
func (d *drill) start(ctx context.Context) error {
	for i := range d.Elections + d.Peers {
		e := &election{drill: d, name: fmt.Sprintf("ours-%d", i), kind: contender.Leadership, rng: rand.New(rand.NewPCG(d.Seed, uint64(i)))}
		sorts := 2
		if d.store.Name() == "consul" {
			sorts = 3
		}
		switch {
		case i >= d.Elections:
			e.kind, e.name = contender.Peer(d.store.Name()), fmt.Sprintf("peer-%d", i-d.Elections)
		case i%sorts == 1:
			e.takeover = d.TTL
		case i%sorts == 2:
			e.kind, e.name = contender.LeadershipChecked, fmt.Sprintf("checked-%d", i)
		}
		if 2*i >= d.Elections {
			e.strategy = leadership.StrategyRandom // the other libraries' have none
		}
		if _, err := contender.Of(e.kind); err != nil {
			return err
		}
		d.elections = append(d.elections, e)
		if err := e.start(ctx); err != nil {
			return err
		}
	}
	return nil
}

// each does the same with all elections at once.
func (d *drill) each(do func(*election) error) error {
	errs := make([]error, len(d.elections))
	var running sync.WaitGroup
	for i, e := range d.elections {
		running.Go(func() { errs[i] = do(e) })
	}
	running.Wait()
	return errors.Join(errs...)
}

// settle waits until all elections have settled; for those of other libraries only for a while.
func (d *drill) settle(ctx context.Context) error {
	until := now().Add(d.outage())
	return d.each(func(e *election) error {
		_, err := e.settle(ctx, until)
		return err
	})
}

func (d *drill) run(ctx context.Context, r *Result) error {
	if err := d.settle(ctx); err != nil {
		return err
	}
	if err := sleep(ctx, d.Rest); err != nil {
		return err
	}
	var err error
	if r.First, err = d.footprints(); err != nil {
		return err
	}
	rng := rand.New(rand.NewPCG(d.Seed, 1<<32))
	for range d.Rounds {
		until := now().Add(d.Round)
		if err := d.each(func(e *election) error { return e.suffer(ctx, until) }); err != nil {
			return err
		}
		for _, kind := range d.Servers {
			if err := d.breakServers(ctx, kind, rng); err != nil {
				return err
			}
		}
	}
	if err := d.settle(ctx); err != nil {
		return err
	}
	if err := sleep(ctx, d.TTL); err != nil {
		return err
	}
	if r.Last, err = d.footprints(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 2*closeWithin)
	defer cancel()
	return d.each(func(e *election) error { return e.leave(ctx) })
}

// footprints are those of our candidates.
func (d *drill) footprints() ([]Footprint, error) {
	var all []Footprint
	for _, e := range d.elections {
		if !e.ours() {
			continue
		}
		for _, s := range e.seats {
			f, err := s.proc.footprint()
			if err != nil {
				return nil, err
			}
			all = append(all, f)
		}
	}
	return all, nil
}
