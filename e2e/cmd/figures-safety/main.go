// Command figures-safety measures, on real servers and under real faults, what README says of safety. It prints lines of
// a name, a value and a unit, and tables, and exits non-zero when one falls short of a promise.
//
//	go run ./e2e/cmd/figures-safety -scenarios halfopen -runs 20 -ttl 10s
//	go run ./e2e/cmd/figures-safety -scenarios faults -seconds 300 -stores etcd
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
	"strings"
	"time"

	"github.com/leadership-go/leadership/e2e/internal/drill"
	"github.com/leadership-go/leadership/e2e/internal/fenced"
	"github.com/leadership-go/leadership/e2e/internal/figures"
	"github.com/leadership-go/leadership/e2e/internal/stores"
)

// settings are the flags.
type settings struct {
	runs      int
	ttl       time.Duration
	stores    []string
	scenarios []string

	length    time.Duration // of the drill
	drillTTL  time.Duration
	elections int
	peers     int
	seed      uint64

	fenced time.Duration
	soak   soakSettings

	out io.Writer // for what is no figure
}

// scenario measures one thing and prints it.
type scenario struct {
	name  string
	about string
	// store is what it needs of each store that run is called with, one after the other.
	store stores.Options
	run   func(ctx context.Context, store stores.Store, s settings, p *figures.Printer) error
	// all, in place of run, starts the stores by itself, all at once.
	all func(ctx context.Context, s settings, p *figures.Printer) error
}

func scenarios() []scenario {
	return []scenario{
		{name: "halfopen", about: "leaders on links that lose what they send", run: halfOpen},
		{
			name: "faults", about: "candidates as processes, under faults and orders of every kind, beside those of the stores' own clients",
			store: stores.Options{Servers: 3, Persist: true}, run: faults,
		},
		{name: "fenced", about: "writes through the fence, while leaders are deposed", run: fencedWrites},
		{name: "crowd", about: "a thousand candidates for one key", run: crowdScenario},
		{
			name: "soak", about: "memory and goroutines under random faults, at all stores at once",
			all: func(ctx context.Context, s settings, p *figures.Printer) error {
				return soakScenario(ctx, s.soak, s.stores, p)
			},
		},
	}
}

// fencedWrites has leaders write through the fence.
func fencedWrites(ctx context.Context, store stores.Store, s settings, p *figures.Printer) error {
	return fenced.Measure(ctx, store, s.fenced, p)
}

func main() {
	drill.Candidate() // the candidates of a drill are this program, too
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "figures-safety:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	s, err := parse(args, out)
	if err != nil {
		return err
	}
	p := figures.To(out)
	for _, sc := range scenarios() {
		if !slices.Contains(s.scenarios, sc.name) {
			continue
		}
		if err := measure(ctx, sc, s, p); err != nil {
			return errors.Join(fmt.Errorf("%s: %w", sc.name, err), p.Err())
		}
	}
	return p.Err()
}

func parse(args []string, out io.Writer) (settings, error) {
	s := settings{out: out}
	var storeNames, scenarioNames string
	var seconds int
	about := []string{"what to measure, separated by commas:"}
	var known []string
	for _, sc := range scenarios() {
		known = append(known, sc.name)
		about = append(about, sc.name+": "+sc.about)
	}
	flags := flag.NewFlagSet("figures-safety", flag.ContinueOnError)
	flags.StringVar(&scenarioNames, "scenarios", strings.Join(known, ","), strings.Join(about, "\n"))
	flags.StringVar(&storeNames, "stores", "etcd,consul", "the stores to measure")
	flags.IntVar(&s.runs, "runs", 20, "halfopen: how often it runs at each store, all at once")
	flags.DurationVar(&s.ttl, "ttl", 10*time.Second, "halfopen: session TTL, in whole seconds")
	flags.IntVar(&seconds, "seconds", 300, "faults: about how long they last at each store")
	flags.DurationVar(&s.drillTTL, "drill-ttl", 2*time.Second, "faults: session TTL, in whole seconds from 2 on")
	flags.IntVar(&s.elections, "elections", 10, "faults: how many elections of three candidates, all at once")
	flags.IntVar(&s.peers, "peers", 4, "faults: how many elections of the store's own client library beside them")
	flags.DurationVar(&s.fenced, "fenced", time.Minute, "fenced: how long it lasts at each store")
	s.soak.register(flags)
	flags.Uint64Var(&s.seed, "seed", 0, "faults: what their order comes from; 0 for any")
	if err := flags.Parse(args); err != nil {
		return s, err
	}
	s.length = time.Duration(seconds) * time.Second
	s.stores, s.scenarios = strings.Split(storeNames, ","), strings.Split(scenarioNames, ",")
	for _, name := range s.stores {
		if !slices.ContainsFunc(stores.All(), func(st stores.Starter) bool { return st.Name == name }) {
			return s, fmt.Errorf("no store %q", name)
		}
	}
	for _, name := range s.scenarios {
		if !slices.Contains(known, name) {
			return s, fmt.Errorf("no scenario %q: there are %s", name, strings.Join(known, ", "))
		}
	}
	if s.runs < 1 || s.ttl < time.Second || s.ttl%time.Second != 0 {
		return s, fmt.Errorf("-runs %d -ttl %v: must be at least 1, and whole seconds", s.runs, s.ttl)
	}
	if s.drillTTL < 2*time.Second || s.drillTTL%time.Second != 0 || s.elections < 1 || s.peers < 0 {
		return s, fmt.Errorf("-drill-ttl %v -elections %d -peers %d: must be whole seconds from 2 on, at least 1, and not negative",
			s.drillTTL, s.elections, s.peers)
	}
	return s, nil
}

// measure runs one scenario at all stores.
func measure(ctx context.Context, sc scenario, s settings, p *figures.Printer) error {
	if sc.all != nil {
		return sc.all(ctx, s, p)
	}
	for _, starter := range stores.All() {
		if !slices.Contains(s.stores, starter.Name) {
			continue
		}
		if err := measureAt(ctx, starter, sc, s, p); err != nil {
			return fmt.Errorf("%s: %w", starter.Name, err)
		}
	}
	return nil
}

// measureAt runs it on servers of its own.
func measureAt(ctx context.Context, starter stores.Starter, sc scenario, s settings, p *figures.Printer) (err error) {
	store, err := starter.Start(ctx, sc.store)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	return sc.run(ctx, store, s, p)
}
