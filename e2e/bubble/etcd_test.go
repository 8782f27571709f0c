package bubble

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/internal/simulation"
)

var (
	seedFlag  = flag.Int64("simulation.seed", -1, "play the plan of this seed alone")
	keepFlag  = flag.String("simulation.keep", "", "and of its faults those at these places alone, as 0,3,5; - for none")
	seedsFlag = flag.Uint64("simulation.seeds", 0, "how many plans to play instead of a handful, and print figures")
	firstFlag = flag.Uint64("simulation.first", 0, "the first seed of them")
	debugFlag = flag.Bool("simulation.debug", false, "print the debug log of all members; best with one try")
	triesFlag = flag.Int("simulation.tries", 20, "how often to play a plan when it is replayed or shrunk")
)

// TestSimulation plays random schedules of faults against members that stand, through etcd's own client, at a real etcd server, ten
// virtual minutes each. A long run, from the root:
//
//	go test ./e2e/bubble -run '^TestSimulation$' -simulation.seeds=1000 -timeout 0
func TestSimulation(t *testing.T) {
	e := simulation.Exploration{
		Package: "./e2e/bubble", Test: "TestSimulation", First: *firstFlag, Seeds: 6, Keep: *keepFlag, Tries: *triesFlag,
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
	began, parent := time.Now(), t.TempDir()
	total, err := e.Explore(draw, func(p simulation.Plan) (simulation.Report, error) {
		return play(t, parent, p, func(*world) {}, simulation.Options{Logger: logger})
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Log(total.String(time.Since(began)))
}

// menu is what can happen between members and the server.
func menu() simulation.Menu {
	return simulation.Menu{
		Kinds: append(
			simulation.UserKinds(), simulation.LoseRequests, simulation.LoseReplies, simulation.Cut, simulation.Slow, simulation.Freeze,
			simulation.Refuse, simulation.Reset, simulation.Crash, simulation.CrashReset, simulation.Compact,
			simulation.DestroyLease, simulation.DeleteKey, simulation.Overwrite),
		TTLs:   []time.Duration{3 * time.Second, 6 * time.Second, 15 * time.Second},
		Graces: []int{100},
		Least:  8 * time.Minute, Most: 10 * time.Minute,
		MaxFaults: 40, MaxLatency: 20 * time.Millisecond,
		Attached: true, Forgetful: true, Reconnect: 2 * reconnect, Farewell: farewell, Strategies: 50,
	}
}

// draw makes the plan of a seed, in which the server starts anew at least once.
func draw(seed uint64) simulation.Plan {
	p := menu().Draw(seed)
	restart := simulation.Fault{At: p.Until / 2, For: p.TTL, Kind: simulation.CrashReset, Arg: seed}
	at := slices.IndexFunc(p.Faults, func(f simulation.Fault) bool { return f.At > restart.At })
	if at < 0 {
		at = len(p.Faults)
	}
	p.Faults = slices.Insert(p.Faults, at, restart)
	return p
}

// A store that broke etcd's promises would be noticed.
func TestSimulationCatchesLeasesThatEndEarly(t *testing.T) {
	parent := t.TempDir()
	m := menu()
	m.Kinds, m.Attached = []simulation.Kind{simulation.Cut, simulation.LoseRequests}, false
	m.TTLs = []time.Duration{15 * time.Second}
	var all []string
	for seed := range uint64(10) {
		p := m.Draw(seed)
		p.Takeover = 0
		_, err := play(t, parent, p, func(w *world) { w.hasty = true }, simulation.Options{})
		if err != nil && strings.Contains(err.Error(), "two leaders") {
			t.Logf("seed %d: %v", seed, err)
			return
		}
		all = append(all, fmt.Sprint(err))
	}
	t.Errorf("two leaders were not seen: %.2000q", all)
}

// play plays a plan in a bubble and a folder of its own.
func play(t *testing.T, parent string, p simulation.Plan, change func(*world), o simulation.Options) (r simulation.Report, err error) {
	t.Helper()
	dir, err := os.MkdirTemp(parent, "etcd") //nolint:usetesting // each takes 64 MB and goes with its plan
	if err != nil {
		return r, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	err = inBubble(t, func() error {
		w, err := newWorld(p, dir)
		if err != nil {
			return err
		}
		change(w)
		r, err = simulation.Play(p, w, o)
		return err
	})
	return r, err
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

const key = "services/simulated/leader/"

// world is an etcd server, a wire for each member, and an operator with a wire of its own, on which nothing goes wrong.
type world struct {
	server   *server
	wires    []*simulation.Wire
	operator *clientv3.Client
	given    map[clientv3.LeaseID]bool
	hands    sync.WaitGroup // what the operator is doing
	hasty    bool           // broken: leases last for half as long as they should
}

func newWorld(p simulation.Plan, dir string) (*world, error) {
	w := &world{server: &server{dir: dir}, given: make(map[clientv3.LeaseID]bool)}
	for i := range p.Members {
		w.wires = append(w.wires, simulation.NewWire(p, i))
	}
	own := simulation.NewWire(simulation.Plan{}, 0)
	w.server.wires = append(slices.Clip(w.wires), own)
	if err := w.server.start(); err != nil {
		return nil, err
	}
	var err error
	w.operator, err = newClient(own)
	return w, err
}

func (w *world) Connect(member int, _ leadership.Config) (leadership.Backend, error) {
	b, err := newBackend(w.wires[member])
	if w.hasty {
		b = hasty{b}
	}
	return b, err
}

// hasty opens sessions that end too soon.
type hasty struct{ leadership.Backend }

func (h hasty) Open(ctx context.Context, ttl time.Duration) (leadership.Session, error) {
	s, err := h.Backend.Open(ctx, ttl/3)
	return hastySession{s, ttl}, err
}

type hastySession struct {
	leadership.Session
	ttl time.Duration
}

func (s hastySession) TTL() time.Duration { return s.ttl }

// Give implements [simulation.Giver].
func (w *world) Give(ttl time.Duration) string {
	lease, err := w.operator.Grant(context.Background(), int64(ttl/time.Second))
	if err != nil {
		return ""
	}
	w.given[lease.ID] = true
	return fmt.Sprintf("%x", lease.ID)
}

// do has the operator do something beside the members, and not for longer than a while: the server may be down.
func (w *world) do(f func(context.Context, *clientv3.Client)) {
	w.hands.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		f(ctx, w.operator)
	})
}

// holder is the key of who holds, "" for nobody.
func holder(ctx context.Context, c *clientv3.Client) (string, clientv3.LeaseID, int64) {
	resp, err := c.Get(ctx, key, clientv3.WithFirstCreate()...)
	if err != nil || len(resp.Kvs) == 0 {
		return "", 0, 0
	}
	return string(resp.Kvs[0].Key), clientv3.LeaseID(resp.Kvs[0].Lease), resp.Header.Revision
}

func (w *world) Begin(f simulation.Fault) {
	switch f.Kind { //nolint:exhaustive // the other faults are the network's
	case simulation.Crash, simulation.CrashReset:
		for _, wire := range w.wires {
			wire.Begin(f)
		}
	case simulation.DestroyLease:
		w.do(func(ctx context.Context, c *clientv3.Client) {
			_, lease, _ := holder(ctx, c)
			if all, err := c.Leases(ctx); f.Arg%2 != 0 && err == nil && len(all.Leases) > 0 {
				lease = all.Leases[int(f.Arg)%len(all.Leases)].ID
			}
			if lease != 0 {
				_, _ = c.Revoke(ctx, lease)
			}
		})
	case simulation.DeleteKey:
		w.do(func(ctx context.Context, c *clientv3.Client) {
			if own, _, _ := holder(ctx, c); own != "" {
				_, _ = c.Delete(ctx, own)
			}
		})
	case simulation.Overwrite:
		w.do(func(ctx context.Context, c *clientv3.Client) {
			own, _, _ := holder(ctx, c)
			if own == "" {
				return
			}
			value := []string{"", "not a vote", leadership.Vote{SessionID: "1", ServiceID: "else"}.String()}[f.Arg%3]
			if f.Arg%2 == 0 {
				_, _ = c.Put(ctx, own, value, clientv3.WithIgnoreLease())
			} else {
				_, _ = c.Put(ctx, own, value) // this takes it off the lease
			}
		})
	case simulation.Compact:
		w.do(func(ctx context.Context, c *clientv3.Client) {
			if _, _, revision := holder(ctx, c); revision > 0 {
				_, _ = c.Compact(ctx, revision)
			}
		})
	default:
		w.wires[f.Member].Begin(f)
	}
}

// End ends a fault. After a crash with a reset the server starts anew, which gives all leases their whole TTL.
func (w *world) End(f simulation.Fault) {
	if f.Kind == simulation.CrashReset {
		w.restart()
	}
	for _, wire := range w.wires {
		wire.End(f)
	}
}

func (w *world) restart() {
	w.server.stop()
	if err := w.server.start(); err != nil {
		panic(err) // the data is there: a fault of this harness
	}
}

func (w *world) Heal() {
	for _, wire := range w.wires {
		wire.Heal()
	}
	w.hands.Wait()
}

func (w *world) Left() []string {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var left []string
	leases, err := w.operator.Leases(ctx)
	if err != nil {
		return []string{err.Error()}
	}
	for _, l := range leases.Leases {
		if !w.given[l.ID] {
			left = append(left, fmt.Sprintf("lease %x", l.ID))
		}
	}
	keys, err := w.operator.Get(ctx, key, clientv3.WithPrefix())
	if err != nil {
		return []string{err.Error()}
	}
	for _, kv := range keys.Kvs {
		if !w.given[clientv3.LeaseID(kv.Lease)] {
			left = append(left, strings.TrimSpace(fmt.Sprintf("key %s %s", kv.Key, kv.Value)))
		}
	}
	return left
}

func (w *world) Close() {
	_ = w.operator.Close()
	w.server.stop()
	for _, wire := range w.server.wires {
		wire.Shut()
	}
}
