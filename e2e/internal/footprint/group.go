package footprint

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/e2e/internal/pause"
	"github.com/leadership-go/leadership/e2e/internal/stores"
)

// group is candidates that wait, each for a key of its own.
type group struct {
	store stores.Store
	kind  Kind
	house house
	ctx   context.Context //nolint:containedctx // ends the peers' candidacies
	stop  context.CancelFunc
	peers sync.WaitGroup
	led   atomic.Int64 // how many lead, although they are to wait

	members []*leadership.Member
	n       int // how many there are
}

// house is a store as candidates know it.
type house interface {
	// lock has a session of the operator's hold key, with a vote that a candidate of that kind takes for one of its own.
	lock(ctx context.Context, key string) error
	// factory makes a member.
	factory() *leadership.ClusterFactory
	// stand has a candidate of the store's own client wait for key until ctx ends. It returns without an error if it leads.
	stand(ctx context.Context, key string) error
	// close ends the operator's session, and the shared client.
	close()
	// tidy closes the connections that nobody uses any more.
	tidy()
}

func newGroup(ctx context.Context, store stores.Store, kind Kind) (*group, error) {
	g := &group{store: store, kind: kind}
	var err error
	switch s := store.(type) {
	case *stores.Etcd:
		g.house, err = newEtcdHouse(ctx, s, kind)
	case *stores.Consul:
		g.house, err = newConsulHouse(ctx, s, kind)
	default:
		err = fmt.Errorf("footprint: no candidates for %s", store.Name())
	}
	if err != nil {
		return nil, err
	}
	g.ctx, g.stop = context.WithCancel(context.WithoutCancel(ctx))
	return g, nil
}

// add has n more candidates wait: each has a session at the store then.
func (g *group) add(ctx context.Context, n int) error {
	sessions, err := g.store.Sessions(ctx)
	if err != nil {
		return err
	}
	for range n {
		config := leadership.Config{ServiceName: fmt.Sprintf("footprint-%t-%t-%d", g.kind.Peer, g.kind.Own, g.n), Session: leadership.SessionConfig{TTL: TTL}}
		g.n++
		if err := g.house.lock(ctx, config.Key()); err != nil {
			return err
		}
		if err := g.wait(config); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, standsWithin)
	defer cancel()
	for want := len(sessions) + n; ; {
		if sessions, err = g.store.Sessions(ctx); err == nil && len(sessions) >= want {
			return nil
		}
		if pause.For(ctx, asks) != nil {
			return fmt.Errorf("footprint: %d sessions at the store, want %d: %w", len(sessions), want, err)
		}
	}
}

// wait starts one.
func (g *group) wait(config leadership.Config) error {
	if g.kind.Peer {
		g.peers.Go(func() {
			if err := g.house.stand(g.ctx, config.Key()); err == nil {
				g.led.Add(1)
			}
		})
		return nil
	}
	m, err := g.house.factory().Configure(config).Build(g.ctx)
	if err != nil {
		return err
	}
	m.AsObservable().Subscribe(g.hear) // the call that waits does that for the peers
	g.members = append(g.members, m)
	return nil
}

func (g *group) hear(msg leadership.ElectionMessage) {
	if msg.Status == leadership.StatusElectedFirst {
		g.led.Add(1)
	}
}

// close ends all candidacies, and then the operator's session.
func (g *group) close() {
	g.stop()
	var all sync.WaitGroup
	for _, m := range g.members {
		all.Go(func() { _ = m.Close() }) // how they leave is not measured
	}
	all.Wait()
	g.peers.Wait() // Lock looks every 15 seconds whether it is to stop
	g.house.close()
}

// gone waits until no more goroutines are left than there were before: the next kind is measured without this one.
func (g *group) gone(before int) {
	for start := time.Now(); runtime.NumGoroutine() > before && time.Since(start) < standsWithin; {
		g.house.tidy()
		time.Sleep(asks)
	}
}

// held is for how long the operator's session keeps the keys. Nobody renews it.
const held = 10 * time.Minute
