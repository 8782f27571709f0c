package consul

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/leadership-go/leadership"
)

// TestGroupsAtABusyServer has three groups stand for the same services at a fake server, while operators delete and overwrite keys and end sessions, deletions are forgotten, and the
// server is now and then behind, or busy. At most one leads each service, and once that is over, one does.
func TestGroupsAtABusyServer(t *testing.T) {
	for seed := range max(2, *seedsFlag) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { newGathering(t, seed).play() })
		})
	}
}

const gathered = 70 // services: more than one transaction reads

// gathering are groups and their server.
type gathering struct {
	t      *testing.T
	rng    *rand.Rand
	server *ensemble
	ends   bool // operators end sessions, and successors wait for who may believe
	groups []*leadership.Group
}

func newGathering(t *testing.T, seed uint64) *gathering {
	t.Helper()
	g := &gathering{t: t, rng: rand.New(rand.NewPCG(seed, 7)), server: newEnsemble(seed), ends: seed%2 == 1}
	services := make([]string, gathered)
	for i := range services {
		services[i] = fmt.Sprintf("gathered-%d", i)
	}
	for i := range 3 {
		cfg := leadership.Config{ServiceID: fmt.Sprintf("node-%d", i), Session: leadership.SessionConfig{TTL: 10 * time.Second}}
		if g.ends {
			cfg.Election.TakeoverDelay = cfg.Session.TTL
		}
		group, err := over(t, g.server.from(i)).factory().Configure(cfg).Group(context.Background(), services...)
		if err != nil {
			t.Fatal(err)
		}
		g.groups = append(g.groups, group)
	}
	return g
}

func (g *gathering) play() {
	g.pass(20 * time.Second)
	for range 25 {
		g.server.do(g.befall)
		g.pass(time.Duration(1+g.rng.IntN(12_000)) * time.Millisecond)
	}
	g.server.do(func() {
		e := g.server
		e.busy, e.lag = false, 0
		for _, key := range g.names() {
			if e.keys[key].Session == "" { // of an operator's
				e.index++
				delete(e.keys, key)
			}
		}
		e.wrote()
	})
	g.pass(2 * time.Minute)
	if led := g.led(); led != gathered {
		g.t.Errorf("%d services of %d are led", led, gathered)
	}
	for _, group := range g.groups {
		if err := group.Close(); err != nil {
			g.t.Error(err)
		}
	}
	g.server.do(func() {
		if len(g.server.keys)+len(g.server.sessions) > 0 {
			g.t.Errorf("the server has %d sessions, and %q", len(g.server.sessions), g.names())
		}
	})
}

// befall is a fault. The server is locked.
func (g *gathering) befall() {
	e := g.server
	forgets := len(e.past) > 0 && time.Since(e.past[len(e.past)-1].from) > 5*time.Second // those that everybody has seen: Consul waits for 15 minutes
	e.index++
	key := fmt.Sprintf("services/gathered-%d/leader", g.rng.IntN(gathered))
	switch g.rng.IntN(8) {
	case 0, 1:
		delete(e.keys, key)
	case 2:
		pair := e.keys[key]
		pair.Key, pair.ModifyIndex, pair.LockIndex, pair.Value = key, e.index, 0, voteOf(idTwo)
		if pair.CreateIndex == 0 {
			pair.CreateIndex = e.index
		}
		e.keys[key] = pair
	case 3:
		if ids := slices.Sorted(maps.Keys(e.sessions)); g.ends && len(ids) > 0 {
			e.end(ids[g.rng.IntN(len(ids))])
		}
	case 4:
		if forgets {
			e.reap()
		}
	case 5:
		e.lag = time.Duration(g.rng.IntN(2)*g.rng.IntN(1000)) * time.Millisecond
	case 6:
		e.busy = !e.busy
	case 7:
		maps.DeleteFunc(e.keys, func(key string, _ api.KVPair) bool { return strings.HasSuffix(key, "/leader") }) // and no traces
	}
	e.wrote()
}

// names are the keys there are. The server is locked.
func (g *gathering) names() []string { return slices.Sorted(maps.Keys(g.server.keys)) }

// led is how many services are led, of which each has one leader at most.
func (g *gathering) led() (n int) {
	for i := range gathered {
		leaders := 0
		for _, group := range g.groups {
			if group.Members()[i].IsLeader() {
				leaders++
			}
		}
		if leaders > 1 {
			g.t.Fatalf("%d leaders of service %d", leaders, i)
		}
		n += leaders
	}
	return n
}

// pass looks all the time.
func (g *gathering) pass(d time.Duration) {
	for until := time.Now().Add(d); time.Now().Before(until); time.Sleep(101 * time.Millisecond) {
		g.led()
	}
}
