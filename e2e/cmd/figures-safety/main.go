// Command figures-safety measures, on real servers and under real faults, what README says of safety. It prints lines of
// a name, a value and a unit, and exits non-zero when one falls short of a promise.
//
//	go run ./e2e/cmd/figures-safety -runs 20 -ttl 10s
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

	"github.com/leadership-go/leadership/e2e/internal/figures"
	"github.com/leadership-go/leadership/e2e/internal/stores"
)

// settings are the flags.
type settings struct {
	runs   int
	ttl    time.Duration
	stores []string
}

// scenario measures one thing at one store and prints it.
type scenario func(ctx context.Context, store stores.Store, s settings, p *figures.Printer) error

func scenarios() []scenario { return []scenario{halfOpen} }

func main() {
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
	s, err := parse(args)
	if err != nil {
		return err
	}
	p := figures.To(out)
	for _, starter := range stores.All() {
		if !slices.Contains(s.stores, starter.Name) {
			continue
		}
		if err := measure(ctx, starter, s, p); err != nil {
			return fmt.Errorf("%s: %w", starter.Name, err)
		}
	}
	return p.Err()
}

func parse(args []string) (settings, error) {
	var s settings
	var names string
	flags := flag.NewFlagSet("figures-safety", flag.ContinueOnError)
	flags.IntVar(&s.runs, "runs", 20, "how often each scenario runs at each store, all at once")
	flags.DurationVar(&s.ttl, "ttl", 10*time.Second, "session TTL, in whole seconds")
	flags.StringVar(&names, "stores", "etcd,consul", "the stores to measure")
	if err := flags.Parse(args); err != nil {
		return s, err
	}
	s.stores = strings.Split(names, ",")
	for _, name := range s.stores {
		if !slices.ContainsFunc(stores.All(), func(st stores.Starter) bool { return st.Name == name }) {
			return s, fmt.Errorf("no store %q", name)
		}
	}
	if s.runs < 1 || s.ttl < time.Second || s.ttl%time.Second != 0 {
		return s, fmt.Errorf("-runs %d -ttl %v: must be at least 1, and whole seconds", s.runs, s.ttl)
	}
	return s, nil
}

// measure runs all scenarios at one store.
func measure(ctx context.Context, starter stores.Starter, s settings, p *figures.Printer) (err error) {
	store, err := starter.Start(ctx, stores.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	for _, scenario := range scenarios() {
		if err := scenario(ctx, store, s, p); err != nil {
			return err
		}
	}
	return nil
}
