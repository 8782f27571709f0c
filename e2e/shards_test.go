package e2e_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/e2e/internal/fault"
	"github.com/leadership-go/leadership/e2e/internal/stores"
)

// TestShards has three instances share out the shards of a service at real servers. One leaves, and one is cut off.
func TestShards(t *testing.T) {
	t.Parallel()
	const n = 24
	for _, starter := range stores.All() {
		t.Run(starter.Name, func(t *testing.T) {
			t.Parallel()
			s := startStore(t, starter, stores.Options{})
			links, err := fault.NewLinks(s.Addrs()...)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(links.Close)
			cfg := newElection(calmTTL)
			cfg.Election.Preempt = calmTTL / 2
			r := &roster{service: cfg.ServiceName}
			for i, addrs := range [][]string{s.Addrs(), s.Addrs(), links.Addrs()} {
				cfg.ServiceID = fmt.Sprintf("web-%d", i)
				shards, err := s.Factory(addrs...).Configure(cfg).Shards(context.Background(), n)
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = shards.Close() })
				r.ids, r.shards = append(r.ids, cfg.ServiceID), append(r.shards, shards)
			}
			r.parted(t, "all three are there", 0, 1, 2)
			if err := r.shards[0].Close(); err != nil {
				t.Error(err)
			}
			r.parted(t, "one has left", 1, 2)
			if err := links.Each(func(l *fault.Link) error { return l.Cut(fault.Both) }); err != nil {
				t.Fatal(err)
			}
			r.parted(t, "another one is cut off", 1)
			links.Heal(context.Background())
			r.parted(t, "it is back", 1, 2)
		})
	}
}

// roster are the instances of a service with shards.
type roster struct {
	service string
	ids     []string
	shards  []*leadership.Shards
}

// parted waits until those lead the shards as the hash says, and looks all the time that none is led twice.
func (r *roster) parted(t *testing.T, when string, members ...int) {
	t.Helper()
	want := make([][]int, len(r.shards))
	for shard := range r.shards[0].Len() {
		key := leadership.Config{ServiceName: fmt.Sprintf("%s/%d", r.service, shard)}.Key()
		best := slices.MaxFunc(members, func(a, b int) int {
			return leadership.ByChance(key, leadership.Candidate{ServiceID: r.ids[a]}, leadership.Candidate{ServiceID: r.ids[b]})
		})
		want[best] = append(want[best], shard)
	}
	for began := time.Now(); ; time.Sleep(time.Millisecond) {
		var owned [][]int
		for _, s := range r.shards {
			owned = append(owned, s.Owned())
		}
		r.twice(t, owned)
		if slices.EqualFunc(owned, want, slices.Equal[[]int]) {
			t.Logf("%s: after %v", when, time.Since(began))
			return
		}
		if time.Since(began) > 2*time.Minute {
			t.Fatalf("%s: they lead %v, want %v", when, owned, want)
		}
	}
}

// twice looks at shards that were seen at two instances, one after the other: where the first one still leads in the same term, it led while the second did.
func (r *roster) twice(t *testing.T, owned [][]int) {
	t.Helper()
	for i, s := range r.shards {
		for _, shard := range owned[i] {
			first := s.Shard(shard).Term()
			for other := range r.shards {
				if other == i || !first.Valid() {
					continue
				}
				if r.shards[other].Shard(shard).IsLeader() && first.Valid() {
					t.Fatalf("shard %d is led by %s and %s", shard, r.ids[i], r.ids[other])
				}
			}
		}
	}
}
