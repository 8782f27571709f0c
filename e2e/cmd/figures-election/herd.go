package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/leadership-go/leadership/e2e/internal/contender"
	"github.com/leadership-go/leadership/e2e/internal/figures"
	"github.com/leadership-go/leadership/e2e/internal/herd"
	"github.com/leadership-go/leadership/e2e/internal/stores"
)

// What is promised of a handover at which many wait.
const (
	herdPuts  = 5   // at Consul, all together
	herdGets  = 2   // at Consul, of each that waits; and as many of the one that leads next, for its first proof and to find who is next after it
	herdRatio = 1.0 // at Consul, to how long a handover takes with the store's own client
	herdWoken = 1   // at etcd
)

// herdSizes are how many wait in the elections beside the largest one.
func herdSizes() []int { return []int{1, 10} }

// herds has elections of several sizes hand over. Consul's candidates renew at least once before each handover. Those at etcd have a long TTL, so that they ask
// nothing by themselves meanwhile: who asks was woken.
func herds(ctx context.Context, store stores.Store, s settings, r *report) error {
	o := s.herd
	o.Waiters = append(herdSizes(), s.waiters)
	slices.Sort(o.Waiters)
	o.Waiters = slices.Compact(o.Waiters)
	o.TTL, o.Rest, o.Gathered = 10*time.Second, 7*time.Second, 17*time.Second // a leader looks every 16 s for who is next, while it knows of nobody
	if store.Name() == "etcd" {
		o.TTL, o.Rest = 10*time.Minute, herd.Away+time.Second
	}
	result, err := herd.Measure(ctx, store, []string{contender.Leadership, contender.Peer(store.Name())}, o)
	if err != nil {
		return err
	}
	for _, waiters := range o.Waiters {
		r.herd(store.Name(), waiters, result[contender.Leadership][waiters], result[contender.Peer(store.Name())][waiters])
	}
	return nil
}

// herd prints what the handovers cost of an election in which so many wait.
func (r *report) herd(store string, waiters int, ours, theirs herd.Handovers) {
	name := fmt.Sprintf("%s.herd.%d.", store, waiters)
	for _, one := range []struct {
		name      string
		handovers herd.Handovers
	}{{name, ours}, {name + "peer.", theirs}} {
		for _, number := range []struct {
			name string
			of   func(herd.Handover) int
		}{{"puts", putsOf}, {"gets", getsOf}, {"woken", wokenOf}} {
			if store == "etcd" != (number.name == "woken") {
				continue
			}
			median, most := one.handovers.Of(number.of)
			r.Count(one.name+number.name+".p50", median)
			r.Count(one.name+number.name+".max", most)
		}
		r.Seconds(one.name+"took.p50", one.handovers.Took().Quantile(0.5))
		r.Seconds(one.name+"took.max", one.handovers.Took().Max())
	}
	times := figures.RatioOf(ours.Took(), theirs.Took(), 0.5, 1)
	if store == "etcd" {
		r.atMost(name+"ratio.p50", times.Value, 0)
		_, woken := ours.Of(wokenOf)
		r.Require(woken <= herdWoken, "%swoken.max is %d, the most is %d", name, woken, herdWoken)
		return
	}
	r.noMore(name+"ratio.p50", times, herdRatio)
	_, puts := ours.Of(putsOf)
	r.Require(puts <= herdPuts, "%sputs.max is %d, the most is %d", name, puts, herdPuts)
	_, gets := ours.Of(getsOf)
	r.Require(gets <= herdGets*(waiters+1), "%sgets.max is %d, the most is %d for each of %d and for the next leader", name, gets, herdGets, waiters)
}

func putsOf(h herd.Handover) int { return h.Puts }

func getsOf(h herd.Handover) int { return h.Gets }

func wokenOf(h herd.Handover) int { return h.Woken }
