package leadership_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/internal/grammar"
	"github.com/leadership-go/leadership/sources/memory"
)

// party is one instance of a service that shares out its shards.
type party struct {
	*leadership.Shards
	id   string
	link *memory.Backend
	move *movements
}

// movements are what all instances of one service have told of who leads which shard.
type movements struct {
	mu      sync.Mutex
	parties []*party
	begins  []string // "3: web-1"
	at      []time.Time
	twice   []string
}

func (m *movements) hear(id string, msg leadership.ShardMessage) {
	if msg.Status != leadership.StatusElectedFirst {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.begins, m.at = append(m.begins, fmt.Sprintf("%d: %s", msg.Shard, id)), append(m.at, time.Now())
	var leaders []string
	for _, p := range m.parties {
		if p.Shard(msg.Shard).IsLeader() {
			leaders = append(leaders, p.id)
		}
	}
	if len(leaders) > 1 {
		m.twice = append(m.twice, fmt.Sprintf("%d by %q", msg.Shard, leaders))
	}
}

// news are the elections since the last call, and within what time they came.
func (m *movements) news() (begins []string, within time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	begins = m.begins
	if n := len(m.at); n > 0 {
		within = m.at[n-1].Sub(m.at[0])
	}
	m.begins, m.at = nil, nil
	return begins, within
}

// join has an instance stand for n shards.
func (m *movements) join(t *testing.T, store *memory.Store, id string, n int, change ...func(*leadership.Config)) *party {
	t.Helper()
	p := &party{id: id, move: m}
	cfg := leadership.Config{ServiceName: "orders", ServiceID: id}
	for _, set := range change {
		set(&cfg)
	}
	f := leadership.NewClusterFactory(func(cfg leadership.Config) (leadership.Backend, error) {
		p.link = store.BackendFor(cfg.Profile)
		return p.link, nil
	})
	s, err := f.Configure(cfg).Shards(context.Background(), n)
	if err != nil {
		t.Fatal(err)
	}
	p.Shards = s
	m.mu.Lock()
	m.parties = append(m.parties, p)
	m.mu.Unlock()
	checks := make([]grammar.Checker, n)
	s.AsObservable().Subscribe(func(msg leadership.ShardMessage) {
		m.hear(id, msg)
		if err := checks[msg.Shard].Next(string(msg.Status), msg.Term, msg.Err); err != nil {
			t.Errorf("%s, shard %d: %v", id, msg.Shard, err)
		}
	})
	t.Cleanup(func() {
		p.link.Reconnect()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		m.mu.Lock()
		defer m.mu.Unlock()
		if len(m.twice) > 0 {
			t.Errorf("led twice: shard %s", m.twice)
		}
	})
	synctest.Wait()
	return p
}

// parted tests that those, and nobody else, lead the shards as the hash says.
func parted(t *testing.T, when string, parties ...*party) {
	t.Helper()
	synctest.Wait()
	var ids []leadership.Candidate
	for _, p := range parties {
		ids = append(ids, leadership.Candidate{ServiceID: p.id})
	}
	for i := range parties[0].Len() {
		want := leaderOf(fmt.Sprintf("services/orders/%d/leader", i), ids)
		for _, p := range parties {
			if leads := p.Shard(i).IsLeader(); leads != (p.id == want) || leads != slices.Contains(p.Owned(), i) {
				t.Errorf("%s: shard %d is to be led by %s; %s leads it: %v", when, i, want, p.id, leads)
			}
		}
	}
}

func TestShards(t *testing.T) {
	const n = 60
	const settled = 2 * time.Minute
	bubble(t, "each instance leads the shards that the hash gives it, and no shard is led twice", func(t *testing.T, store *memory.Store) {
		m := new(movements)
		a := m.join(t, store, "web-1", n)
		parted(t, "alone", a)
		b := m.join(t, store, "web-2", n)
		c := m.join(t, store, "web-3", n)
		time.Sleep(settled)
		parted(t, "all three", a, b, c)
		for _, p := range []*party{a, b, c} {
			if owned := len(p.Owned()); owned < n/5 || owned > n/2 {
				t.Errorf("%s leads %d of %d", p.id, owned, n)
			}
		}
	})
	bubble(t, "who comes is given its share, gradually, and nothing else moves", func(t *testing.T, store *memory.Store) {
		m := new(movements)
		a, b := m.join(t, store, "web-1", n), m.join(t, store, "web-2", n)
		time.Sleep(settled)
		m.news()
		c := m.join(t, store, "web-3", n)
		time.Sleep(14 * time.Second)
		if begins, _ := m.news(); len(begins) > 0 {
			t.Errorf("moved before it had stood for a TTL: %q", begins)
		}
		time.Sleep(settled)
		parted(t, "three", a, b, c)
		begins, within := m.news()
		if len(begins) != len(c.Owned()) {
			t.Errorf("%d shards moved, and it leads %d", len(begins), len(c.Owned()))
		}
		for _, begin := range begins {
			if !strings.HasSuffix(begin, ": web-3") {
				t.Errorf("moved: %s", begin)
			}
		}
		if least := time.Duration(len(begins)/2-1) * 100 * time.Millisecond; within < least { // two leaders give them up
			t.Errorf("all within %v", within)
		}
	})
	bubble(t, "who leaves gives its shards to those that are to lead them, and nothing else moves", func(t *testing.T, store *memory.Store) {
		m := new(movements)
		a, b, c := m.join(t, store, "web-1", n), m.join(t, store, "web-2", n), m.join(t, store, "web-3", n)
		time.Sleep(settled)
		m.news()
		owned := len(b.Owned())
		if err := b.Close(); err != nil {
			t.Error(err)
		}
		time.Sleep(20 * time.Millisecond)
		parted(t, "two", a, c)
		if begins, _ := m.news(); len(begins) != owned {
			t.Errorf("it led %d, and %d moved: %q", owned, len(begins), begins)
		}
		time.Sleep(settled)
		if begins, _ := m.news(); len(begins) > 0 {
			t.Errorf("moved later: %q", begins)
		}
	})
	bubble(t, "who has just made way is there when the other one leaves again", func(t *testing.T, store *memory.Store) {
		m := new(movements)
		a := m.join(t, store, "web-1", n)
		b := m.join(t, store, "web-2", n)
		for len(a.Owned())+len(b.Owned()) < n || len(b.Owned()) < n/4 {
			time.Sleep(10 * time.Millisecond)
		}
		if err := b.Close(); err != nil {
			t.Error(err)
		}
		time.Sleep(100 * time.Millisecond)
		parted(t, "alone again", a)
	})
	bubble(t, "the shards of one that crashed are led by those that are to lead them, and by nobody in between", func(t *testing.T, store *memory.Store) {
		m := new(movements)
		a, b, c := m.join(t, store, "web-1", n), m.join(t, store, "web-2", n), m.join(t, store, "web-3", n)
		time.Sleep(settled)
		m.news()
		owned := len(a.Owned())
		a.link.Disconnect()
		time.Sleep(time.Minute)
		parted(t, "two", b, c)
		if begins, _ := m.news(); len(begins) != owned {
			t.Errorf("it led %d, and %d moved: %q", owned, len(begins), begins)
		}
		a.link.Reconnect()
		time.Sleep(settled)
		parted(t, "it is back", a, b, c)
		if begins, _ := m.news(); len(begins) != owned {
			t.Errorf("it led %d, and %d moved back: %q", owned, len(begins), begins)
		}
	})
	bubble(t, "one that comes and goes moves nothing", func(t *testing.T, store *memory.Store) {
		m := new(movements)
		a, b := m.join(t, store, "web-1", n), m.join(t, store, "web-2", n)
		time.Sleep(settled)
		m.news()
		for range 20 {
			c := m.join(t, store, "web-3", n)
			time.Sleep(14 * time.Second)
			if err := c.Close(); err != nil {
				t.Error(err)
			}
			time.Sleep(time.Second)
		}
		parted(t, "two", a, b)
		if begins, _ := m.news(); len(begins) > 0 {
			t.Errorf("moved: %q", begins)
		}
	})
	bubble(t, "a strategy of one's own stands above the hash", func(t *testing.T, store *memory.Store) {
		ranks := func(priority int) func(*leadership.Config) {
			return func(cfg *leadership.Config) {
				cfg.Profile.Priority, cfg.Election.Strategy = priority, leadership.StrategyPriority
			}
		}
		m := new(movements)
		low, high := m.join(t, store, "low", 8, ranks(1)), m.join(t, store, "high", 8, ranks(2))
		time.Sleep(settled)
		if len(low.Owned()) != 0 || len(high.Owned()) != 8 {
			t.Errorf("low leads %v, high %v", low.Owned(), high.Owned())
		}
	})
}

func TestShardsLead(t *testing.T) {
	bubble(t, "work runs where its shard is led, at one place at a time, and moves with it", func(t *testing.T, store *memory.Store) {
		const n = 12
		var mu sync.Mutex
		running := make(map[int]string)
		m := new(movements)
		ctx, cancel := context.WithCancel(t.Context())
		var works sync.WaitGroup
		lead := func(p *party) {
			works.Go(func() {
				err := p.Lead(ctx, func(ctx context.Context, shard int, term leadership.Term) error {
					mu.Lock()
					if other := running[shard]; other != "" || !term.Valid() {
						t.Errorf("shard %d runs at %s as %s begins, with a valid term: %v", shard, other, p.id, term.Valid())
					}
					running[shard] = p.id
					mu.Unlock()
					<-ctx.Done()
					time.Sleep(50 * time.Millisecond) // finishes what it has begun
					mu.Lock()
					delete(running, shard)
					mu.Unlock()
					return nil
				})
				if !errors.Is(err, leadership.ErrClosed) && !errors.Is(err, context.Canceled) {
					t.Errorf("Lead of %s: %v", p.id, err)
				}
			})
		}
		a, b := m.join(t, store, "web-1", n), m.join(t, store, "web-2", n)
		lead(a)
		lead(b)
		time.Sleep(2 * time.Minute)
		parted(t, "two", a, b)
		mu.Lock()
		if len(running) != n {
			t.Errorf("%d of %d run", len(running), n)
		}
		mu.Unlock()
		if err := a.Close(); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Second)
		mu.Lock()
		for shard := range n {
			if running[shard] != "web-2" {
				t.Errorf("shard %d runs at %q", shard, running[shard])
			}
		}
		mu.Unlock()
		cancel()
		works.Wait()
	})
}

