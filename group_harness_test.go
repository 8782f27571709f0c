package leadership_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/internal/grammar"
	"github.com/leadership-go/leadership/sources/memory"
)

// tally counts the requests of a group, and passes on what its backend can do.
type tally struct {
	leadership.Backend
	renewals, reads, surveys, awaits, opens atomic.Int64
}

func (b *tally) Open(ctx context.Context, ttl time.Duration) (leadership.Session, error) {
	b.opens.Add(1)
	return b.Backend.Open(ctx, ttl)
}

func (b *tally) Attach(ctx context.Context, id string, ttl time.Duration) (leadership.Session, error) {
	s, err := b.Backend.Attach(ctx, id, ttl)
	if err != nil {
		return nil, err
	}
	return talliedSession{s, b}, nil
}

func (b *tally) Observe(ctx context.Context, key string) (leadership.Observation, error) {
	b.reads.Add(1)
	return b.Backend.Observe(ctx, key)
}

func (b *tally) Survey(ctx context.Context, keys []string, since uint64) (map[string]uint64, uint64, error) {
	b.surveys.Add(1)
	return b.Backend.(leadership.Surveyor).Survey(ctx, keys, since)
}

func (b *tally) Await(ctx context.Context, s leadership.Session, keys []string, since uint64) (map[string]uint64, uint64, error) {
	b.awaits.Add(1)
	return b.Backend.(leadership.Surveyor).Await(ctx, s.(talliedSession).Session, keys, since)
}

type talliedSession struct {
	leadership.Session
	tally *tally
}

func (s talliedSession) Renew(ctx context.Context) error {
	s.tally.renewals.Add(1)
	return s.Session.Renew(ctx)
}

// plain hides what a backend can do besides.
type plain struct{ leadership.Backend }

// crowd is a group and what was heard of each of its members, on both streams.
type crowd struct {
	*leadership.Group
	tally *tally
	link  *memory.Backend

	mu    sync.Mutex
	heard map[string][]leadership.ElectionMessage
	over  bool
	fails bool // its Close
}

// names are n services.
func names(n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf("service-%d", i)
	}
	return list
}

// assemble has instance id stand for n services.
func assemble(t *testing.T, store *memory.Store, id string, n int, change ...func(*leadership.ClusterFactory, *leadership.Config)) *crowd {
	t.Helper()
	c := &crowd{heard: make(map[string][]leadership.ElectionMessage)}
	cfg := leadership.Config{ServiceID: id}
	f := leadership.NewClusterFactory(func(cfg leadership.Config) (leadership.Backend, error) {
		c.link = store.BackendFor(cfg.Profile)
		return c.link, nil
	})
	f.Wrap(func(_ leadership.Config, b leadership.Backend) leadership.Backend {
		c.tally = &tally{Backend: b}
		return c.tally
	})
	for _, set := range change {
		set(f, &cfg)
	}
	g, err := f.Configure(cfg).Group(context.Background(), names(n)...)
	if err != nil {
		t.Fatal(err)
	}
	c.Group = g
	g.AsObservable().Subscribe(c.hear, leadership.OnComplete(func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.over = true
	}))
	t.Cleanup(func() {
		c.link.Reconnect()
		if err := g.Close(); (err != nil) != c.fails {
			t.Errorf("Close of %s: %v", id, err)
		}
		synctest.Wait()
		c.verify(t, id)
	})
	synctest.Wait()
	return c
}

func (c *crowd) hear(m leadership.GroupMessage) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.heard[m.Service] = append(c.heard[m.Service], m.ElectionMessage)
}

// verify checks the grammar of all that was heard.
func (c *crowd) verify(t *testing.T, id string) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.over {
		t.Errorf("the stream of %s did not complete", id)
	}
	for service, list := range c.heard {
		var check grammar.Checker
		for i, m := range list {
			if err := check.Next(string(m.Status), m.Term, m.Err); err != nil {
				t.Errorf("%s, %s, message %d: %v", id, service, i, err)
			}
		}
		if err := check.End(); err != nil {
			t.Errorf("%s, %s: %v", id, service, err)
		}
	}
}

// leads counts the services that c leads.
func (c *crowd) leads() (n int) {
	for _, m := range c.Members() {
		if m.IsLeader() {
			n++
		}
	}
	return n
}

func (c *crowd) wantLeads(t *testing.T, n int) {
	t.Helper()
	if got := c.leads(); got != n {
		t.Fatalf("it leads %d services, want %d", got, n)
	}
}

// last is the last message about service with that status.
func (c *crowd) last(service string, status leadership.Status) (last leadership.ElectionMessage) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, m := range c.heard[service] {
		if m.Status == status {
			last = m
		}
	}
	return last
}
