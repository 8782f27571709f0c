package simulation

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Runner plays a plan in a fresh bubble.
type Runner func(Plan) (Report, error)

// Exploration says which plans to play.
type Exploration struct {
	Package, Test string // to name the command that replays a plan
	First, Seeds  uint64
	Keep          string // of the plan of First: the places of the faults to keep, "0,3,5"; "" keeps all, "-" none
	Tries         int    // how often a plan is played when it is replayed or shrunk
	Log           func(format string, args ...any)
}

// Explore plays the plans of all seeds until one fails, which it shrinks. The error then holds the command that replays it.
func (e Exploration) Explore(draw func(seed uint64) Plan, run Runner) (Report, error) {
	var total Report
	began, told := time.Now(), time.Now()
	for seed := e.First; seed < e.First+e.Seeds; seed++ {
		plan, tries := draw(seed), 1
		if e.Keep != "" {
			places, err := parseKeep(e.Keep)
			if err != nil {
				return total, err
			}
			plan = plan.Keep(places)
		}
		if e.Seeds == 1 {
			tries = e.Tries
		}
		for range tries {
			report, err := run(plan)
			total.Add(report)
			if err == nil {
				continue
			}
			if e.Keep != "" {
				return total, fmt.Errorf("%w\n%v", err, plan)
			}
			kept, err := e.shrink(plan, err, run)
			return total, fmt.Errorf("seed %d fails: %w\n%v\nreplay: go test %s -run '^%s$' -simulation.seed=%d -simulation.keep=%s",
				seed, err, plan.Keep(kept), e.Package, e.Test, seed, formatKeep(kept))
		}
		if e.Log != nil && time.Since(told) > 10*time.Second {
			told = time.Now()
			e.Log("%s", total.String(time.Since(began)))
		}
	}
	return total, nil
}

// shrink takes faults away while the plan still fails. It returns the places that stay, and how the plan fails with them.
func (e Exploration) shrink(plan Plan, why error, run Runner) ([]int, error) {
	kept := make([]int, len(plan.Faults))
	for i := range kept {
		kept[i] = i
	}
	fails := func(places []int) bool {
		for range max(e.Tries, 1) {
			if _, err := run(plan.Keep(places)); err != nil {
				why = err
				return true
			}
		}
		return false
	}
	for size := max(len(kept)/2, 1); ; size /= 2 {
		for at := 0; at < len(kept); {
			fewer := slices.Delete(slices.Clone(kept), at, min(at+size, len(kept)))
			if fails(fewer) {
				kept = fewer
			} else {
				at += size
			}
		}
		if size <= 1 {
			return kept, why
		}
	}
}

func parseKeep(text string) ([]int, error) {
	var places []int
	if text == "-" {
		return nil, nil
	}
	for part := range strings.SplitSeq(text, ",") {
		n, err := strconv.Atoi(part)
		if err != nil {
			return nil, fmt.Errorf("simulation: faults to keep: %w", err)
		}
		places = append(places, n)
	}
	return places, nil
}

func formatKeep(places []int) string {
	if len(places) == 0 {
		return "-"
	}
	out := make([]string, len(places))
	for i, n := range places {
		out[i] = strconv.Itoa(n)
	}
	return strings.Join(out, ",")
}

// String prints the figures of runs that took that long.
func (r Report) String(took time.Duration) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d plans in %v (%.1f/s), %v of virtual time: %d requests, %d messages to %d late subscribers and to the first ones, %d terms, %d looks; recovery in %v at most",
		r.Runs, took.Round(time.Millisecond), float64(r.Runs)/took.Seconds(), r.Virtual.Round(time.Second),
		r.Requests, r.Messages, r.Late, r.Terms, r.Looks, r.Slowest.Round(time.Millisecond))
	kinds := make([]Kind, 0, len(r.Faults))
	for k := range r.Faults {
		kinds = append(kinds, k)
	}
	slices.Sort(kinds)
	for _, k := range kinds {
		fmt.Fprintf(&b, "\n\t%7d %s", r.Faults[k], k)
	}
	return b.String()
}
