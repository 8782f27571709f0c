// Package herd counts what candidates that wait for one key ask of the store when it is handed over.
package herd

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/leadership-go/leadership/e2e/internal/contender"
	"github.com/leadership-go/leadership/e2e/internal/figures"
	"github.com/leadership-go/leadership/e2e/internal/pause"
	"github.com/leadership-go/leadership/e2e/internal/stores"
)

// Options say how often to measure.
type Options struct {
	// Waiters is how many candidates wait beside the leader; each of these numbers is an election of its own.
	Waiters []int
	// Handovers is how many there are in each election.
	Handovers int
	// TTL of the sessions.
	TTL time.Duration
	// Rest is for how long all wait quietly before each handover. It is longer than [Away].
	Rest time.Duration
	// Gathered is for how long they wait before the first one, so that all know what they need to know of each other.
	Gathered time.Duration
}

// Handover is what one cost.
type Handover struct {
	// Took is from right before the call of Resign to the moment at which a successor knows that it leads.
	Took time.Duration
	// Puts and Gets are what the store was asked until all is quiet again, by methods of HTTP. Renewals of sessions do not count, nor do repetitions of long
	// polls whose time was over.
	Puts, Gets int
	// Woken is how many of those who waited asked for anything, or were sent something by a watch.
	Woken int
}

// Handovers are those of one election.
type Handovers []Handover

// Took are the times.
func (h Handovers) Took() figures.Durations {
	took := make(figures.Durations, len(h))
	for i := range h {
		took[i] = h[i].Took
	}
	return took
}

// Of is the median and the maximum of a number.
func (h Handovers) Of(number func(Handover) int) (median, most int) {
	if len(h) == 0 {
		return 0, 0
	}
	var all []int
	for _, one := range h {
		all = append(all, number(one))
	}
	slices.Sort(all)
	return all[(len(all)-1)/2], all[len(all)-1]
}

// Result is the handovers by the kind of candidate and by how many wait.
type Result map[string]map[int]Handovers

// Measure hands over again and again. The elections take turns, so that what else happens on the machine hits all alike.
func Measure(ctx context.Context, store stores.Store, kinds []string, o Options) (result Result, err error) {
	var herds []*herd
	defer func() {
		var all sync.WaitGroup
		for _, h := range herds {
			all.Go(h.close)
		}
		all.Wait()
	}()
	result = make(Result)
	for _, kind := range kinds {
		result[kind] = make(map[int]Handovers)
		for _, waiters := range o.Waiters {
			h := newHerd(kind, waiters)
			herds = append(herds, h)
			if err := h.gather(ctx, store, fmt.Sprintf("herd-%d", len(herds)), o.TTL); err != nil {
				return nil, fmt.Errorf("%s, %d waiters: %w", kind, waiters, err)
			}
		}
	}
	if err := pause.For(ctx, o.Gathered); err != nil {
		return nil, err
	}
	for round := range o.Handovers {
		for i := range herds {
			h := herds[(i+round)%len(herds)] // nobody is always the first
			if err := pause.For(ctx, time.Until(h.quiet.Add(o.Rest))); err != nil {
				return nil, err
			}
			one, err := h.handOver(ctx)
			if err != nil {
				return nil, fmt.Errorf("%s, %d waiters: %w", h.kind, h.waiters, err)
			}
			result[h.kind][h.waiters] = append(result[h.kind][h.waiters], one)
		}
	}
	return result, nil
}

var (
	errNobody  = errors.New("herd: nobody leads")
	errItself  = errors.New("herd: the leader has changed by itself")
	errRestive = errors.New("herd: the store does not settle")
)

// within bounds each wait for a leader.
const within = 30 * time.Second

// Away is how long one of ours that resigned stays away: what it asks when it stands again is no part of the handover. The other libraries' candidates are away
// for [contender.StandAgain].
const Away = 3 * time.Second

// options are those of one candidate.
func (h *herd) options(store stores.Store, election string, number int, ttl time.Duration) contender.Options {
	return contender.Options{
		Store: store.Name(), Addrs: store.Addrs(), Election: election, ID: fmt.Sprint(number), TTL: ttl, Frequency: Away,
		Count: &h.counters[number], Led: func() { h.led <- elected{number, time.Now()} },
	}
}
