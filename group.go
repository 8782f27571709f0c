package leadership

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
)

// Group is one candidate in many elections at once, of one service each, which share one session. [ClusterFactory.Group] makes it. What its members
// promise is what every [Member] promises, for each key by itself; but renewals, proofs and watches are made once for all of them, by one goroutine. All its methods are
// safe for concurrent use, and may be called from a callback of its streams.
type Group struct {
	config   *Config
	backend  Backend
	strategy Strategy // nil: the store's own order
	alike    bool     // whoever stands for one of the services stands for all of them
	clock    *clock
	log      *journal
	values   context.Context //nolint:containedctx // carries the values of Group's context, without its end
	members  []*Member
	posts    map[string]*post // by service
	keys     []string
	feed     *feed[GroupMessage]

	inbox   inbox
	closing chan struct{}
	once    sync.Once // closes closing
	done    chan struct{}
	err     error // set before done is closed
}

// GroupMessage is one event of a group's stream: a message of the member for Service.
type GroupMessage struct {
	// Service is the service that the election is for, as it was given to [ClusterFactory.Group].
	Service string
	ElectionMessage
}

// Group checks all settings and starts one member for each of the services, all of which stand for election until Close or the end of ctx. The key of each is made from its
// name by election.envelopeTemplate; serviceName is not used. In all else the settings hold for each of them as they do for [ClusterFactory.Build], whose errors it returns as
// well; those about the services name the field "services". It does not wait for the store.
//
// The members share one session: one renewal serves all, and where the store ends the session, all of them lose their terms. Several thousand are no more work for the
// store than one, while nothing changes, where its backend implements [Surveyor], as those of memory, etcd and Consul do; otherwise each member reads and watches its key
// by itself, as one that was built alone does. [ClusterFactory.Health] is asked once, for all. [ClusterFactory.Session] is refused. Under single mode all of them lead.
//
// Resign, StandDown, TransferTo and Close of one member are about its election alone. Its Close gives up its key and completes its stream; the session lives on for the others.
func (f *ClusterFactory) Group(ctx context.Context, services ...string) (*Group, error) {
	return f.group(ctx, services, false)
}

// group makes a group. alike says that whoever stands for one of the services stands for all of them.
func (f *ClusterFactory) group(ctx context.Context, services []string, alike bool) (*Group, error) {
	if f.attach {
		return nil, InvalidConfig("session id", strconv.Quote(f.sessionID), "must not be given to a group, which makes its session itself")
	}
	if err := f.checkServices(services); err != nil {
		return nil, err
	}
	cfg, backend, err := f.prepare()
	if err != nil {
		return nil, err
	}
	traits := backend.Traits(cfg)
	f.warn(ctx, cfg, traits)
	values := context.WithoutCancel(ctx)
	g := &Group{
		config: &cfg, backend: backend, strategy: f.chosen(cfg), clock: newClock(), values: values, alike: alike,
		posts:   make(map[string]*post, len(services)),
		feed:    newFeed(mailboxSize+32*len(services), replaceableInGroup),
		inbox:   inbox{signal: make(chan struct{}, 1)},
		closing: make(chan struct{}),
		done:    make(chan struct{}),
	}
	if f.debug {
		g.log = journalOf(values, f.logger, attrID, cfg.ServiceID)
	}
	g.log.write(string(f.mode) + " mode active")
	g.feed.thin, g.feed.recall = thinOut, g.recall
	common := newRules(cfg, traits)
	common.shared = true
	for _, service := range services {
		g.add(cfg, common, service)
	}
	go newDesk(g).run(f.probe, context.AfterFunc(ctx, g.beginClose)) //nolint:contextcheck // the loop outlives ctx: it gives keys and session back with a context of its own
	return g, nil
}

// add makes the member for service.
func (g *Group) add(cfg Config, r rules, service string) {
	cfg.ServiceName, r.service = service, service
	m := &Member{
		key: cfg.Key(), config: g.config, backend: g.backend, rules: r, strategy: g.strategy, clock: g.clock, log: g.log.of(service), values: g.values,
		feed: newFeed(mailboxSize, replaceable),
		done: make(chan struct{}),
	}
	m.post = &post{group: g, seat: seat{member: m, state: newState(r, true, rand.Uint64())}, place: -1}
	g.members, g.keys, g.posts[service] = append(g.members, m), append(g.keys, m.key), m.post
}

