// Package group measures what a group of many elections costs: see [Measure].
package group

import (
	"context"
	"fmt"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/e2e/internal/pause"
)

// Run is one measurement.
type Run struct {
	// Services is how many elections the group stands in.
	Services int
	// Settle is how long after that it is watched.
	Settle time.Duration
	// Quiet is for how long it is watched once it leads all of them.
	Quiet time.Duration
	// Addrs are those of the store, to count the connections to it; nil where there are none.
	Addrs []string
}

// Figures are what came out.
type Figures struct {
	Services int
	// Elected is how long it took from the start until the group led all services.
	Elected time.Duration
	// Renewals, Surveys and Reads are requests a second while nothing changed; Reads are those of single keys.
	Renewals, Surveys, Reads float64
	// Goroutines and Connections are how many more there are than before.
	Goroutines, Connections int
	// Bytes is how much more heap is in use than before, for each election; a store in the same process counts, too.
	Bytes int
	// Closed is how long Close took.
	Closed time.Duration
}

// String is one line.
func (f Figures) String() string {
	return fmt.Sprintf("%d services: elected in %v; %.2f renewals, %.2f surveys and %.2f reads of one key a second; %d goroutines; %d connections; %d bytes an election; closed in %v",
		f.Services, f.Elected.Round(time.Millisecond), f.Renewals, f.Surveys, f.Reads, f.Goroutines, f.Connections, f.Bytes, f.Closed.Round(time.Millisecond))
}

// Measure has a group of the factory stand alone. It returns an error if it does not lead all services before ctx ends, or loses one while nothing changes.
func Measure(ctx context.Context, factory *leadership.ClusterFactory, r Run) (f Figures, err error) {
	services := make([]string, r.Services)
	for i := range services {
		services[i] = fmt.Sprintf("service-%d", i)
	}
	var counts tally
	factory.Wrap(func(_ leadership.Config, b leadership.Backend) leadership.Backend {
		if surveyor, ok := b.(leadership.Surveyor); ok {
			return &surveyed{counted{b, &counts}, surveyor}
		}
		return &counted{b, &counts}
	})
	before, err := Connections(r.Addrs)
	if err != nil {
		return f, err
	}
	goroutines, heap := runtime.NumGoroutine(), inUse()
	began := time.Now()
	g, err := factory.Group(ctx, services...)
	if err != nil {
		return f, err
	}
	f.Services = r.Services
	defer func() {
		began := time.Now()
		if closed := g.Close(); err == nil {
			err = closed
		}
		f.Closed = time.Since(began)
	}()
	for leads(g) < r.Services {
		if ctx.Err() != nil {
			return f, fmt.Errorf("it leads %d of %d services: %w", leads(g), r.Services, context.Cause(ctx))
		}
		time.Sleep(time.Millisecond)
	}
	f.Elected = time.Since(began)
	if err := pause.For(ctx, r.Settle); err != nil {
		return f, err
	}
	f.Bytes = int(inUse()-heap) / r.Services
	counts.reset()
	began = time.Now()
	for time.Since(began) < r.Quiet && ctx.Err() == nil {
		time.Sleep(min(r.Quiet, 100*time.Millisecond))
		f.Goroutines = max(f.Goroutines, runtime.NumGoroutine()-goroutines)
	}
	passed := time.Since(began).Seconds()
	f.Renewals, f.Surveys, f.Reads = float64(counts.renewals.Load())/passed, float64(counts.surveys.Load())/passed, float64(counts.reads.Load())/passed
	connections, err := Connections(r.Addrs)
	if err != nil {
		return f, err
	}
	f.Connections = connections - before
	if n := leads(g); n != r.Services {
		return f, fmt.Errorf("it leads %d of %d services although nothing happened", n, r.Services)
	}
	return f, ctx.Err()
}

// leads counts the services that g leads.
func leads(g *leadership.Group) (n int) {
	for _, m := range g.Members() {
		if m.IsLeader() {
			n++
		}
	}
	return n
}

// inUse is how much heap is in use.
func inUse() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// tally counts requests.
type tally struct{ renewals, surveys, reads atomic.Int64 }

func (t *tally) reset() {
	t.renewals.Store(0)
	t.surveys.Store(0)
	t.reads.Store(0)
}

// counted is a backend of which requests are counted.
type counted struct {
	leadership.Backend
	tally *tally
}

func (b *counted) Attach(ctx context.Context, id string, ttl time.Duration) (leadership.Session, error) {
	s, err := b.Backend.Attach(ctx, id, ttl)
	if err != nil {
		return nil, err
	}
	return &session{s, b.tally}, nil
}

func (b *counted) Observe(ctx context.Context, key string) (leadership.Observation, error) {
	b.tally.reads.Add(1)
	return b.Backend.Observe(ctx, key)
}

// surveyed is one that surveys.
type surveyed struct {
	counted
	surveyor leadership.Surveyor
}

func (b *surveyed) Survey(ctx context.Context, keys []string, since uint64) (map[string]uint64, uint64, error) {
	b.tally.surveys.Add(1)
	return b.surveyor.Survey(ctx, keys, since)
}

func (b *surveyed) Await(ctx context.Context, s leadership.Session, keys []string, since uint64) (map[string]uint64, uint64, error) {
	if own, ok := s.(*session); ok {
		s = own.Session
	}
	return b.surveyor.Await(ctx, s, keys, since)
}

type session struct {
	leadership.Session
	tally *tally
}

func (s *session) Renew(ctx context.Context) error {
	s.tally.renewals.Add(1)
	return s.Session.Renew(ctx)
}
