package leadership

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

var (
	simSeeds = flag.Uint64("simulation.seeds", 3000, "how many fault schedules TestSimulation plays")
	simFirst = flag.Uint64("simulation.first", 0, "the seed of the first of them")
	simSeed  = flag.Uint64("simulation.seed", 0, "the one that it plays, with -simulation.keep")
	simKeep  = flag.String("simulation.keep", "", "the numbers of its faults, with commas; all: all of them, none: none")
)

// TestSimulation plays an election under faults for each of many seeds. What it prints of a seed that fails replays it.
//
//	go test -count=1 -run '^TestSimulation$' . -v -simulation.seeds=1000000 -timeout=1h
func TestSimulation(t *testing.T) {
	if *simKeep != "" {
		replay(t)
		return
	}
	began := time.Now()
	total, failed := simulateSeeds(*simFirst, *simSeeds)
	took := time.Since(began)
	if failed != nil {
		t.Fatal(failed)
	}
	faults := 0
	for _, n := range total.faults {
		faults += n
	}
	t.Logf("schedules %d, violations 0, steps %d, requests %d, faults %d, terms %d, overlaps that an operator brought about %d, %.0f steps/s, %v",
		total.seeds, total.steps, total.requests, faults, total.terms, total.overlooked, float64(total.steps)/took.Seconds(), took.Round(time.Millisecond))
	for kind, n := range total.faults {
		t.Logf("%v: %d", faultKind(kind), n)
	}
	if uint64(total.terms) < *simSeeds {
		t.Errorf("%d terms in %d schedules: they prove little", total.terms, *simSeeds)
	}
}

// simulateSeeds plays schedules on all cores, until one fails. Of several that fail it tells the one with the lowest seed, so that what it tells does
// not depend on which core is faster.
func simulateSeeds(first, seeds uint64) (total simStats, failed error) {
	var next atomic.Uint64
	var mu sync.Mutex
	var lowest struct {
		plan plan
		err  error
	}
	var running sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		running.Go(func() {
			for {
				n := next.Add(1) - 1
				if n >= seeds {
					return
				}
				p := planOf(first + n)
				stats, _, err := simulate(p, nil)
				mu.Lock()
				total.add(stats)
				if err != nil {
					next.Store(seeds)
					if lowest.err == nil || p.seed < lowest.plan.seed {
						lowest.plan, lowest.err = p, err
					}
				}
				mu.Unlock()
			}
		})
	}
	running.Wait()
	if lowest.err == nil {
		return total, nil
	}
	return total, fmt.Errorf("seed %d: %w", lowest.plan.seed, explain(lowest.plan, lowest.err))
}

// explain is what is wrong with p, as small as it gets.
func explain(p plan, err error) error {
	p, err = shrink(p, err)
	return fmt.Errorf("%w\n%v\nto see it: %s", err, p, p.replay())
}

// replay plays one plan and tells everything.
func replay(t *testing.T) {
	p := planOf(*simSeed)
	if *simKeep != "all" {
		var keep []int
		for number := range strings.SplitSeq(*simKeep, ",") {
			if number == "none" {
				break
			}
			n, err := strconv.Atoi(number)
			if err != nil {
				t.Fatalf("-simulation.keep: %v", err)
			}
			keep = append(keep, n)
		}
		p = p.only(keep)
	}
	t.Log(p)
	if _, _, err := simulate(p, t.Logf); err != nil {
		t.Fatal(err)
	}
}

func TestSimulationIsRepeatable(t *testing.T) {
	for seed := range uint64(50) {
		stats, hash, _ := simulate(planOf(seed), nil)
		again, same, _ := simulate(planOf(seed), nil)
		if hash != same || stats != again {
			t.Fatalf("seed %d: %x with %+v, then %x with %+v", seed, hash, stats, same, again)
		}
	}
}

// TestSimulationSeesAStoreThatTellsTheRestOfATTL shows why Lifetime is the whole TTL: see faultOvertake.
func TestSimulationSeesAStoreThatTellsTheRestOfATTL(t *testing.T) {
	for seed := range uint64(20_000) {
		p := planOf(seed)
		if p.rest = true; !p.has(faultOvertake) {
			continue
		}
		if _, _, err := simulate(p, nil); err != nil {
			t.Logf("seed %d: %v", seed, err)
			return
		}
	}
	t.Error("nobody noticed it")
}

// TestSimulationSeesClocksThatRunWrong shows that the simulation would see two leaders, and what the allowance for drift is for: clocks that
// differ by three times as much bring them about.
func TestSimulationSeesClocksThatRunWrong(t *testing.T) {
	wrong := 0
	for seed := range uint64(400) {
		p := planOf(seed)
		p.rates = ratesWithin(rand.New(rand.NewPCG(seed, 4)), p.members+1, 3*float64(p.drift)/float64(p.ttl))
		if _, _, err := simulate(p, nil); err != nil {
			wrong++
		}
	}
	if wrong == 0 {
		t.Error("no violation, however wrong the clocks")
	}
	t.Logf("%d of 400 schedules violated something", wrong)
}
