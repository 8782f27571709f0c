package simulation_test

import (
	"flag"
	"fmt"
	"log/slog"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leadership-go/leadership/internal/simulation"
)

var (
	seedFlag  = flag.Int64("simulation.seed", -1, "play the plan of this seed alone")
	keepFlag  = flag.String("simulation.keep", "", "and of its faults those at these places alone, as 0,3,5; - for none")
	seedsFlag = flag.Uint64("simulation.seeds", 0, "how many plans to play instead of a few hundred, and print figures")
	firstFlag = flag.Uint64("simulation.first", 0, "the first seed of them")
	debugFlag = flag.Bool("simulation.debug", false, "print the debug log of all members; best with one try")
	triesFlag = flag.Int("simulation.tries", 20, "how often to play a plan when it is replayed or shrunk")
)

// logger is for the debug log, if it is wanted. Virtual time begins at midnight.
func logger() *slog.Logger {
	if !*debugFlag {
		return nil
	}
	return slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// inBubble runs f in a bubble of its own. A bubble that hangs is an error.
func inBubble(t *testing.T, f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the bubble: %v", p)
		}
	}()
	synctest.Test(t, func(*testing.T) { err = f() })
	return err
}

// TestMembers plays random schedules of faults against members at the memory store. A long run:
//
//	go test ./internal/simulation -run '^TestMembers$' -simulation.seeds=100000 -timeout 0
func TestMembers(t *testing.T) { explore(t, "TestMembers", simulation.MemoryMenu(), 300) }

// TestStrategies plays schedules in which all goes wrong that may while the key is passed on.
func TestStrategies(t *testing.T) {
	menu := simulation.MemoryMenu()
	menu.Strategies, menu.MaxFaults = 100, 40
	menu.Kinds = []simulation.Kind{
		simulation.Lossy, simulation.LoseReplies, simulation.Cut, simulation.Slow, simulation.Freeze, simulation.Refuse, simulation.DeleteKey,
		simulation.ResignCall, simulation.CloseCall, simulation.StandDown,
	}
	explore(t, "TestStrategies", menu, 100)
}

// explore plays the plans of a menu.
func explore(t *testing.T, test string, menu simulation.Menu, seeds uint64) {
	t.Helper()
	e := simulation.Exploration{
		Package: "./internal/simulation", Test: test, First: *firstFlag, Seeds: seeds, Keep: *keepFlag, Tries: *triesFlag,
	}
	if *seedsFlag > 0 {
		e.Seeds, e.Log = *seedsFlag, func(format string, args ...any) { fmt.Printf(format+"\n", args...) }
	}
	if *seedFlag >= 0 {
		e.First, e.Seeds = uint64(*seedFlag), 1
	}
	began := time.Now()
	total, err := e.Explore(menu.Draw, func(p simulation.Plan) (simulation.Report, error) {
		var r simulation.Report
		err := inBubble(t, func() (err error) {
			r, err = simulation.Play(p, simulation.NewMemory(p), simulation.Options{Logger: logger()})
			return err
		})
		return r, err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Log(total.String(time.Since(began)))
}
