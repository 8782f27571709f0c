package consul

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/internal/simulation"
)

var (
	seedFlag  = flag.Int64("simulation.seed", -1, "play the plan of this seed alone")
	keepFlag  = flag.String("simulation.keep", "", "and of its faults those at these places alone, as 0,3,5; - for none")
	seedsFlag = flag.Uint64("simulation.seeds", 0, "how many plans to play instead of some dozens, and print figures")
	firstFlag = flag.Uint64("simulation.first", 0, "the first seed of them")
	debugFlag = flag.Bool("simulation.debug", false, "print the debug log of all members; best with one try")
	triesFlag = flag.Int("simulation.tries", 20, "how often to play a plan when it is replayed or shrunk")
)

// TestSimulation plays random schedules of faults against members that stand, through Consul's own client, at a fake server. A long run:
//
//	go test ./sources/consul -run '^TestSimulation$' -simulation.seeds=10000 -timeout 0
func TestSimulation(t *testing.T) {
	menu := simulationMenu()
	e := simulation.Exploration{
		Package: "./sources/consul", Test: "TestSimulation", First: *firstFlag, Seeds: 40, Keep: *keepFlag, Tries: *triesFlag,
	}
	if *seedsFlag > 0 {
		e.Seeds, e.Log = *seedsFlag, func(format string, args ...any) { fmt.Printf(format+"\n", args...) }
	}
	if *seedFlag >= 0 {
		e.First, e.Seeds = uint64(*seedFlag), 1
	}
	var logger *slog.Logger
	if *debugFlag {
		logger = slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	began := time.Now()
	total, err := e.Explore(menu.Draw, func(p simulation.Plan) (simulation.Report, error) {
		var r simulation.Report
		err := inBubble(t, func() (err error) {
			r, err = simulation.Play(p, newDatacenter(p), simulation.Options{Logger: logger})
			return err
		})
		return r, err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Log(total.String(time.Since(began)))
}

// simulationMenu is what can happen between members and the fake server.
func simulationMenu() simulation.Menu {
	return simulation.Menu{
		Kinds: append(
			simulation.UserKinds(), simulation.LoseRequests, simulation.LoseReplies, simulation.Cut, simulation.Slow, simulation.Freeze,
			simulation.Refuse, simulation.Reset, simulation.Busy, simulation.Deny, simulation.Crash, simulation.CrashReset,
			simulation.Rewind, simulation.Stale, simulation.DestroyLease, simulation.DeleteKey, simulation.Overwrite),
		TTLs:   []time.Duration{3 * time.Second, 6 * time.Second, 10 * time.Second, 15 * time.Second},
		Graces: []int{100},
		Least:  time.Minute, Most: 6 * time.Minute,
		MaxFaults: 40, MaxLatency: 20 * time.Millisecond,
		Attached: true, Forgetful: true, Strategies: 50,
	}
}

// A fake server that broke Consul's promises would be noticed.
func TestSimulationCatchesABrokenServer(t *testing.T) {
	for _, c := range []struct {
		name, want string
		kinds      []simulation.Kind
		store      func(*ensemble)
	}{
		{
			"one that ends sessions long before their TTL", "two leaders",
			[]simulation.Kind{simulation.Cut, simulation.LoseRequests},
			func(e *ensemble) { e.patience = 1 },
		},
		{
			"one whose indexes start anew", "comes after",
			[]simulation.Kind{simulation.ResignCall, simulation.CloseCall},
			func(e *ensemble) { e.restarts = true },
		},
		{
			"one that keeps destroyed sessions", "after all members were closed the store has",
			[]simulation.Kind{simulation.Listen, simulation.LeaderCall},
			func(e *ensemble) { e.clinging = true },
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			menu := simulationMenu()
			menu.Kinds, menu.Attached = c.kinds, false
			var all []string
			for seed := range uint64(30) {
				p := menu.Draw(seed)
				p.Takeover = 0
				err := inBubble(t, func() error {
					d := newDatacenter(p)
					c.store(d.server)
					_, err := simulation.Play(p, d, simulation.Options{})
					return err
				})
				if err != nil && strings.Contains(err.Error(), c.want) {
					t.Logf("seed %d: %v", seed, err)
					return
				}
				all = append(all, fmt.Sprint(err))
			}
			t.Errorf("nothing was said of %q: %.2000q", c.want, all)
		})
	}
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

const simulatedKey = "services/simulated/leader"

// datacenter is the world of a fake Consul server: each member has an agent, and a network to it.
type datacenter struct {
	server  *ensemble
	wires   []*simulation.Wire
	agents  []*http.Server
	serving sync.WaitGroup
	given   map[string]bool
}

func newDatacenter(p simulation.Plan) *datacenter {
	d := &datacenter{server: newEnsemble(p.Seed), given: make(map[string]bool)}
	for i := range p.Members {
		w := simulation.NewWire(p, i)
		agent := &http.Server{Handler: d.server.from(i)} //nolint:gosec // no network
		d.wires, d.agents = append(d.wires, w), append(d.agents, agent)
		d.serving.Go(func() { _ = agent.Serve(w.Listen()) })
	}
	return d
}

func (d *datacenter) Connect(member int, cfg leadership.Config) (leadership.Backend, error) {
	made, err := connect(cfg, []Option{WithAddress("pipe:1"), WithMinTTL(time.Second)})
	if err != nil {
		return nil, err
	}
	b := made.(*backend)
	b.transport.Proxy = nil
	b.transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) { return d.wires[member].Dial(ctx) }
	return b, nil
}

// Give implements [simulation.Giver].
func (d *datacenter) Give(ttl time.Duration) string {
	var id string
	d.server.do(func() {
		e := d.server
		e.index++
		id = fmt.Sprintf("%08x-1111-4000-8000-000000000000", e.index)
		e.sessions[id] = &fakeSession{
			entry: api.SessionEntry{ID: id, TTL: ttl.String(), Behavior: api.SessionBehaviorDelete, LockDelay: time.Millisecond},
			ttl:   ttl, born: time.Now(), timer: time.AfterFunc(2*ttl, func() { e.do(func() { e.end(id) }) }),
		}
		d.given[id] = true
		e.wrote()
	})
	return id
}

func (d *datacenter) Begin(f simulation.Fault) {
	e := d.server
	switch f.Kind { //nolint:exhaustive // the other faults are the network's
	case simulation.Deny:
		e.do(func() { e.denied[f.Member] = true })
	case simulation.Busy:
		e.do(func() { e.busy = true })
	case simulation.Rewind:
		e.do(func() { e.rewound = 1 + f.Arg; e.wrote() })
	case simulation.Stale:
		e.do(func() { e.lag = time.Duration(f.Arg) * 5 * time.Millisecond })
	case simulation.Crash, simulation.CrashReset:
		e.do(func() { close(e.quiet); e.quiet = make(chan struct{}) })
		for _, w := range d.wires {
			w.Begin(f)
		}
	case simulation.DestroyLease:
		e.do(func() { e.end(e.pick(f.Arg)) })
	case simulation.DeleteKey:
		e.do(func() { e.index++; delete(e.keys, simulatedKey); e.wrote() })
	case simulation.Overwrite:
		e.do(func() { e.overwrite(f.Arg) })
	default:
		d.wires[f.Member].Begin(f)
	}
}

// pick is the holder's session, or another one.
func (e *ensemble) pick(arg uint64) string {
	if arg%2 == 0 {
		return e.keys[simulatedKey].Session
	}
	for id := range e.sessions {
		return id
	}
	return ""
}

// overwrite is a plain PUT. A vote without a session would forge a resignation.
func (e *ensemble) overwrite(arg uint64) {
	e.index++
	pair, ok := e.keys[simulatedKey]
	if !ok {
		pair = api.KVPair{Key: simulatedKey, CreateIndex: e.index}
	}
	pair.ModifyIndex, pair.LockIndex = e.index, 0
	pair.Value = [][]byte{nil, []byte("not a vote"), voteOf(idTwo)}[arg%3]
	e.keys[simulatedKey] = pair
	e.wrote()
}

func (d *datacenter) End(f simulation.Fault) {
	e := d.server
	switch f.Kind { //nolint:exhaustive // the other faults are the network's, or have no end
	case simulation.Deny:
		e.do(func() { delete(e.denied, f.Member) })
	case simulation.Busy:
		e.do(func() { e.busy = false })
	case simulation.Rewind:
		e.do(func() { e.rewound = 0 })
	case simulation.Stale:
		e.do(func() { e.lag = 0 })
	case simulation.CrashReset:
		e.do(e.elect)
	}
	for _, w := range d.wires {
		w.End(f)
	}
}

func (d *datacenter) Heal() {
	d.server.do(func() {
		e := d.server
		e.denied, e.busy, e.rewound, e.lag = make(map[int]bool), false, 0, 0
		if pair, ok := e.keys[simulatedKey]; ok && pair.Session == "" {
			e.index++
			delete(e.keys, simulatedKey)
			e.wrote()
		}
	})
	for _, w := range d.wires {
		w.Heal()
	}
}

func (d *datacenter) Left() []string {
	var left []string
	d.server.do(func() {
		for id := range d.server.sessions {
			if !d.given[id] {
				left = append(left, "session "+id)
			}
		}
		for key, pair := range d.server.keys {
			if !d.given[pair.Session] {
				left = append(left, fmt.Sprintf("key %s of %q: %s", key, pair.Session, pair.Value))
			}
		}
	})
	return left
}

func (d *datacenter) Close() {
	for i, w := range d.wires {
		_ = d.agents[i].Close()
		w.Shut()
	}
	d.serving.Wait()
	d.server.do(func() {
		for _, s := range d.server.sessions {
			s.timer.Stop()
		}
	})
}
