// Command figures-stream measures what README says of the stream, next to samber/ro, rxgo, plain channels and bare functions, all on the same
// work and in one run. It prints lines of a name, a value and a unit, and exits non-zero when one falls short of a promise.
//
//	go run ./e2e/cmd/figures-stream
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"time"

	"github.com/leadership-go/leadership/e2e/internal/figures"
	"github.com/leadership-go/leadership/e2e/internal/streams"
)

// rounds is how often each contender has its turn. Its best one counts: what else runs on the machine only makes it slower.
type rounds struct {
	pipeline, fanOut, slow int
}

func main() {
	err := run(os.Args[1:], os.Stdout)
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "figures-stream:", err)
		os.Exit(1)
	}
}

func run(args []string, out io.Writer) error {
	var n int
	flags := flag.NewFlagSet("figures-stream", flag.ContinueOnError)
	flags.IntVar(&n, "rounds", 20, "how often each contender has its turn at a pipeline; fewer at what takes longer")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if n < 1 {
		return fmt.Errorf("-rounds %d: must be at least 1", n)
	}
	r := &report{Printer: figures.To(out), out: out, rounds: rounds{pipeline: n, fanOut: (n + 3) / 4, slow: (n + 6) / 7}}
	promised := limits{overBare: 3, ro: 5, rxgo: 30, allocations: 0.0005} // the last one prints as 0.000 or 0.001
	for _, measure := range []func(*report) error{
		func(r *report) error { return pipelines(r, "int", streams.Numbers(values), promised) },
		func(r *report) error { return pipelines(r, "record", streams.Records(values), promised) },
		fanOuts,
		slowOnes,
		idleOnes,
	} {
		if err := measure(r); err != nil {
			return err
		}
	}
	return errors.Join(r.Err(), r.failure)
}

// report prints figures that are not whole.
type report struct {
	*figures.Printer
	rounds  rounds
	out     io.Writer
	failure error // of out
}

func (r *report) number(name string, value float64, digits int, unit string) {
	_, err := fmt.Fprintln(r.out, name, strconv.FormatFloat(value, 'f', digits, 64), unit)
	r.failure = errors.Join(r.failure, err)
}

// atLeast prints how many times ours is as good as theirs, and notes a shortfall. A limit of 0 is none.
func (r *report) atLeast(name string, ratio, limit float64) {
	r.number(name, ratio, 2, "times")
	r.Require(ratio >= limit, "%s is %.2f, the least is %v", name, ratio, limit)
}

// atMost prints a figure and notes when it is over the limit.
func (r *report) atMost(name string, value float64, digits int, unit string, limit float64) {
	r.number(name, value, digits, unit)
	r.Require(value <= limit, "%s is %.*f %s, the most is %v", name, digits, value, unit, limit)
}

// best keeps the shortest of durations, by name.
type best map[string]time.Duration

func (b best) add(name string, d time.Duration) {
	if old, ok := b[name]; !ok || d < old {
		b[name] = d
	}
}

// ratio is how many times as long as ours theirs took.
func (b best) ratio(theirs string) float64 { return float64(b[theirs]) / float64(b[streams.Ours]) }

// fresh leaves no garbage of one contender to the next.
func fresh() { runtime.GC() }
