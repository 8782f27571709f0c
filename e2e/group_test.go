package e2e_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/e2e/internal/stores"
	"github.com/leadership-go/leadership/e2e/internal/traffic"
	"github.com/leadership-go/leadership/internal/grammar"
	"github.com/leadership-go/leadership/sources/consul"
)

// TestGroups has two groups of 100 services each at real servers.
func TestGroups(t *testing.T) {
	t.Parallel()
	for _, starter := range stores.All() {
		t.Run(starter.Name, func(t *testing.T) {
			t.Parallel()
			s := startStore(t, starter, stores.Options{})
			sessions := must(s.Sessions(soon(t)))(t)
			cfg := newElection(calmTTL)
			services := make([]string, 100)
			for i := range services {
				services[i] = fmt.Sprintf("%s-%d", cfg.ServiceName, i)
			}
			a := assemble(t, s, cfg, "a", services)
			a.leadsAll(t)
			b := assemble(t, s, cfg, "b", services)
			time.Sleep(2 * calmTTL)
			if n := b.leads(); n > 0 {
				t.Errorf("b leads %d services beside a", n)
			}
			if n := a.leads(); n != len(services) {
				t.Errorf("a leads %d services although nothing happened", n)
			}
			if n := len(must(s.Sessions(soon(t)))(t)) - len(sessions); n != 2 {
				t.Errorf("two groups have %d sessions", n)
			}
			if err := a.Member(services[7]).Resign(soon(t)); err != nil {
				t.Error(err)
			}
			b.leadsOne(t, services[7])
			began := time.Now()
			if err := a.Close(); err != nil {
				t.Error(err)
			}
			b.leadsAll(t)
			t.Logf("100 services were handed over within %v", time.Since(began))
			if err := b.Close(); err != nil {
				t.Error(err)
			}
			for _, service := range services {
				cfg.ServiceName = service
				if keys := must(s.Left(soon(t), cfg.Key()))(t); len(keys) > 0 {
					t.Errorf("keys at the store: %q", keys)
				}
			}
			if left := must(s.Sessions(soon(t)))(t); len(left) != len(sessions) {
				t.Errorf("sessions at the store: %q, before: %q", left, sessions)
			}
		})
	}
}

// TestGroupsRequestsAtConsul counts what a group of 300 services sends while nothing changes, and while others write below what its keys begin with in common.
func TestGroupsRequestsAtConsul(t *testing.T) {
	t.Parallel()
	starter := stores.All()[slices.IndexFunc(stores.All(), func(s stores.Starter) bool { return s.Name == "consul" })]
	s := startStore(t, starter, stores.Options{})
	config := api.DefaultConfig()
	config.Address = s.Addrs()[0]
	var sent traffic.Counter
	config.HttpClient = &http.Client{Transport: sent.Consul(config.Transport)}
	client := must(api.NewClient(config))(t)
	t.Cleanup(config.Transport.CloseIdleConnections)
	services := make([]string, 300)
	for i := range services {
		services[i] = fmt.Sprintf("requests-%d", i)
	}
	g := must(consul.NewClusterFactory(consul.WithClient(client), consul.WithMinTTL(time.Second)).Configure(newElection(calmTTL)).Group(context.Background(), services...))(t)
	c := &crew{Group: g}
	defer func() {
		before := sent.Sent()
		if err := g.Close(); err != nil {
			t.Error(err)
		}
		t.Logf("closing sent %v", sent.Sent().Since(before))
	}()
	c.leadsAll(t)
	t.Logf("until the group led it sent %v", sent.Sent())
	count := func(what string, most int) {
		t.Helper()
		before := sent.Sent()
		time.Sleep(calmTTL)
		n, all := 0, sent.Sent().Since(before)
		for _, times := range all {
			n += times
		}
		t.Logf("%s it sent %v within %v", what, all, calmTTL)
		if n > most {
			t.Errorf("%s it sent %d requests; want at most %d", what, n, most)
		}
	}
	count("at first", 100) // what is still to be settled
	count("while nothing changed", 20)
	other := &api.KVPair{Key: "services/other"}
	must(client.KV().Put(other, nil))(t)
	count("after another key was written", 30)
	if n := c.leads(); n != len(services) {
		t.Errorf("the group leads %d services although nothing happened to them", n)
	}
}

// crew is a group and what it says.
type crew struct {
	*leadership.Group
	mu    sync.Mutex
	check map[string]*grammar.Checker
}

func assemble(t *testing.T, s stores.Store, cfg leadership.Config, id string, services []string) *crew {
	t.Helper()
	cfg.ServiceID = id
	g, err := s.Factory().Configure(cfg).Group(context.Background(), services...)
	if err != nil {
		t.Fatal(err)
	}
	c := &crew{Group: g, check: make(map[string]*grammar.Checker)}
	g.AsObservable().Subscribe(func(m leadership.GroupMessage) {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.check[m.Service] == nil {
			c.check[m.Service] = new(grammar.Checker)
		}
		if err := c.check[m.Service].Next(string(m.Status), m.Term, m.Err); err != nil {
			t.Errorf("%s, %s: %v", id, m.Service, err)
		}
	})
	t.Cleanup(func() { _ = g.Close() })
	return c
}

func (c *crew) leads() (n int) {
	for _, m := range c.Members() {
		if m.IsLeader() {
			n++
		}
	}
	return n
}

// leadsAll waits until c leads all services.
func (c *crew) leadsAll(t *testing.T) {
	t.Helper()
	c.until(t, func() bool { return c.leads() == len(c.Members()) })
}

func (c *crew) leadsOne(t *testing.T, service string) {
	t.Helper()
	c.until(t, c.Member(service).IsLeader)
}

func (c *crew) until(t *testing.T, done func() bool) {
	t.Helper()
	for began := time.Now(); !done(); time.Sleep(time.Millisecond) {
		if time.Since(began) > 30*time.Second {
			t.Fatalf("it leads %d of %d services after %v", c.leads(), len(c.Members()), time.Since(began))
		}
	}
}
