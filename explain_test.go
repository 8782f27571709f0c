package leadership_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/sources/memory"
)

func explained(t *testing.T, cfg leadership.Config, traits leadership.Traits) leadership.Explanation {
	t.Helper()
	e, err := leadership.NewClusterFactory(func(leadership.Config) (leadership.Backend, error) {
		return described{memory.NewStore().Backend(), traits}, nil
	}).Configure(cfg).Explain()
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// described is a store with these traits.
type described struct {
	leadership.Backend
	traits leadership.Traits
}

func (d described) Traits(leadership.Config) leadership.Traits { return d.traits }

func TestExplain(t *testing.T) {
	const ttl = 15 * time.Second
	for _, c := range []struct {
		name                 string
		cfg                  leadership.Config
		traits               leadership.Traits
		resign, crash, split time.Duration
		dead                 time.Duration
	}{
		{"a store that ends sessions in time", leadership.Config{}, leadership.Traits{TTL: ttl}, 0, ttl, 7750 * time.Millisecond, 2 * ttl},
		{
			"one that takes another TTL, and delays the key",
			leadership.Config{},
			leadership.Traits{TTL: ttl, Linger: ttl, LockDelay: time.Second},
			0, 2*ttl + time.Second, ttl + time.Second + 7750*time.Millisecond, 2 * ttl,
		},
		{
			"a takeover delay",
			leadership.Config{Election: leadership.ElectionConfig{TakeoverDelay: ttl}},
			leadership.Traits{TTL: ttl},
			0, 2 * ttl, ttl + 7750*time.Millisecond, 2 * ttl,
		},
		{
			"one that notices a crash",
			leadership.Config{},
			leadership.Traits{TTL: ttl, Linger: ttl, LockDelay: time.Second, Notice: 2 * time.Second},
			0, 3 * time.Second, ttl + time.Second + 7750*time.Millisecond, 2 * ttl,
		},
		{"one that is polled", leadership.Config{}, leadership.Traits{TTL: ttl, Polls: true}, 10 * time.Second, ttl + 10*time.Second, 17750 * time.Millisecond, 0},
		{"one whose watches tell when they are dead", leadership.Config{}, leadership.Traits{TTL: ttl, WatchBound: 3 * time.Second}, 0, ttl, 7750 * time.Millisecond, 3 * time.Second},
		{"one that grants more", leadership.Config{}, leadership.Traits{TTL: 2 * ttl}, 0, 2 * ttl, 7750 * time.Millisecond, 4 * ttl},
	} {
		e := explained(t, c.cfg, c.traits)
		if e.AfterResign != c.resign || e.AfterCrash != c.crash || e.AfterPartition != c.split || e.DeadWatch != c.dead {
			t.Errorf("%s: %v, %v, %v, %v; want %v, %v, %v, %v", c.name,
				e.AfterResign, e.AfterCrash, e.AfterPartition, e.DeadWatch, c.resign, c.crash, c.split, c.dead)
		}
		if e.Belief != c.traits.TTL-750*time.Millisecond || e.Margin != 750*time.Millisecond {
			t.Errorf("%s: belief %v, margin %v", c.name, e.Belief, e.Margin)
		}
	}
}

// counted is a layer that counts requests.
func counted(n *atomic.Int64) leadership.Layer {
	return func(_ leadership.Config, within leadership.Backend) leadership.Backend {
		return countedBackend{within, n}
	}
}

type countedBackend struct {
	leadership.Backend
	n *atomic.Int64
}

type countedSession struct {
	leadership.Session
	n *atomic.Int64
}

func (b countedBackend) Open(ctx context.Context, ttl time.Duration) (leadership.Session, error) {
	s, err := b.Backend.Open(ctx, ttl)
	return countedSession{s, b.n}, err
}

func (b countedBackend) Observe(ctx context.Context, key string) (leadership.Observation, error) {
	b.n.Add(1)
	return b.Backend.Observe(ctx, key)
}

func (b countedBackend) Candidates(ctx context.Context, key string) ([]leadership.Candidate, error) {
	b.n.Add(1)
	return b.Backend.Candidates(ctx, key)
}

func (s countedSession) Renew(ctx context.Context) error {
	s.n.Add(1)
	return s.Session.Renew(ctx)
}

func (s countedSession) Campaign(ctx context.Context, key string, value []byte) (leadership.Observation, error) {
	s.n.Add(1)
	return s.Session.Campaign(ctx, key, value)
}

func (s countedSession) Watch(ctx context.Context, key string, seen leadership.Observation) error {
	s.n.Add(1)
	return s.Session.Watch(ctx, key, seen)
}

func TestExplainedRequestsAreThoseThatAreMade(t *testing.T) {
	for _, cfg := range []leadership.Config{
		{},
		{Session: leadership.SessionConfig{TTL: 3 * time.Second}, Election: leadership.ElectionConfig{Frequency: time.Second}},
		{Election: leadership.ElectionConfig{Strategy: leadership.StrategyVersion}},
		{Election: leadership.ElectionConfig{Strategy: leadership.StrategyVersion, Preempt: 15 * time.Second}},
		{Election: leadership.ElectionConfig{Strategy: leadership.StrategyVersion, Preempt: time.Minute, Frequency: 4 * time.Second}},
	} {
		synctest.Test(t, func(t *testing.T) {
			store := memory.NewStore()
			f := func(n *atomic.Int64) *leadership.ClusterFactory {
				return memory.NewClusterFactory(store).Configure(cfg).Wrap(counted(n))
			}
			var leaders, waiters atomic.Int64
			for _, n := range []*atomic.Int64{&leaders, &waiters} {
				m, err := f(n).Build(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				defer m.Close() //nolint:errcheck // at the end
				synctest.Wait()
			}
			time.Sleep(time.Hour)
			e, err := f(&leaders).Explain()
			if err != nil {
				t.Fatal(err)
			}
			for name, r := range map[string]struct{ said, made float64 }{
				"leader":    {e.LeaderRequests, float64(leaders.Load()) / 3600},
				"candidate": {e.CandidateRequests, float64(waiters.Load()) / 3600},
			} {
				if math.Abs(r.said-r.made) > 0.02*r.made {
					t.Errorf("TTL %v: a %s makes %.3f requests a second, and %.3f are explained", cfg.Session.TTL, name, r.made, r.said)
				}
			}
		})
	}
}

func TestExplainedTimesAreBounds(t *testing.T) {
	bubble(t, "failure 11: after a partition, somebody leads within the time that was computed", func(t *testing.T, store *memory.Store) {
		e, err := memory.NewClusterFactory(store).Explain()
		if err != nil {
			t.Fatal(err)
		}
		a, b := join(t, store, "a"), join(t, store, "b")
		time.Sleep(20 * time.Second)
		a.link.Disconnect()
		<-a.Term().Context().Done()
		ended := time.Now()
		for _, err := range b.AsObservable().Seq(t.Context()) {
			if err != nil || b.IsLeader() {
				break
			}
		}
		if took := time.Since(ended); took <= 0 || took > e.AfterPartition || e.AfterPartition > took+8*time.Second {
			t.Errorf("nobody led for %v, and %v is the bound", took, e.AfterPartition)
		}
	})
}

func TestRisks(t *testing.T) {
	none := leadership.Config{}
	traits := leadership.Traits{Store: "S", TTL: 15 * time.Second, Risks: []string{"S is risky"}}
	for want, change := range map[string]func(*leadership.Config){
		"":                       func(*leadership.Config) {},
		"session.drift":          func(c *leadership.Config) { c.Session.Drift = time.Millisecond },
		"session.refresh":        func(c *leadership.Config) { c.Session.Refresh = 14 * time.Second },
		"election.takeoverDelay": func(c *leadership.Config) { c.Election.TakeoverDelay = time.Second },
		"election.preempt": func(c *leadership.Config) {
			c.Election.Strategy, c.Election.Preempt = leadership.StrategyRandom, 14*time.Second
		},
		"lead.drain":         func(c *leadership.Config) { c.Lead.Drain = time.Minute },
		"election.frequency": func(c *leadership.Config) { c.Election.Frequency = 2 * time.Minute },
	} {
		cfg := none
		change(&cfg)
		got := explained(t, cfg, traits).Risks
		wanted := []string{want, "S is risky"}
		if want == "" {
			wanted = wanted[1:]
		}
		if !slices.EqualFunc(got, wanted, strings.HasPrefix) {
			t.Errorf("risks %q; want those about %q", got, wanted)
		}
	}
}

func TestBuildWarnsOfRisks(t *testing.T) {
	build := func(f *leadership.ClusterFactory) {
		t.Helper()
		m, err := f.Build(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	}
	var own, general bytes.Buffer
	usual := slog.Default()
	defer slog.SetDefault(usual)
	slog.SetDefault(slog.New(slog.NewTextHandler(&general, nil)))
	logger := slog.New(slog.NewTextHandler(&own, nil))
	risky := leadership.Config{ServiceID: "web-1", Session: leadership.SessionConfig{Drift: time.Millisecond}}

	build(memory.NewClusterFactory(memory.NewStore()).Logger(logger))
	build(memory.NewClusterFactory(memory.NewStore()))
	if own.Len()+general.Len() > 0 {
		t.Errorf("the defaults are risky: %s%s", own.String(), general.String())
	}
	build(memory.NewClusterFactory(memory.NewStore()).Configure(risky).Logger(logger))
	if text := own.String(); !strings.Contains(text, "level=WARN") || !strings.Contains(text, "Risky setting: session.drift 1ms") || !strings.Contains(text, "id=web-1") ||
		general.Len() > 0 {
		t.Errorf("logged %q, and %q in general", text, general.String())
	}
	build(memory.NewClusterFactory(memory.NewStore()).Configure(risky))
	if !strings.Contains(general.String(), "session.drift") {
		t.Errorf("without a logger: %q", general.String())
	}
}

func TestExplainTellsOfDeadCandidates(t *testing.T) {
	traits := leadership.Traits{TTL: 15 * time.Second, Linger: 15 * time.Second, LockDelay: time.Second, Notes: []string{"more"}}
	if notes := explained(t, leadership.Config{}, traits).Notes; len(notes) != 1 {
		t.Errorf("by arrival: %q", notes)
	}
	notes := explained(t, leadership.Config{Election: leadership.ElectionConfig{Strategy: leadership.StrategyPriority}}, traits).Notes
	want := "a candidate that has crashed may be given the key until its session ends: up to 31s without a leader"
	if len(notes) != 2 || notes[0] != want {
		t.Errorf("notes %q", notes)
	}
}

func TestExplainRefuses(t *testing.T) {
	bad := leadership.Config{Session: leadership.SessionConfig{TTL: -1}}
	if _, err := memory.NewClusterFactory(memory.NewStore()).Configure(bad).Explain(); !errors.Is(err, leadership.ErrInvalidConfig) {
		t.Error(err)
	}
}

// What the settings mean is known before anything is built.
func ExampleClusterFactory_Explain() {
	e, err := memory.NewClusterFactory(memory.NewStore()).
		Configure(leadership.Config{Session: leadership.SessionConfig{Drift: 10 * time.Millisecond}}).Explain()
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Print(e)
	// Output:
	// Election of services/cluster-app/leader at memory
	// Without a leader for at most, beyond what requests take:
	//   0s         after a resignation
	//   15s        after a crash
	//   7.01s      after a partition, from when the leader has stopped believing
	//   30s        more where a watch is dead
	// A leader believes for at most 14.99s after it sent a proof, and stops 10ms before the store may give the key to another one.
	// Requests a second while nothing changes: 0.30 of the leader, 0.15 of each candidate.
	// Never two leaders, as long as
	//   - within one TTL of 15s, the store's clock runs ahead of a leader's by 10ms at most (session.drift)
	//   - on Linux the boot clock runs on while a machine is suspended; elsewhere the wall clock is not put back meanwhile
	//   - what must not be done by two is asked of Term right before, or guarded with its token
	//   - nobody frees the key of a leader that is cut off, unless election.takeoverDelay is the TTL or more
	// Risks
	//   - session.drift 10ms is less than a thousandth of the TTL 15s: clocks that are slewed run further apart
}

func ExampleExplanation_String() {
	e, err := leadership.NewClusterFactory(nil).Mode(leadership.ModeSingle).Explain()
	fmt.Println(e.String(), err)
	// Output:
	// Election of services/cluster-app/leader at single mode
	// One member, which always leads.
	//  <nil>
}
