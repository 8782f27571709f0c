package leadership

import (
	"cmp"
	"context"
	"fmt"
	"hash/fnv"
	"strconv"
	"sync"
)

// mostShards bounds how many shards one call makes.
const mostShards = 100_000

// Shards is one member of a cluster that shares out the shards of a service: each shard is an election of its own, and each member that lives leads about as many as every
// other. [ClusterFactory.Shards] makes it. It is a [Group], and promises for each shard what [Member] promises: no shard is led twice. All its methods are safe for
// concurrent use, and may be called from a callback of its stream.
type Shards struct {
	group  *Group
	shards map[string]int // by service
}

// ShardMessage is one event of the stream of [Shards]: a message of the member for Shard.
type ShardMessage struct {
	// Shard is the number of the shard, from 0 on.
	Shard int
	ElectionMessage
}

// Shards checks all settings and has this instance stand for n shards of the service serviceName, until Close or the end of ctx. Shard i is the election of the service
// "serviceName/i", so its key is "services/serviceName/i/leader" by default. All members of the service have to be given the same n.
//
// Who is to lead a shard, rendezvous hashing says, from its key and the serviceId of those who stand for it: see [ByChance]. Where a member goes, only its shards change their leader, and spread over
// all who are left; where one comes, it is given its share, and nothing else moves. An instance that is started again under its serviceId gets the same shards back. [ClusterFactory.Strategy] puts another
// order in its place, and so does election.strategy, which must not be "arrival" here.
//
// A new member takes over gradually. Leaders make way for one that has stood for election.preempt, which is session.ttl by default here: so one that comes
// and goes moves nothing. Each of them gives up one shard after the other, shards.pace apart, as [Member.TransferTo] does: work of [Shards.Lead] returns before the next one leads.
//
// It returns the errors of [ClusterFactory.Group].
func (f *ClusterFactory) Shards(ctx context.Context, n int) (*Shards, error) {
	if n < 1 || n > mostShards {
		return nil, InvalidConfig("shards", n, fmt.Sprintf("must be between 1 and %d", mostShards))
	}
	var cfg Config
	if f.config != nil {
		cfg = *f.config
	}
	if cfg.Election.Strategy == StrategyArrival && f.strategy == nil {
		return nil, InvalidConfig("election.strategy", strconv.Quote(string(StrategyArrival)), "must not be given to shards: who came first would lead all of them")
	}
	cfg.Election.Strategy = cmp.Or(cfg.Election.Strategy, StrategyRandom)
	cfg.Election.Preempt = cmp.Or(cfg.Election.Preempt, cfg.Session.TTL, defaultTTL)
	cfg.ServiceName = cmp.Or(cfg.ServiceName, defaultServiceName)
	services, shards := make([]string, n), make(map[string]int, n)
	for i := range services {
		services[i] = cfg.ServiceName + "/" + strconv.Itoa(i)
		shards[services[i]] = i
	}
	adapted := *f
	adapted.config = &cfg
	g, err := adapted.group(ctx, services, true)
	if err != nil {
		return nil, err
	}
	return &Shards{g, shards}, nil
}

// Len is the number of shards.
func (s *Shards) Len() int { return len(s.group.members) }

// Shard is the member that stands for shard i; nil where there is no such shard.
func (s *Shards) Shard(i int) *Member {
	if i < 0 || i >= s.Len() {
		return nil
	}
	return s.group.members[i]
}

// Owned are the shards that this instance leads now, in order. Each is checked as [Member.IsLeader] does.
func (s *Shards) Owned() []int {
	var owned []int
	for i, m := range s.group.members {
		if m.IsLeader() {
			owned = append(owned, i)
		}
	}
	return owned
}

// Lead runs work for each shard while this instance leads it, as [Member.Lead] does, those of several shards side by side. It blocks until ctx ends, whose cause it returns then, or all members
// are closed: [ErrClosed]. It takes a goroutine for each shard.
func (s *Shards) Lead(ctx context.Context, work func(ctx context.Context, shard int, t Term) error) error {
	var running sync.WaitGroup
	for i, m := range s.group.members {
		running.Go(func() {
			_ = m.Lead(ctx, func(ctx context.Context, t Term) error { return work(ctx, i, t) }) // it returns for the reasons that are told below
		})
	}
	running.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return ErrClosed
}

// AsObservable is the stream of the messages of all shards. [Group.AsObservable] says what a subscriber gets, and when it ends.
func (s *Shards) AsObservable() Observable[ShardMessage] {
	return New(func(scope *Scope, out Observer[ShardMessage]) {
		s.group.AsObservable().SubscribeIn(scope, &numbering{out, s.shards})
	})
}

// Close gives all shards up, each to who is to lead it next, and completes the stream. Of its time, and its error, [Group.Close] says everything.
func (s *Shards) Close() error { return s.group.Close() }

// numbering says which shard a message is about.
type numbering struct {
	out    Observer[ShardMessage]
	shards map[string]int
}

func (n *numbering) Next(m GroupMessage) {
	n.out.Next(ShardMessage{n.shards[m.Service], m.ElectionMessage})
}
func (n *numbering) Error(err error) { n.out.Error(err) }
func (n *numbering) Complete()       { n.out.Complete() }

// ShardOf is the shard, of n, that something with that name belongs to: each name to one, about as many names to each. It is the same in every process and version. n must be positive.
func ShardOf(name string, n int) int {
	digest := fnv.New64a()
	_, _ = digest.Write([]byte(name)) // never fails
	return int(mixed(digest.Sum64()) % uint64(n))
}
