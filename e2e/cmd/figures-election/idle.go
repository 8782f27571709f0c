package main

import (
	"context"
	"math"
	"time"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/e2e/internal/contender"
	"github.com/leadership-go/leadership/e2e/internal/idle"
	"github.com/leadership-go/leadership/e2e/internal/stores"
	"github.com/leadership-go/leadership/e2e/internal/traffic"
)

// What is promised of requests a second while nothing happens, at a TTL of 10 s.
const (
	idleTTL       = 10 * time.Second
	idleLeader    = 0.54
	idleCandidate = 0.27
	idleExplained = 0.15 // by how much of what Explain says it is more or less, at most
)

// idling counts at all stores side by side.
func idling(ctx context.Context, s settings, r *report) error {
	type found struct {
		asked     map[string]idle.Pair
		explained leadership.Explanation
	}
	all, err := sideBySide(ctx, s, func(ctx context.Context, store stores.Store) (f found, err error) {
		config := leadership.Config{Session: leadership.SessionConfig{TTL: idleTTL}}
		if f.explained, err = store.Factory().Configure(config).Explain(); err != nil {
			return f, err
		}
		f.asked, err = idle.Measure(ctx, store, []string{contender.Leadership, contender.Peer(store.Name())}, idle.Options{TTL: idleTTL, For: s.idle})
		return f, err
	})
	if err != nil {
		return err
	}
	for i, f := range all {
		r.idle(s.stores[i].Name, f.asked, f.explained)
	}
	return nil
}

// idle prints what was asked at a store while nothing happened.
func (r *report) idle(store string, asked map[string]idle.Pair, explained leadership.Explanation) {
	name := store + ".idle."
	ours, theirs := asked[contender.Leadership], asked[contender.Peer(store)]
	for _, one := range []struct {
		name            string
		ours, theirs    idle.Asked
		explained, most float64
	}{
		{"candidate", ours.Candidate, theirs.Candidate, explained.CandidateRequests, idleCandidate},
		{"leader", ours.Leader, theirs.Leader, explained.LeaderRequests, idleLeader},
	} {
		rate := one.ours.Total()
		r.rates(name+one.name, one.ours)
		r.number(name+one.name+".explained", one.explained, 3, "requests/s")
		r.rates(name+"peer."+one.name, one.theirs)
		r.Require(rate <= one.most, "%s%s is %.3f requests/s, the most is %v", name, one.name, rate, one.most)
		r.Require(math.Abs(rate-one.explained) <= idleExplained*one.explained, "%s%s is %.3f requests/s, and Explain says %.3f", name, one.name, rate, one.explained)
	}
}

// rates prints a sum, and what it consists of.
func (r *report) rates(name string, asked idle.Asked) {
	r.number(name, asked.Total(), 3, "requests/s")
	for _, kind := range asked.Requests.Kinds() {
		r.number(name+"."+kind.String(), asked.Rate(func(k traffic.Request) bool { return k == kind }), 3, "requests/s")
	}
}
