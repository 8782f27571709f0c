// Command figures-election measures, on real servers and beside the stores' own clients in one run, what README says of elections: how long one is
// without a leader, and what candidates cost. It prints lines of a name, a value and a unit, and exits non-zero when one falls short of a promise.
//
//	go run ./e2e/cmd/figures-election
//	go run ./e2e/cmd/figures-election -parts handover,rolling -stores etcd
//	go run ./e2e/cmd/figures-election -parts idle,footprint,herd
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/leadership-go/leadership/e2e/internal/figures"
	"github.com/leadership-go/leadership/e2e/internal/handover"
	"github.com/leadership-go/leadership/e2e/internal/herd"
	"github.com/leadership-go/leadership/e2e/internal/stores"
)

// settings are the flags.
type settings struct {
	parts  []string
	stores []stores.Starter

	handover handover.Options
	crashes  int
	restarts int

	idle       time.Duration
	candidates int
	herd       herd.Options
	waiters    int
	services   int
}

// part measures one thing at all stores, and prints it.
type part struct {
	name, about string
	run         func(ctx context.Context, s settings, r *report) error
}

func parts() []part {
	return []part{
		{"handover", "leaders that resign", eachStore(resignations)},
		{"rolling", "members that are restarted one after the other", eachStore(rolling)},
		{"crash", "leaders that are killed", crashes},
		{"idle", "requests while nothing happens", idling},
		{"footprint", "memory and goroutines of candidates that wait", eachStore(footprints)},
		{"group", "a group of thousands of elections", eachStore(groups)},
		{"herd", "requests of many candidates when a leader resigns", eachStore(herds)},
	}
}

func main() {
	handover.Candidate() // what is killed and restarted is this program, too
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "figures-election:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	s, err := parse(args)
	if err != nil {
		return err
	}
	r := &report{Printer: figures.To(out), out: out}
	for _, p := range parts() {
		if !slices.Contains(s.parts, p.name) {
			continue
		}
		if err := p.run(ctx, s, r); err != nil {
			return errors.Join(fmt.Errorf("%s: %w", p.name, err), r.Err())
		}
	}
	return errors.Join(r.Err(), r.failure)
}

func parse(args []string) (settings, error) {
	var s settings
	var partNames, storeNames string
	about := []string{"what to measure, separated by commas:"}
	var known, all []string
	for _, p := range parts() {
		known = append(known, p.name)
		about = append(about, p.name+": "+p.about)
	}
	for _, starter := range stores.All() {
		all = append(all, starter.Name)
	}
	flags := flag.NewFlagSet("figures-election", flag.ContinueOnError)
	flags.StringVar(&partNames, "parts", strings.Join(known, ","), strings.Join(about, "\n"))
	flags.StringVar(&storeNames, "stores", strings.Join(all, ","), "the stores to measure")
	flags.IntVar(&s.handover.Rounds, "rounds", 100, "handover: how often the leader of each election resigns")
	flags.IntVar(&s.handover.Elections, "elections", 20, "handover: how many elections there are of each kind")
	flags.IntVar(&s.crashes, "crashes", 8, "crash: how many leaders of each kind are killed, all side by side")
	flags.IntVar(&s.restarts, "restarts", 10, "rolling: how often the leader is restarted")
	flags.DurationVar(&s.idle, "idle", 2*time.Minute, "idle: for how long requests are counted, at least 10s")
	flags.IntVar(&s.candidates, "candidates", 200, "footprint: how many candidates of each kind wait")
	flags.IntVar(&s.services, "services", 10_000, "group: in how many elections the largest group stands; the other one stands in a tenth of them")
	flags.IntVar(&s.waiters, "waiters", 100, "herd: how many candidates wait in the largest election")
	flags.IntVar(&s.herd.Handovers, "handovers", 10, "herd: how often the leader of each election resigns")
	if err := flags.Parse(args); err != nil {
		return s, err
	}
	s.parts = strings.Split(partNames, ",")
	for _, name := range s.parts {
		if !slices.Contains(known, name) {
			return s, fmt.Errorf("no part %q: there are %s", name, strings.Join(known, ", "))
		}
	}
	for name := range strings.SplitSeq(storeNames, ",") {
		i := slices.Index(all, name)
		if i < 0 {
			return s, fmt.Errorf("no store %q: there are %s", name, strings.Join(all, ", "))
		}
		s.stores = append(s.stores, stores.All()[i])
	}
	for name, n := range map[string]int{
		"rounds": s.handover.Rounds, "elections": s.handover.Elections, "crashes": s.crashes, "restarts": s.restarts,
		"candidates": s.candidates, "waiters": s.waiters, "services": s.services, "handovers": s.herd.Handovers,
	} {
		if n < 1 {
			return s, fmt.Errorf("-%s %d: must be at least 1", name, n)
		}
	}
	if s.idle < idleTTL {
		return s, fmt.Errorf("-idle %v: must be at least %v", s.idle, idleTTL)
	}
	return s, nil
}

