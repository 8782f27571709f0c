package main

import (
	"context"
	"math"
	"time"

	"github.com/leadership-go/leadership/e2e/internal/crowd"
	"github.com/leadership-go/leadership/e2e/internal/figures"
	"github.com/leadership-go/leadership/e2e/internal/stores"
)

// crowdWithin bounds the whole of it at one store.
const crowdWithin = 15 * time.Minute

// crowdScenario has a thousand members stand for one key.
func crowdScenario(ctx context.Context, store stores.Store, _ settings, p *figures.Printer) error {
	ctx, cancel := context.WithTimeout(ctx, crowdWithin)
	defer cancel()
	r, err := crowd.Run(ctx, store, crowd.Options{Alone: true})
	if err != nil {
		return err
	}
	printCrowd(store.Name()+".crowd", r, p)
	if store.Name() == "etcd" {
		p.Require(r.InLine == r.Chain, "etcd: %d of %d successors were those who had waited longest", r.InLine, r.Chain)
	}
	f, err := crowd.TakeTurns(ctx, store, crowd.Options{})
	if err != nil {
		return err
	}
	printTurns(store.Name()+".crowd", f, p)
	return nil
}

func printCrowd(name string, r *crowd.Result, p *figures.Printer) {
	p.Count(name+".members", r.Members)
	p.Seconds(name+".ttl", r.TTL)
	p.Seconds(name+".ready", r.Ready)
	p.Count(name+".errors", r.Errors)
	p.Count(name+".overlaps", r.Seen.Overlaps)
	p.Count(name+".asked", r.Seen.Rounds)
	p.Seconds(name+".asked.every.mean", r.Seen.Mean)
	p.Seconds(name+".asked.every.max", r.Seen.Longest)
	p.Seconds(name+".relegation", r.Relegation)
	p.Seconds(name+".recovery", r.Recovery)
	p.Count(name+".handovers", r.Chain)
	p.Count(name+".spontaneous", r.Spontaneous)
	for _, way := range []struct {
		name string
		took figures.Durations
	}{{".close", r.Closes}, {".resign", r.Resigns}} {
		p.Seconds(name+way.name+".p50", way.took.Quantile(0.5))
		p.Seconds(name+way.name+".p99", way.took.Quantile(0.99))
		p.Seconds(name+way.name+".max", way.took.Max())
	}
	p.Seconds(name+".settled.p50", r.Settled.Quantile(0.5))
	p.Seconds(name+".settled.max", r.Settled.Max())
	p.Count(name+".refused", r.Refused)
	p.Count(name+".handover.requests", int(math.Round(r.PerHandover())))
	for _, kind := range r.Asked.Kinds() {
		anyhow := float64(r.Idle[kind]) / r.IdleFor.Seconds() * r.Took.Seconds()
		p.Count(name+".handover.requests."+kind, int(math.Round((float64(r.Asked[kind])-anyhow)/float64(r.Chain))))
	}
	p.Count(name+".idle.requests.per.member.and.1000s", int(math.Round(1000*r.IdleRate())))
	for _, kind := range r.Idle.Kinds() {
		p.Count(name+".idle.requests.per.s."+kind, int(math.Round(float64(r.Idle[kind])/r.IdleFor.Seconds())))
	}
	members := float64(r.Members)
	p.Seconds(name+".member.processor.per.s", time.Duration(float64(r.Processor)/r.IdleFor.Seconds()/members))
	p.Seconds(name+".servers.processor.per.s", time.Duration(float64(r.Servers)/r.IdleFor.Seconds()))
	each := func(what string, with, before uint64) {
		p.Count(name+".member."+what, int((float64(with)-float64(before))/members))
	}
	each("heap.bytes", r.With.Heap, r.Before.Heap)
	each("stacks.bytes", r.With.Stacks, r.Before.Stacks)
	each("resident.bytes", r.With.Resident, r.Before.Resident)
	each("goroutines", uint64(r.With.Goroutines), uint64(r.Before.Goroutines))
	each("files", uint64(r.With.Files), uint64(r.Before.Files))
	p.Require(r.Seen.Overlaps == 0, "%s: two members led at once, %d times: %v", name, r.Seen.Overlaps, r.Seen.First)
	p.Require(len(r.Closes)+len(r.Resigns) == r.Chain, "%s: %d handovers of %d", name, len(r.Closes)+len(r.Resigns), r.Chain)
	p.Require(r.Relegation < r.TTL, "%s: a leader cut off believed for %v, TTL %v", name, r.Relegation, r.TTL)
}

func printTurns(name string, f *crowd.Fairness, p *figures.Printer) {
	p.Count(name+".turns.members", f.Turns)
	p.Count(name+".turns.led.once", f.Once)
	p.Seconds(name+".turns.took", f.Took)
	p.Count(name+".lottery.members", f.Lottery)
	p.Count(name+".lottery.handovers", f.Handovers)
	p.Count(name+".lottery.handovers.until.all.led", f.All)
	p.Count(name+".lottery.led.least", f.Least)
	p.Count(name+".lottery.led.most", f.Most)
	p.Seconds(name+".lottery.took", f.LotteryTook)
	p.Require(f.Once == f.Turns, "%s: %d of %d members led once", name, f.Once, f.Turns)
	p.Require(f.Least > 0, "%s: after %d handovers one of %d members has never led", name, f.Handovers, f.Lottery)
}
