package crowd

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/leadership-go/leadership/e2e/internal/fault"
	"github.com/leadership-go/leadership/e2e/internal/figures"
	"github.com/leadership-go/leadership/e2e/internal/stores"
)

// Result is what a crowd showed.
type Result struct {
	// Options are those of the run, defaults filled in.
	Options
	// Ready is how long it took until all members were there and knew who leads.
	Ready time.Duration
	// Errors is how many error messages the members had by the end, and First the first of them.
	Errors int
	First  error
	// Idle is what the store was asked while nothing happened, in IdleFor. Processor is what this process used of a processor meanwhile, and
	// Servers what its children did, which are the store's servers where nothing else runs.
	Idle               Requests
	IdleFor            time.Duration
	Processor, Servers time.Duration
	// Before and With are what this process used without members, and with all of them.
	Before, With Usage
	// Relegation is from the cut of the leader's link to the end of its belief, and Recovery to its successor's beginning.
	Relegation, Recovery time.Duration
	// Closes and Resigns are how long each handover took, from the call to the successor's beginning.
	Closes, Resigns figures.Durations
	// Asked is what the store was asked in the chain of handovers, which took Took with all rests.
	Asked Requests
	Took  time.Duration
	// Settled is how long it took after each successor's beginning until the store was asked no more than usual.
	Settled figures.Durations
	// Refused is how many calls of Close and Resign, of those who handed over, returned an error.
	Refused int
	// Spontaneous is how many terms began in the chain without a handover.
	Spontaneous int
	// InLine is how many of the chain's successors were the ones that had waited longest, where the store keeps a line (etcd).
	InLine int
	// Seen is what the witness saw.
	Seen Testimony
}

// Run has a crowd stand for one key: it comes, idles, has its leader cut off, hands the key over many times, and goes. It returns what it saw even
// with an error.
func Run(ctx context.Context, store stores.Store, o Options) (r *Result, err error) {
	r = &Result{Options: o.withDefaults()}
	if _, err := store.Sessions(ctx); err != nil { // its connections were there before
		return r, err
	}
	if r.Before, err = Use(); err != nil {
		return r, err
	}
	a := newAssembly(store, r.config("crowd"))
	err = r.run(ctx, a)
	err = errors.Join(err, a.end(ctx))
	r.Errors, r.First = a.hall.complaints()
	r.Seen = a.witness.Testimony()
	if r.Alone {
		err = errors.Join(err, awaitUsage(ctx, r.Before))
	}
	return r, err
}

func (r *Result) run(ctx context.Context, a *assembly) error {
	link, err := fault.NewLink(a.store.Addrs()[0])
	if err != nil {
		return err
	}
	defer link.Close()
	if err := a.enter(ctx, link.Addr()); err != nil {
		return err
	}
	first, err := a.leader(ctx)
	if err != nil {
		return err
	}
	began := time.Now()
	if err := a.fill(ctx, r.Members, r.AtOnce); err != nil {
		return err
	}
	r.Ready = time.Since(began)
	sleep(ctx, 2*time.Second) // what came with them goes by
	if err := r.idle(ctx, a); err != nil {
		return err
	}
	if err := r.cutOff(ctx, a, link, first); err != nil {
		return err
	}
	return r.chain(ctx, a)
}

// idle counts what the store is asked while nothing happens.
func (r *Result) idle(ctx context.Context, a *assembly) (err error) {
	if r.With, err = Use(); err != nil {
		return err
	}
	before, err := a.door.count(ctx)
	if err != nil {
		return err
	}
	own, servers, err := processorTime()
	if err != nil {
		return err
	}
	began := time.Now()
	sleep(ctx, r.Options.Idle)
	r.IdleFor = time.Since(began)
	ownAfter, serversAfter, err := processorTime()
	if err != nil {
		return err
	}
	r.Processor, r.Servers = ownAfter-own, serversAfter-servers
	after, err := a.door.count(ctx)
	r.Idle = after.Since(before)
	return err
}