// servers is how many there are of each store.
const servers = 3

// eachStore runs a measurement at one store after the other, on servers of its own, so that nothing else runs meanwhile.
func eachStore(measure func(ctx context.Context, store stores.Store, s settings, r *report) error) func(context.Context, settings, *report) error {
	return func(ctx context.Context, s settings, r *report) error {
		for _, starter := range s.stores {
			if err := atStore(ctx, starter, func(store stores.Store) error { return measure(ctx, store, s, r) }); err != nil {
				return fmt.Errorf("%s: %w", starter.Name, err)
			}
		}
		return nil
	}
}

// sideBySide measures at all stores at once, where most of the time nothing happens, and returns what it finds in their order.
func sideBySide[T any](ctx context.Context, s settings, measure func(ctx context.Context, store stores.Store) (T, error)) ([]T, error) {
	found := make([]T, len(s.stores))
	errs := make([]error, len(s.stores))
	var all sync.WaitGroup
	for i, starter := range s.stores {
		all.Go(func() {
			err := atStore(ctx, starter, func(store stores.Store) (err error) {
				found[i], err = measure(ctx, store)
				return err
			})
			if err != nil {
				errs[i] = fmt.Errorf("%s: %w", starter.Name, err)
			}
		})
	}
	all.Wait()
	return found, errors.Join(errs...)
}

func atStore(ctx context.Context, starter stores.Starter, do func(stores.Store) error) (err error) {
	store, err := starter.Start(ctx, stores.Options{Servers: servers})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	return do(store)
}

// report prints figures that are not whole.
type report struct {
	*figures.Printer
	out     io.Writer
	failure error // of out
}

// noMore prints how long ours takes, measured by theirs, with the interval in which chance leaves that. It notes when all of it lies above the limit: then ours
// takes longer, and it is not just that the machine did other things at times.
func (r *report) noMore(name string, ratio figures.Ratio, limit float64) {
	for _, line := range []struct {
		name  string
		value float64
	}{{name, ratio.Value}, {name + ".low", ratio.Low}, {name + ".high", ratio.High}} {
		r.atMost(line.name, line.value, 0)
	}
	r.Require(ratio.Low <= limit, "%s is %.3f, between %.3f and %.3f: the most is %v", name, ratio.Value, ratio.Low, ratio.High, limit)
}

// atMost prints how long ours takes, measured by theirs, and notes when it is more than the limit. A limit of 0 is none.
func (r *report) atMost(name string, ratio, limit float64) {
	r.number(name, ratio, 3, "times")
	r.Require(limit == 0 || ratio <= limit, "%s is %.3f, the most is %v", name, ratio, limit)
}

// number prints one with so many decimals.
func (r *report) number(name string, n float64, decimals int, unit string) {
	_, err := fmt.Fprintln(r.out, name, strconv.FormatFloat(n, 'f', decimals, 64), unit)
	r.failure = errors.Join(r.failure, err)
}