func TestShardsCheckTheirSettings(t *testing.T) {
	factory := func(cfg leadership.Config) *leadership.ClusterFactory {
		return memory.NewClusterFactory(nil).Configure(cfg)
	}
	for _, c := range []struct {
		factory *leadership.ClusterFactory
		n       int
		want    string
	}{
		{factory(leadership.Config{}), 0, "shards 0 must be between 1 and 100000"},
		{factory(leadership.Config{}), 100_001, "shards 100001 must be between"},
		{factory(leadership.Config{Election: leadership.ElectionConfig{Strategy: leadership.StrategyArrival}}), 3, `election.strategy "arrival" must not be given to shards`},
		{factory(leadership.Config{Shards: leadership.ShardsConfig{Pace: -1}}), 3, "shards.pace -1ns must not be negative"},
		{factory(leadership.Config{ServiceName: "a//b"}), 3, `makes the key "services/a//b`},
		{factory(leadership.Config{}).Session("s", time.Second), 3, `session id "s" must not be given to a group`},
	} {
		s, err := c.factory.Shards(t.Context(), c.n)
		if !errors.Is(err, leadership.ErrInvalidConfig) || !strings.Contains(fmt.Sprint(err), c.want) {
			t.Errorf("%v, want %s", err, c.want)
		}
		if s != nil {
			_ = s.Close()
		}
	}
	one, err := memory.NewClusterFactory(nil).Shards(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	if one.Shard(-1) != nil || one.Shard(1) != nil || one.Shard(0) == nil || one.Len() != 1 {
		t.Error("it has other shards than 0")
	}
	if err := one.Close(); err != nil {
		t.Error(err)
	}
}

func TestShardOf(t *testing.T) {
	const names, n = 10_000, 16
	count := make([]int, n)
	for i := range names {
		shard := leadership.ShardOf(fmt.Sprintf("customer-%d", i), n)
		if again := leadership.ShardOf(fmt.Sprintf("customer-%d", i), n); again != shard {
			t.Fatalf("customer %d is of shards %d and %d", i, shard, again)
		}
		count[shard]++
	}
	for shard, c := range count {
		if c < names/n*8/10 || c > names/n*12/10 {
			t.Errorf("%d of %d names are of shard %d", c, names, shard)
		}
	}
	if got := []int{leadership.ShardOf("", 1), leadership.ShardOf("a", 1000), leadership.ShardOf("b", 1000)}; !slices.Equal(got, []int{0, 315, 704}) {
		t.Errorf("it must stay as it is: got %v", got)
	}
}