// cutOff cuts the leader off and waits for its end, and for its successor.
func (r *Result) cutOff(ctx context.Context, a *assembly, link *fault.Link, first turn) error {
	cut := a.members[first.member]
	n := len(a.hall.all())
	term := cut.Term()
	if !term.Valid() || term.Token() != first.term {
		return fmt.Errorf("crowd: the first leader has lost its term %d by itself", first.term)
	}
	began := time.Now()
	if err := link.Cut(fault.Both); err != nil {
		return err
	}
	select {
	case <-term.Context().Done():
		r.Relegation = time.Since(began)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	next, err := a.hall.awaitTurn(ctx, n)
	if err != nil {
		return err
	}
	r.Recovery = next.at.Sub(began)
	link.Close()
	a.closed[first.member] = true
	_ = cut.Close() // it can't reach the store: its session has ended there
	a.witness.Remove(cut)
	return nil
}

// chain hands the key over, again and again.
func (r *Result) chain(ctx context.Context, a *assembly) error {
	if _, err := a.settle(ctx, r.IdleRate()*float64(r.Members)); err != nil {
		return err
	}
	line, err := a.line(ctx)
	if err != nil {
		return err
	}
	before, err := a.door.count(ctx)
	if err != nil {
		return err
	}
	began, terms := time.Now(), len(a.hall.all())
	for i := range r.Chain {
		resign := i%2 == 1
		from, to, told, err := a.handOver(ctx, resign)
		if err != nil {
			return fmt.Errorf("handover %d: %w", i, err)
		}
		if a.refused != nil {
			r.Refused++
		}
		if to.term <= from.term {
			return fmt.Errorf("handover %d: token %d follows %d", i, to.term, from.term)
		}
		if resign {
			r.Resigns = append(r.Resigns, to.at.Sub(told))
		} else {
			r.Closes = append(r.Closes, to.at.Sub(told))
		}
		if i+1 < len(line) && to.session == line[i+1] {
			r.InLine++
		}
		settled, err := a.settle(ctx, r.IdleRate()*float64(r.Members))
		if err != nil {
			return err
		}
		r.Settled = append(r.Settled, settled.Sub(to.at))
		sleep(ctx, r.Rest)
	}
	r.Took = time.Since(began)
	r.Spontaneous = len(a.hall.all()) - terms - r.Chain
	after, err := a.door.count(ctx)
	r.Asked = after.Since(before)
	return err
}

// settleEvery is how long the store's requests are counted at a time until they are back at the usual rate.
const settleEvery = 250 * time.Millisecond

// settlesAtMost is how long settle waits: a store that is too busy for a crowd may never settle.
const settlesAtMost = 30 * time.Second

// settle waits until the store is asked at the usual rate: members that came together ask together, so up to three times that is usual. It returns the
// beginning of the first time in which that was so.
func (a *assembly) settle(ctx context.Context, rate float64) (time.Time, error) {
	usual := 3*rate*settleEvery.Seconds() + 10
	for start := time.Now(); ; {
		began := time.Now()
		before, err := a.door.count(ctx)
		if err != nil {
			return began, err
		}
		if !sleep(ctx, settleEvery) {
			return began, fmt.Errorf("crowd: the store does not settle: %w", context.Cause(ctx))
		}
		after, err := a.door.count(ctx)
		if err != nil || float64(after.Total()-before.Total()) <= usual || time.Since(start) > settlesAtMost {
			return began, err
		}
	}
}

// line is the sessions in the order in which they wait, the leader's first, where the store keeps it.
func (a *assembly) line(ctx context.Context) ([]string, error) {
	if a.store.Name() != "etcd" {
		return nil, nil
	}
	keys, err := a.store.Keys(ctx, a.config.Key())
	if err != nil {
		return nil, err
	}
	for i, key := range keys {
		keys[i] = key[strings.LastIndexByte(key, '/')+1:]
	}
	return slices.Clip(keys), nil
}

// IdleRate is how many requests one member makes in a second while nothing happens.
func (r *Result) IdleRate() float64 {
	return float64(r.Idle.Total()) / r.IdleFor.Seconds() / float64(r.Members)
}

// PerHandover is how many requests of all members one handover takes, beyond what they make anyhow.
func (r *Result) PerHandover() float64 {
	anyhow := r.IdleRate() * float64(r.Members) * r.Took.Seconds()
	return (float64(r.Asked.Total()) - anyhow) / float64(r.Chain)
}

// settlesWithin is how long connections that were closed may take to be gone.
const settlesWithin = 20 * time.Second

// awaitUsage waits until no more goroutines and open files are there than before.
func awaitUsage(ctx context.Context, before Usage) error {
	ctx, cancel := context.WithTimeout(ctx, settlesWithin)
	defer cancel()
	for {
		now, err := Use()
		if err != nil {
			return err
		}
		if now.Goroutines <= before.Goroutines && now.Files <= before.Files {
			debug.FreeOSMemory()
			return nil
		}
		if !sleep(ctx, 50*time.Millisecond) {
			return fmt.Errorf("crowd: %d goroutines and %d open files are left, before there were %d and %d",
				now.Goroutines, now.Files, before.Goroutines, before.Files)
		}
	}
}
