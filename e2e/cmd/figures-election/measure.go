package main

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/e2e/internal/contender"
	"github.com/leadership-go/leadership/e2e/internal/figures"
	"github.com/leadership-go/leadership/e2e/internal/handover"
	"github.com/leadership-go/leadership/e2e/internal/stores"
	"github.com/leadership-go/leadership/sources/consul"
)

// What is promised.
const (
	handoverRatio    = 1.0             // to a handover of the store's own client
	consulCrashRatio = 0.6             // with the least TTL that Consul takes, to Lock of Consul's client with its defaults
	checkedCrash     = 3 * time.Second // at most, with session checks
	restartGap       = 50 * time.Millisecond
	requests         = time.Second // at most, for those of a crash, which Explain does not count
)

// resignations compares handovers with those of the store's own client.
func resignations(ctx context.Context, store stores.Store, s settings, r *report) error {
	peer := contender.Peer(store.Name())
	took, unconfirmed, err := handover.Resignations(ctx, store, []string{contender.Leadership, peer}, s.handover)
	if err != nil {
		return err
	}
	ours, theirs := took[contender.Leadership], took[peer]
	name := store.Name() + ".handover."
	r.Count(name+"samples", len(ours))
	r.Count(name+"unconfirmed", unconfirmed) // the store elected a leader of its own meanwhile, or the machine stood still
	for _, q := range []struct {
		name string
		q    float64
	}{{"p50", 0.5}, {"p99", 0.99}} {
		r.Seconds(name+q.name, ours.Quantile(q.q))
		r.Seconds(name+"peer."+q.name, theirs.Quantile(q.q))
		r.noMore(name+"ratio."+q.name, figures.RatioOf(ours, theirs, q.q, s.handover.Elections), handoverRatio)
	}
	return nil
}

// rolling restarts the leader again and again.
func rolling(ctx context.Context, store stores.Store, s settings, r *report) error {
	gaps, err := handover.Rolling(ctx, store, s.restarts)
	if err != nil {
		return err
	}
	name := store.Name() + ".rolling."
	r.Count(name+"restarts", len(gaps))
	r.Seconds(name+"gap.p50", gaps.Quantile(0.5))
	r.Seconds(name+"gap.max", gaps.Max())
	r.Require(gaps.Max() <= restartGap, "%sgap.max is %v, the most is %v", name, gaps.Max(), restartGap)
	r.Require(gaps.Min() >= 0, "%s: a member led %v before the last one had stopped", name, -gaps.Min())
	return nil
}

// crashes kills leaders at all stores side by side.
func crashes(ctx context.Context, s settings, r *report) error {
	type found struct {
		took      map[string]figures.Durations
		explained map[string]time.Duration
	}
	all, err := sideBySide(ctx, s, func(ctx context.Context, store stores.Store) (f found, err error) {
		if f.explained, err = explain(store, killed(store.Name())); err != nil {
			return f, err
		}
		f.took, err = handover.Crashes(ctx, store, killed(store.Name()), s.crashes)
		return f, err
	})
	if err != nil {
		return err
	}
	for i, f := range all {
		name := s.stores[i].Name
		r.crashes(name, killed(name), f.took, f.explained)
	}
	return nil
}

// ours is the name of the crashes that others are measured by.
const ours = "ours"

// least is the name of those with the least TTL that a Consul server takes unless it is told otherwise.
const least = "10s"

// killed are the kinds of leaders that are killed at a store, ours first. TTLs that are not given are the library's defaults: ours is
// 15 s, that of Consul's Lock, too, that of etcd's Session 60 s. Consul ends a session two TTLs after its last renewal; Lock then waits for a lock-delay of 15 s.
func killed(store string) []handover.Crash {
	if store == "consul" {
		return []handover.Crash{
			{Name: ours, Kind: contender.Leadership, Renewal: 7 * time.Second, Within: time.Minute},
			{Name: least, Kind: contender.Leadership, TTL: 10 * time.Second, Renewal: 4666 * time.Millisecond, Within: time.Minute},
			{Name: "checked", Kind: contender.LeadershipChecked, TTL: 1500 * time.Millisecond, Renewal: time.Second, Wait: 15 * time.Second, Within: time.Minute}, // the agent looks once a second
			{Name: "peer", Kind: contender.ConsulLock, Renewal: 7500 * time.Millisecond, Within: 2 * time.Minute},
		}
	}
	return []handover.Crash{
		{Name: ours, Kind: contender.Leadership, Renewal: 7 * time.Second, Within: time.Minute},
		{Name: "peer", Kind: contender.EtcdElection, Renewal: 20 * time.Second, Within: 2 * time.Minute},
		{Name: "peer.15s", Kind: contender.EtcdElection, TTL: 15 * time.Second, Renewal: 5 * time.Second, Within: time.Minute},
	}
}

// explain is what [leadership.ClusterFactory.Explain] says of how long nobody leads after a crash, by name, of our own kinds.
func explain(store stores.Store, kinds []handover.Crash) (map[string]time.Duration, error) {
	explained := make(map[string]time.Duration)
	for _, c := range kinds {
		factory := store.Factory()
		switch c.Kind {
		case contender.Leadership:
		case contender.LeadershipChecked:
			check := api.AgentServiceCheck{TCP: "127.0.0.1:1", Interval: "1s"} // nobody looks
			factory = consul.NewClusterFactory(consul.WithMinTTL(time.Second), consul.WithSessionCheck(check))
		default:
			continue
		}
		e, err := factory.Configure(leadership.Config{Session: leadership.SessionConfig{TTL: c.TTL}}).Explain()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.Name, err)
		}
		explained[c.Name] = e.AfterCrash
	}
	return explained, nil
}

// crashes prints how long the crashes took that a store's candidates saw, and how long our own may take at most as they explain it.
func (r *report) crashes(store string, kinds []handover.Crash, took map[string]figures.Durations, explained map[string]time.Duration) {
	prefix := store + ".crash."
	for _, c := range kinds {
		name := prefix
		if c.Name != ours {
			name += c.Name + "."
		}
		r.Seconds(name+"p50", took[c.Name].Quantile(0.5))
		r.Seconds(name+"max", took[c.Name].Max())
		if most, ok := explained[c.Name]; ok {
			r.Seconds(name+"explained", most)
			r.Require(took[c.Name].Max() <= most+requests, "%smax is %v, and Explain says %v", name, took[c.Name].Max(), most)
		}
		switch c.Kind {
		case contender.Leadership:
		case contender.LeadershipChecked:
			r.Require(took[c.Name].Max() <= checkedCrash, "%smax is %v, the most is %v", name, took[c.Name].Max(), checkedCrash)
		default:
			r.atMost(name+"ratio.p50", ratio(took[ours].Quantile(0.5), took[c.Name].Quantile(0.5)), 0)
			if short := took[least]; len(short) > 0 {
				r.atMost(name+"ratio."+least+".p50", ratio(short.Quantile(0.5), took[c.Name].Quantile(0.5)), consulCrashRatio)
			}
		}
	}
}

// ratio is how many times as long as theirs ours took.
func ratio(ours, theirs time.Duration) float64 { return float64(ours) / float64(max(theirs, 1)) }
