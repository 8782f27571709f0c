package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/e2e/internal/fault"
	"github.com/leadership-go/leadership/e2e/internal/figures"
	"github.com/leadership-go/leadership/e2e/internal/pause"
	"github.com/leadership-go/leadership/e2e/internal/probe"
	"github.com/leadership-go/leadership/e2e/internal/stores"
)

// halfOpenRun is what one run showed.
type halfOpenRun struct {
	belief     time.Duration // from the sending of the last successful renewal to the first "no" to IsLeader
	context    time.Duration // … to the end of the term's context
	relegation time.Duration // … to the relegation message
	succeeded  bool
	gap        time.Duration // from the old leader's last "yes" to the successor's beginning; below 0 is an overlap
	successor  time.Duration // from the cut to the successor's elected.first
}

// cut is a way in which a link is cut.
type cut struct {
	name      string
	direction fault.Direction
	delay     float64 // of answers, before the cut, as a share of the TTL
}

// cuts are the ways, run by run. Most lose what the leader sends, which is what half-open means.
func cuts(runs int) []cut {
	kinds := []cut{
		{"upstream", fault.Upstream, 0},
		{"upstream", fault.Upstream, 0},
		{"downstream", fault.Downstream, 0},
		{"both", fault.Both, 0},
		{"slow", fault.Upstream, 0.1},
	}
	all := make([]cut, runs)
	for i := range all {
		all[i] = kinds[i%len(kinds)]
	}
	return all
}

// halfOpen cuts leaders off from a store that does not notice, while their successors reach it.
func halfOpen(ctx context.Context, store stores.Store, s settings, p *figures.Printer) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute+6*s.ttl)
	defer cancel()
	beliefs := probe.Sample()
	runs, errs := make([]halfOpenRun, s.runs), make([]error, s.runs)
	var running sync.WaitGroup
	for i := range s.runs {
		running.Go(func() {
			service := fmt.Sprintf("half-open-%d", i)
			runs[i], errs[i] = halfOpenOnce(ctx, store, beliefs, cuts(s.runs)[i], service, s.ttl)
		})
	}
	running.Wait()
	beliefs.Stop()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	printHalfOpen(store.Name(), runs, s.ttl, p)
	mean, longest := beliefs.Gaps()
	p.Seconds(store.Name()+".halfopen.sampled.mean", mean)
	p.Seconds(store.Name()+".halfopen.sampled.max", longest)
	return nil
}

func printHalfOpen(store string, runs []halfOpenRun, ttl time.Duration, p *figures.Printer) {
	var belief, contexts, relegation, gap figures.Durations
	successor := make(map[string]figures.Durations)
	ways := cuts(len(runs))
	succeeded := 0
	var overlap time.Duration
	for i, r := range runs {
		belief = append(belief, r.belief)
		contexts = append(contexts, r.context)
		relegation = append(relegation, r.relegation)
		if r.succeeded {
			succeeded++
			gap = append(gap, r.gap)
			overlap = max(overlap, -r.gap)
			successor[ways[i].name] = append(successor[ways[i].name], r.successor)
		}
	}
	name := func(what string) string { return store + ".halfopen." + what }
	p.Count(name("runs"), len(runs))
	p.Seconds(name("ttl"), ttl)
	p.Seconds(name("belief.p50"), belief.Quantile(0.5))
	p.Seconds(name("belief.max"), belief.Max())
	p.Seconds(name("context.max"), contexts.Max())
	p.Seconds(name("relegation.max"), relegation.Max())
	p.Seconds(name("overlap.max"), overlap)
	p.Seconds(name("gap.min"), gap.Min())
	p.Count(name("successors"), succeeded)
	for _, way := range slices.Sorted(maps.Keys(successor)) {
		p.Seconds(name(way+".successor.p50"), successor[way].Quantile(0.5))
		p.Seconds(name(way+".successor.max"), successor[way].Max())
	}
	p.Require(belief.Max() < ttl, "%s: a leader believed for %v, TTL %v", store, belief.Max(), ttl)
	p.Require(contexts.Max() < ttl, "%s: a term's context lived for %v, TTL %v", store, contexts.Max(), ttl)
	p.Require(relegation.Max() < ttl, "%s: a relegation came after %v, TTL %v", store, relegation.Max(), ttl)
	p.Require(overlap == 0, "%s: two members believed at once for %v", store, overlap)
	p.Require(succeeded == len(runs), "%s: %d leaders cut off, %d successors", store, len(runs), succeeded)
}

