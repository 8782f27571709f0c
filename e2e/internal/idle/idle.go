// Package idle measures what a leader and a candidate that waits ask of the store while nothing happens.
package idle

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/leadership-go/leadership/e2e/internal/contender"
	"github.com/leadership-go/leadership/e2e/internal/pause"
	"github.com/leadership-go/leadership/e2e/internal/stores"
	"github.com/leadership-go/leadership/e2e/internal/traffic"
)

// Options say what is measured.
type Options struct {
	// TTL of the sessions.
	TTL time.Duration
	// For is for how long requests are counted.
	For time.Duration
}

// Asked is what was asked of the store.
type Asked struct {
	Requests traffic.Requests
	For      time.Duration
}

// Rate is how many requests of the wanted kinds there were in a second.
func (a Asked) Rate(wanted func(traffic.Request) bool) float64 {
	return float64(a.Requests.Of(wanted)) / a.For.Seconds()
}

// Total is how many requests there were in a second.
func (a Asked) Total() float64 { return a.Rate(func(traffic.Request) bool { return true }) }

// Pair is what the two candidates of an election asked.
type Pair struct{ Leader, Candidate Asked }

const (
	// within bounds the wait for the first leader.
	within = 30 * time.Second
	// settles is how long what comes with a new candidate takes at most.
	settles = 5 * time.Second
)

var errElected = errors.New("idle: the leader has changed")

// Measure has an election of each kind, all side by side, with a leader and one that waits, and returns by kind what they asked of the store.
func Measure(ctx context.Context, store stores.Store, kinds []string, o Options) (map[string]Pair, error) {
	pairs := make([]Pair, len(kinds))
	errs := make([]error, len(kinds))
	var all sync.WaitGroup
	for i, kind := range kinds {
		all.Go(func() { pairs[i], errs[i] = measure(ctx, store, kind, fmt.Sprintf("idle-%d", i), o) })
	}
	all.Wait()
	asked := make(map[string]Pair)
	for i, kind := range kinds {
		if errs[i] != nil {
			return nil, fmt.Errorf("%s: %w", kind, errs[i])
		}
		asked[kind] = pairs[i]
	}
	return asked, nil
}

// measure counts at one election.
func measure(ctx context.Context, store stores.Store, kind, election string, o Options) (p Pair, err error) {
	start, err := contender.Of(kind)
	if err != nil {
		return p, err
	}
	led := make(chan string, 10)
	var leader, candidate traffic.Counter
	options := contender.Options{Store: store.Name(), Addrs: store.Addrs(), Election: election, TTL: o.TTL}
	seat := func(id string, count *traffic.Counter) (contender.Contender, error) {
		options.ID, options.Count, options.Led = id, count, func() { led <- id }
		return start(ctx, options)
	}
	first, err := seat("leader", &leader)
	if err != nil {
		return p, err
	}
	defer func() { _ = first.Close() }() // how they leave is not measured
	timer := time.NewTimer(within)
	defer timer.Stop()
	select {
	case <-led:
	case <-timer.C:
		return p, fmt.Errorf("idle: nobody leads within %v", within)
	case <-ctx.Done():
		return p, context.Cause(ctx)
	}
	second, err := seat("candidate", &candidate)
	if err != nil {
		return p, err
	}
	defer func() { _ = second.Close() }()
	if err := pause.For(ctx, settles); err != nil {
		return p, err
	}
	before, began := [2]traffic.Requests{leader.Sent(), candidate.Sent()}, time.Now()
	if before[1].Of(traffic.Request.Watches) == 0 {
		return p, errors.New("idle: the candidate does not wait")
	}
	if err := pause.For(ctx, o.For); err != nil {
		return p, err
	}
	took := time.Since(began)
	p.Leader = Asked{leader.Sent().Since(before[0]), took}
	p.Candidate = Asked{candidate.Sent().Since(before[1]), took}
	if len(led) > 0 {
		return p, errElected
	}
	return p, nil
}
