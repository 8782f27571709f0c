package main

import (
	"context"
	"fmt"
	"time"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/e2e/internal/group"
	"github.com/leadership-go/leadership/e2e/internal/stores"
)

// What is promised of a group, however large.
const (
	groupElected  = 20 * time.Second
	groupRequests = 2.0 // renewals, or surveys, a second
	groupReads    = 0.1 // of single keys, a second
	groupBytes    = 4 << 10
	groupTTL      = 10 * time.Second
	groupQuiet    = 3 * groupTTL
	groupSettle   = groupTTL // after the last key is won
	// groupMore is how many goroutines and connections more the large group may have than the small one: none that grows with it, but some that happen to have a request under way.
	groupMore = 4
)

// groups has two groups stand alone, one ten times as large as the other: what does not grow must not.
func groups(ctx context.Context, store stores.Store, s settings, r *report) error {
	var figures [2]group.Figures
	for i, services := range []int{max(s.services/10, 1), s.services} {
		bounded, cancel := context.WithTimeout(ctx, 3*time.Minute)
		factory := store.Factory().Configure(leadership.Config{Session: leadership.SessionConfig{TTL: groupTTL}})
		f, err := group.Measure(bounded, factory, group.Run{Services: services, Settle: groupSettle, Quiet: groupQuiet, Addrs: store.Addrs()})
		cancel()
		if err != nil {
			return err
		}
		figures[i] = f
		r.group(store.Name(), f)
	}
	r.grows(store.Name(), figures[0], figures[1])
	return nil
}

// grows looks what a large group has more than a small one.
func (r *report) grows(store string, small, large group.Figures) {
	name := store + ".group."
	r.Require(large.Goroutines <= small.Goroutines+groupMore, "%sgoroutines grow with it: %d and %d", name, small.Goroutines, large.Goroutines)
	r.Require(large.Connections <= small.Connections+groupMore, "%sconnections grow with it: %d and %d", name, small.Connections, large.Connections)
	r.Require(large.Bytes <= groupBytes, "%s%d.bytes is %d, the most is %d", name, large.Services, large.Bytes, groupBytes)
}

// group prints one.
func (r *report) group(store string, f group.Figures) {
	name := fmt.Sprintf("%s.group.%d.", store, f.Services)
	r.Seconds(name+"elected", f.Elected)
	r.number(name+"renewals", f.Renewals, 2, "requests/s")
	r.number(name+"surveys", f.Surveys, 2, "requests/s")
	r.number(name+"reads", f.Reads, 2, "requests/s")
	r.Count(name+"goroutines", f.Goroutines)
	r.Count(name+"connections", f.Connections)
	r.number(name+"bytes", float64(f.Bytes), 0, "bytes")
	r.Seconds(name+"closed", f.Closed)
	r.Require(f.Elected <= groupElected, "%selected is %v, the most is %v", name, f.Elected, groupElected)
	for what, rate := range map[string]float64{"renewals": f.Renewals, "surveys": f.Surveys} {
		r.Require(rate <= groupRequests, "%s%s is %.2f requests/s, the most is %v", name, what, rate, groupRequests)
	}
	r.Require(f.Reads <= groupReads, "%sreads is %.2f requests/s, the most is %v", name, f.Reads, groupReads)
}
