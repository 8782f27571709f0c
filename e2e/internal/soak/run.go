package soak

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"go.uber.org/goleak"

	"github.com/leadership-go/leadership/e2e/internal/crowd"
	"github.com/leadership-go/leadership/e2e/internal/fault"
	"github.com/leadership-go/leadership/e2e/internal/stores"
)

// Result is what a run showed.
type Result struct {
	// Options are those of the run, defaults filled in.
	Options
	// Names are the stores'.
	Names []string
	// Samples are all, the first one first.
	Samples []Sample
	// Seen is what the witness of each store saw.
	Seen []crowd.Testimony
	// Overflows is how many subscribers were too slow for their mailbox, and Refused how many calls of Close and Resign returned an error because the
	// store was out of reach, at each store.
	Overflows, Refused []int
	// Before and After are what the process used without members, at the beginning and in the end.
	Before, After crowd.Usage
	// Abandoned is how many goroutines the fault proxy itself had lost by the end. They are counted nowhere else.
	Abandoned int
	// Faults is how often each kind came, at all stores.
	Faults [kinds]int
}

// Run starts the stores, lets members live through faults, and looks in the end whether anything was left behind. It returns what it saw even with an error,
// which says what went wrong: two leaders, a stream against the grammar, nobody who leads after the faults, something left behind.
func Run(ctx context.Context, o Options, starters []stores.Starter) (*Result, error) {
	r := &Result{Options: o.withDefaults()}
	known := goleak.IgnoreCurrent()
	var err error
	if r.Before, err = crowd.Use(); err != nil {
		return r, err
	}
	running, err := start(ctx, r.Servers, starters)
	if err != nil {
		return r, err
	}
	for _, store := range running {
		r.Names = append(r.Names, store.Name())
	}
	err = errors.Join(r.run(ctx, running), end(running))
	return r, errors.Join(err, r.awaitBefore(ctx, known))
}

// start starts all stores at once.
func start(ctx context.Context, servers int, starters []stores.Starter) ([]stores.Store, error) {
	all, errs := make([]stores.Store, len(starters)), make([]error, len(starters))
	var starting sync.WaitGroup
	for i, starter := range starters {
		starting.Go(func() { all[i], errs[i] = starter.Start(ctx, stores.Options{Servers: servers, Persist: true}) })
	}
	starting.Wait()
	if err := errors.Join(errs...); err != nil {
		return nil, errors.Join(err, end(all))
	}
	return all, nil
}

func end(all []stores.Store) error {
	var errs []error
	for _, store := range all {
		if store != nil {
			errs = append(errs, store.Close())
		}
	}
	return errors.Join(errs...)
}

func (r *Result) run(ctx context.Context, running []stores.Store) (err error) {
	var sides []*side
	for n, store := range running {
		s, err := newSide(ctx, store, n, r.Options)
		if err != nil {
			for _, before := range sides {
				err = errors.Join(err, before.end(ctx))
			}
			return err
		}
		sides = append(sides, s)
	}
	err = r.disturb(ctx, sides)
	for _, s := range sides {
		err = errors.Join(err, s.awaitLeader(ctx))
	}
	var ending sync.WaitGroup
	errs := make([]error, len(sides))
	for i, s := range sides {
		ending.Go(func() { errs[i] = errors.Join(s.end(ctx), s.awaitEmpty(ctx)) })
	}
	ending.Wait()
	for _, s := range sides {
		r.Seen = append(r.Seen, s.witness.Testimony())
		r.Overflows = append(r.Overflows, int(s.overflow.Load()))
		r.Refused = append(r.Refused, int(s.refused.Load()))
		for k, n := range s.standing().Faults {
			r.Faults[k] += n
		}
	}
	return errors.Join(append(errs, err)...)
}

// disturb lets the faults happen at all stores at once, and takes samples meanwhile.
func (r *Result) disturb(ctx context.Context, sides []*side) error {
	faults, cancel := context.WithTimeout(ctx, r.For)
	defer cancel()
	var running sync.WaitGroup
	defer running.Wait()
	for _, s := range sides {
		running.Go(func() { s.disturb(faults) })
	}
	most := int(r.For/r.Every) + 1
	r.Samples = make([]Sample, 0, most) // all of it now, so that it is no growth
	standings := make([]Standing, 0, most*len(sides))
	began := time.Now()
	for sleep(faults, time.Until(began.Add(time.Duration(len(r.Samples)+1)*r.Every))) {
		sample := Sample{At: time.Since(began)}
		var err error
		if sample.Usage, _, err = use(); err != nil {
			cancel()
			return err
		}
		for _, s := range sides {
			standings = append(standings, s.standing())
		}
		sample.Stores = standings[len(standings)-len(sides):]
		r.Samples = append(r.Samples, sample)
	}
	return context.Cause(ctx) // else the time is over
}

// settlesWithin is how long connections that were closed may take to be gone.
const settlesWithin = 20 * time.Second

// awaitBefore waits, once the stores are closed, too, until no more goroutines and open files are there than before.
func (r *Result) awaitBefore(ctx context.Context, known goleak.Option) error {
	ctx, cancel := context.WithTimeout(ctx, settlesWithin)
	defer cancel()
	err := until(ctx, "something is left behind", func(context.Context) error {
		var err error
		if r.After, r.Abandoned, err = use(); err != nil {
			return err
		}
		if r.After.Goroutines > r.Before.Goroutines || r.After.Files > r.Before.Files {
			return fmt.Errorf("%d goroutines, %d open files; before %d and %d", r.After.Goroutines, r.After.Files, r.Before.Goroutines, r.Before.Files)
		}
		debug.FreeOSMemory()
		return nil
	})
	if err != nil {
		err = errors.Join(err, goleak.Find(append(fault.IgnoreAbandoned(), known)...))
	}
	return err
}
