package simulation_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/leadership-go/leadership/internal/simulation"
)

var errPlan = errors.New("this plan fails")

// failing fails for the plans of a seed that hold at least two of its marked faults.
func failing(seed uint64) simulation.Runner {
	return func(p simulation.Plan) (simulation.Report, error) {
		marked := 0
		for _, f := range p.Faults {
			if f.Arg == 7 {
				marked++
			}
		}
		if p.Seed == seed && marked >= 2 {
			return simulation.Report{Runs: 1}, errPlan
		}
		return simulation.Report{Runs: 1}, nil
	}
}

func drawMarked(seed uint64) simulation.Plan {
	p := simulation.Plan{Seed: seed}
	for i := range 20 {
		f := simulation.Fault{At: time.Duration(i) * time.Second, Kind: simulation.Cut}
		if i == 3 || i == 4 || i == 17 {
			f.Arg = 7
		}
		p.Faults = append(p.Faults, f)
	}
	return p
}

func TestAFailingPlanIsShrunkAndNamedByACommand(t *testing.T) {
	e := simulation.Exploration{Package: "./p", Test: "TestX", First: 10, Seeds: 100, Tries: 2}
	total, err := e.Explore(drawMarked, failing(42))
	if !errors.Is(err, errPlan) {
		t.Fatalf("got %v", err)
	}
	if total.Runs != 33 {
		t.Errorf("%d plans were played, want those of the seeds 10 to 42", total.Runs)
	}
	_, replay, found := strings.Cut(err.Error(), "replay: ")
	var kept []string
	for _, two := range []string{"3,4", "3,17", "4,17"} {
		kept = append(kept, fmt.Sprintf("go test ./p -run '^TestX$' -simulation.seed=42 -simulation.keep=%s", two))
	}
	if !found || !slices.Contains(kept, replay) {
		t.Errorf("the command is %q", replay)
	}
}

func TestAReplayKeepsTheNamedFaults(t *testing.T) {
	for keep, fails := range map[string]bool{"3,17": true, "3": false, "-": false, "": true, "0,3,4,5": true} {
		e := simulation.Exploration{First: 42, Seeds: 1, Keep: keep, Tries: 3}
		if _, err := e.Explore(drawMarked, failing(42)); errors.Is(err, errPlan) != fails {
			t.Errorf("with %q: %v", keep, err)
		}
	}
	e := simulation.Exploration{First: 42, Seeds: 1, Keep: "3,x"}
	if _, err := e.Explore(drawMarked, failing(42)); err == nil || errors.Is(err, errPlan) {
		t.Errorf("with places that are no numbers: %v", err)
	}
}

func TestASeedAlwaysDrawsTheSamePlan(t *testing.T) {
	menu := simulation.MemoryMenu()
	kinds := make(map[simulation.Kind]bool)
	for seed := range uint64(200) {
		p, again := menu.Draw(seed), menu.Draw(seed)
		if p.String() != again.String() {
			t.Fatalf("seed %d draws\n%v\nand then\n%v", seed, p, again)
		}
		for _, f := range p.Faults {
			kinds[f.Kind] = true
			if f.At < 0 || f.At >= p.Until || f.Member < 0 || f.Member >= p.Members {
				t.Fatalf("seed %d: %v of %v", seed, f, p)
			}
		}
	}
	for _, k := range menu.Kinds {
		if !kinds[k] {
			t.Errorf("200 seeds have no %q", k)
		}
	}
}
