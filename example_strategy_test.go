package leadership_test

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/operators"
	"github.com/leadership-go/leadership/sources/memory"
)

// await waits until member leads.
func await(member *leadership.Member) {
	for _, err := range operators.OfStatus(member.AsObservable(), leadership.StatusElectedFirst).Seq(context.Background()) {
		if err != nil {
			fmt.Println(err)
		}
		return
	}
}

// stands waits until n candidates stand for key.
func stands(store *memory.Store, key string, n int) {
	for len(store.Candidates(key)) < n {
		<-time.NewTimer(time.Millisecond).C
	}
}

// The instance of the highest priority leads, also where another one leads already: that one makes way once the better one has stood for long enough.
func ExampleByPriority() {
	store := memory.NewStore()
	build := func(id string, priority int) *leadership.Member {
		member, err := memory.NewClusterFactory(store).
			Configure(leadership.Config{
				ServiceID: id,
				Profile:   leadership.Profile{Priority: priority},
				Election:  leadership.ElectionConfig{Strategy: leadership.StrategyPriority, Preempt: 50 * time.Millisecond},
			}).
			Logger(slog.New(slog.DiscardHandler)). // a warning: in production, let a candidate stand for a TTL at least
			Build(context.Background())
		if err != nil {
			panic(err)
		}
		return member
	}
	small := build("small", 1)
	await(small)
	fmt.Println("small leads")
	large := build("large", 10)
	await(large)
	fmt.Println("large leads, small", small.IsLeader())
	_ = large.Close()
	await(small)
	fmt.Println("small leads again")
	_ = small.Close()
	// Output:
	// small leads
	// large leads, small false
	// small leads again
}

// In a rolling update the newest version takes over, whoever waits longer.
func ExampleByVersion() {
	store := memory.NewStore()
	build := func(id, version string) *leadership.Member {
		member, err := memory.NewClusterFactory(store).
			Configure(leadership.Config{
				ServiceID: id,
				Profile:   leadership.Profile{Version: version},
				Election:  leadership.ElectionConfig{Strategy: leadership.StrategyVersion},
			}).
			Build(context.Background())
		if err != nil {
			panic(err)
		}
		return member
	}
	leader := build("web-1", "1.9.0")
	await(leader)
	old, latest := build("web-2", "1.9.0"), build("web-3", "1.10.0")
	stands(store, "services/cluster-app/leader", 3)
	_ = leader.Close()
	await(latest)
	fmt.Println("1.10.0 leads:", latest.IsLeader(), "- 1.9.0 leads:", old.IsLeader())
	_, _ = old.Close(), latest.Close()
	// Output:
	// 1.10.0 leads: true - 1.9.0 leads: false
}

// Where instances stand in many elections, chance spreads the leaders over them: here the first instance, which comes to lead all at first, keeps its share.
func ExampleByChance() {
	ctx := context.Background()
	store := memory.NewStore()
	instances := []string{"web-1", "web-2", "web-3"}
	const shards = 12
	members := make(map[string][]*leadership.Member)
	for _, id := range instances {
		for shard := range shards {
			member, err := memory.NewClusterFactory(store).
				Configure(leadership.Config{
					ServiceName: fmt.Sprintf("shard-%d", shard), ServiceID: id,
					Election: leadership.ElectionConfig{Strategy: leadership.StrategyRandom, Preempt: 50 * time.Millisecond},
				}).
				Logger(slog.New(slog.DiscardHandler)).
				Build(ctx)
			if err != nil {
				fmt.Println(err)
				return
			}
			if id == instances[0] {
				await(member)
			}
			members[id] = append(members[id], member)
		}
	}
	for shard := range shards { // who is to lead can be told beforehand
		key, chosen := fmt.Sprintf("services/shard-%d/leader", shard), leadership.Candidate{ServiceID: instances[0]}
		for _, id := range instances[1:] {
			if c := (leadership.Candidate{ServiceID: id}); leadership.ByChance(key, c, chosen) > 0 {
				chosen = c
			}
		}
		await(members[chosen.ServiceID][shard])
	}
	for _, id := range instances {
		leads := 0
		for _, member := range members[id] {
			if member.IsLeader() {
				leads++
			}
		}
		fmt.Println(id, "leads", leads)
	}
	for _, id := range instances {
		for _, member := range members[id] {
			_ = member.Close()
		}
	}
	// Output:
	// web-1 leads 5
	// web-2 leads 5
	// web-3 leads 2
}

// A strategy of one's own: who runs in the zone of the database is to lead, and of several the newest.
func ExampleStrategy() {
	near := func(c leadership.Candidate) int {
		if c.Metadata["zone"] == "a" {
			return 1
		}
		return 0
	}
	strategy := func(key string, a, b leadership.Candidate) int {
		if d := near(a) - near(b); d != 0 {
			return d
		}
		return leadership.ByVersion(key, a, b)
	}
	member, err := memory.NewClusterFactory(nil).
		Configure(leadership.Config{Profile: leadership.Profile{Version: "1.4.2", Metadata: map[string]string{"zone": "a"}}}).
		Strategy(strategy).
		Build(context.Background())
	if err != nil {
		fmt.Println(err)
		return
	}
	await(member)
	fmt.Println(member.IsLeader())
	_ = member.Close()
	// Output:
	// true
}