// halfOpenOnce has a leader and a waiter of one election, cuts the leader off at a random moment and waits for what comes of it.
func halfOpenOnce(
	ctx context.Context, store stores.Store, beliefs *probe.Beliefs, way cut, service string, ttl time.Duration,
) (run halfOpenRun, err error) {
	link, err := fault.NewLink(store.Addrs()[0])
	if err != nil {
		return run, err
	}
	defer link.Close()
	if way.delay > 0 {
		if err := link.Delay(time.Duration(way.delay * float64(ttl))); err != nil {
			return run, err
		}
	}
	var recorder probe.Recorder
	config := leadership.Config{ServiceName: service, ServiceID: "old", Session: leadership.SessionConfig{TTL: ttl}}
	old, err := leadership.NewClusterFactory(recorder.Connect(func() (leadership.Backend, error) { return store.Backend(link.Addr()) })).
		Configure(config).Build(ctx)
	if err != nil {
		return run, err
	}
	defer func() {
		link.Close() // so that the member's farewell fails at once
		_ = old.Close()
	}()
	oldSays, oldBelief := probe.Follow(old), beliefs.Of(old)
	first, _, err := oldSays.AwaitStatus(ctx, 0, leadership.StatusElectedFirst)
	if err != nil {
		return run, fmt.Errorf("leader: %w", err)
	}
	config.ServiceID = "new"
	successor, err := store.Factory().Configure(config).Build(ctx)
	if err != nil {
		return run, err
	}
	defer func() { err = errors.Join(err, successor.Close()) }()
	newSays, newBelief := probe.Follow(successor), beliefs.Of(successor)
	if _, _, err := newSays.AwaitStatus(ctx, 0, leadership.StatusNotElected); err != nil {
		return run, fmt.Errorf("waiter: %w", err)
	}
	// Anywhere between two renewals.
	if err := recorder.AwaitRenewal(ctx, first.Vote.SessionID, time.Now()); err != nil {
		return run, fmt.Errorf("leader does not renew: %w", err)
	}
	if err := pause.For(ctx, rand.N(ttl*7/15)); err != nil {
		return run, err
	}
	term := old.Term()
	contextEnded := make(chan time.Time, 1)
	defer context.AfterFunc(term.Context(), func() { contextEnded <- time.Now() })() //nolint:contextcheck // the term's own is the one in question

	began := time.Now()
	if err := link.Cut(way.direction); err != nil {
		return run, err
	}
	relegated, _, err := oldSays.AwaitStatus(ctx, 0, leadership.StatusRelegation)
	if err != nil {
		return run, fmt.Errorf("cut off %s: %w", way.name, err)
	}
	sent := recorder.Renewed(first.Vote.SessionID)
	run.relegation = relegated.At.Sub(sent)
	run.context = (<-contextEnded).Sub(sent)
	next, _, err := newSays.AwaitStatus(ctx, 0, leadership.StatusElectedFirst)
	if err != nil {
		if ctx.Err() != nil {
			err = nil // there is none: that is a figure
		}
		return run, err
	}
	run.succeeded, run.successor = true, next.At.Sub(began)
	before, err1 := oldBelief.AwaitSpan(ctx, term.Token(), true)
	after, err2 := newBelief.AwaitSpan(ctx, next.Term, false)
	if err := errors.Join(err1, err2); err != nil {
		return run, err
	}
	run.belief = before.Over.Sub(sent)
	run.gap = min(after.First.Sub(before.Last), next.At.Sub(before.Last))
	if next.Term <= first.Term {
		return run, fmt.Errorf("the successor's token %d is not above %d", next.Term, first.Term)
	}
	return run, nil
}