// checkServices refuses names that make no keys, or one key twice.
func (f *ClusterFactory) checkServices(services []string) error {
	const field = "services"
	if len(services) == 0 {
		return InvalidConfig(field, "[]", "must name at least one service")
	}
	var cfg Config
	if f.config != nil {
		cfg = *f.config
	}
	cfg = cfg.withDefaults()
	seen := make(map[string]bool, len(services))
	for _, service := range services {
		cfg.ServiceName = service
		quoted := strconv.Quote(service)
		switch rule := keyRule(cfg.Key()); {
		case service == "":
			return InvalidConfig(field, quoted, "must not be empty")
		case seen[service]:
			return InvalidConfig(field, quoted, "must not be named twice")
		case rule != "":
			return InvalidConfig(field, quoted, fmt.Sprintf("makes the key %q: a key %s", cfg.Key(), rule))
		}
		seen[service] = true
		if err := cfg.validateVote(); err != nil {
			return err
		}
	}
	return nil
}

// Member is the one for service; nil where the group has none.
func (g *Group) Member(service string) *Member {
	if p := g.posts[service]; p != nil {
		return p.member
	}
	return nil
}

// Members are all of them, in the order in which their services were given.
func (g *Group) Members() []*Member { return append([]*Member{}, g.members...) }

// AsObservable is the stream of all members' messages. A subscriber first gets the messages of the current state of each, in the order of the services, then all that
// follow; of one member, in its order. It completes after Close. Each subscriber has a mailbox of its own, of 256 messages and 32 more for each service unless its option says
// otherwise. When it is full, repeated messages of each member are coalesced, and the subscription ends with [ErrOverflow] where edges fill nearly all of it.
func (g *Group) AsObservable() Observable[GroupMessage] { return g.feed.observable() }

// Close resigns and closes all members, closes the session and completes all streams. It blocks until work that [Member.Lead] runs has returned, for lead.drain at most, and the store
// has answered, for the time of five requests at most, whatever became of the context given to Group; keys that could not be given back by then come free with the session. It does not wait for
// subscribers. Closing again waits for the same end. It returns the store's error when the session could not be closed: it then ends when its TTL is over.
func (g *Group) Close() error {
	g.beginClose()
	<-g.done
	return g.err
}

// beginClose has the loop close the group.
func (g *Group) beginClose() { g.once.Do(func() { close(g.closing) }) }

// recall is what a later subscriber gets first. The feed's lock is held, which guards shown, too.
func (g *Group) recall() []GroupMessage {
	var all []GroupMessage
	for _, m := range g.members {
		for _, msg := range m.post.shown {
			all = append(all, GroupMessage{m.rules.service, msg})
		}
	}
	return all
}

// show tells the subscribers of the group what m told its own.
func (p *post) show(replay, msgs []ElectionMessage) {
	p.group.feed.publishMade(func() { p.shown = replay }, func() []GroupMessage {
		events := make([]GroupMessage, len(msgs))
		for i, msg := range msgs {
			events[i] = GroupMessage{p.member.rules.service, msg}
		}
		return events
	})
}

// replaceableInGroup is [replaceable] for one member's messages.
func replaceableInGroup(queued, next GroupMessage) bool {
	return queued.Service == next.Service && replaceable(queued.ElectionMessage, next.ElectionMessage)
}

// thinOut removes the messages that later ones of the same member replace, none across one of its edges, and returns how many are left.
func thinOut(queue []GroupMessage) int {
	type later struct{ elected, notElected, failed bool }
	after := make(map[string]later)
	kept := len(queue)
	for _, msg := range slices.Backward(queue) { // what is kept moves to the end
		seen := after[msg.Service]
		again := false
		switch msg.Status {
		case StatusElected:
			again, seen.elected = seen.elected, true
		case StatusNotElected:
			again, seen.notElected = seen.notElected, true
		case StatusError:
			again, seen.failed = seen.failed, true
		case StatusElectedFirst, StatusRelegation:
			seen = later{}
		}
		after[msg.Service] = seen
		if !again {
			kept--
			queue[kept] = msg
		}
	}
	return copy(queue, queue[kept:])
}

// delivery is an event for one member.
type delivery struct {
	post  *post
	event event
}

// inbox are the events that a group's loop has not taken yet.
type inbox struct {
	mu     sync.Mutex
	list   []delivery
	over   bool
	signal chan struct{}
}

// put adds an event and wakes the loop.
func (b *inbox) put(p *post, e event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.over {
		return
	}
	b.list = append(b.list, delivery{p, e})
	select {
	case b.signal <- struct{}{}:
	default:
	}
}

// take returns all that has come since the last time.
func (b *inbox) take() []delivery {
	b.mu.Lock()
	defer b.mu.Unlock()
	list := b.list
	b.list = nil
	return list
}

// close refuses what comes from now on.
func (b *inbox) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.list, b.over = nil, true
}
