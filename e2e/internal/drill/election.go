package drill

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"time"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/e2e/internal/contender"
	"github.com/leadership-go/leadership/e2e/internal/fault"
	"github.com/leadership-go/leadership/e2e/internal/loopback"
)

// candidates is how many stand in each election.
const candidates = 3

// seat is the place of one candidate, which one process after the other may take.
type seat struct {
	index int
	links fault.Links
	door  string // the address that a session check looks at
	proc  *process
	life  int // of proc, in the order of the election's processes
}

// election is one election and what is done to it. It is used by one goroutine at a time.
type election struct {
	*drill
	name     string
	kind     string // of contender
	takeover time.Duration
	strategy leadership.StrategyName
	seats    []*seat
	rng      *rand.Rand
	deck     []Kind
	procs    []*process
	faults   []Fault
	began    Instant
	ended    Instant
	purged   int // how often candidates that got stuck were replaced
}

func (e *election) key() string { return contender.Key(e.name) }

func (e *election) ours() bool { return ours(e.kind) }

// ours says that contenders of that kind are of this library.
func ours(kind string) bool {
	return kind == contender.Leadership || kind == contender.LeadershipChecked
}

func (e *election) checked() bool { return e.kind == contender.LeadershipChecked }

// suits reports whether that can befall the election.
func (e *election) suits(k Kind) bool {
	return (e.ours() || !k.orders()) && (e.checked() || !k.checks())
}

// start starts the candidates.
func (e *election) start(ctx context.Context) error {
	e.began = now()
	for i := range candidates {
		targets := e.store.Addrs()
		if e.store.Name() == "consul" { // a client knows one agent
			targets = targets[i%len(targets):][:1]
		}
		links, err := fault.NewLinks(targets...)
		if err != nil {
			return err
		}
		s := &seat{index: i, links: links}
		e.seats = append(e.seats, s)
		if e.checked() {
			if s.door, err = door(ctx); err != nil {
				return err
			}
		}
		if err := e.fill(s); err != nil {
			return err
		}
	}
	return nil
}

// door is an address that is free, and that no outgoing connection takes while nobody listens there.
func door(ctx context.Context) (string, error) {
	ports, err := loopback.FreePorts(ctx, 1)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("127.0.0.1:%d", ports[0]), nil
}

// fill starts a process in a seat.
func (e *election) fill(s *seat) (err error) {
	process := fmt.Sprintf("%s-%c%d", e.name, 'a'+s.index, len(e.procs))
	o := order{
		Kind: e.kind, Sheet: filepath.Join(e.dir, process),
		Stand: contender.Options{
			Store: e.store.Name(), Addrs: s.links.Addrs(), Election: e.name, ID: process, Process: process, Door: s.door, TTL: e.TTL,
			TakeoverDelay: e.takeover, Strategy: e.strategy, Log: e.logOf(process), Work: true,
		},
	}
	if e.ours() { // as an instance that is started again has the same ID, and the same port
		o.Stand.ID = e.idOf(s)
	}
	s.proc, err = launch(o)
	if err != nil {
		return err
	}
	s.life = len(e.procs)
	e.procs = append(e.procs, s.proc)
	return nil
}

// idOf is the ID of our candidates in a seat.
func (e *election) idOf(s *seat) string { return fmt.Sprintf("%s-%c", e.name, 'a'+s.index) }

// lockDelay is how long the store withholds the key of a session that ended while it held it: Consul's default, unless ours, which need none without
// a check, and otherwise that of one TTL.
func (e *election) lockDelay() time.Duration {
	switch e.kind {
	case contender.ConsulLock:
		return 15 * time.Second
	case contender.LeadershipChecked:
		return e.TTL
	default:
		return 0
	}
}

// leaders are the seats of those who believe, who began last being the first.
func (e *election) leaders() []*seat {
	var all []*seat
	var latest Instant
	for _, s := range e.seats {
		t, ok := s.proc.believes()
		switch {
		case !ok:
		case t.First > latest:
			latest = t.First
			all = append([]*seat{s}, all...)
		default:
			all = append(all, s)
		}
	}
	return all
}

// settle waits until exactly one leads, and gives its seat. Candidates of other libraries that get stuck are replaced, and not waited for beyond
// the given instant: then there is no seat. Ours must never get stuck.
func (e *election) settle(ctx context.Context, until Instant) (*seat, error) {
	for {
		patience := e.Leaderless() + e.outage() + e.lockDelay()
		if len(e.leaders()) > 1 {
			patience = e.TTL * 3 / 2
		}
		if e.ours() {
			patience *= 2
		} else {
			patience = min(patience, max(until.Sub(now()), 0))
		}
		bounded, cancel := context.WithTimeout(ctx, patience)
		err := await(bounded, func() bool { return len(e.leaders()) == 1 })
		cancel()
		leaders := e.leaders()
		switch {
		case err == nil && len(leaders) == 1:
			return leaders[0], nil
		case err == nil:
		case ctx.Err() != nil:
			return nil, err
		case e.ours():
			return nil, fmt.Errorf("%s: %d lead for %v, after %v", e.name, len(leaders), patience, e.lastFault())
		default:
			if err := e.purge(ctx, leaders); err != nil || now() > until {
				return nil, err // no seat, which is no failure of the drill
			}
		}
	}
}

func (e *election) lastFault() Kind {
	if len(e.faults) == 0 {
		return "no fault"
	}
	return e.faults[len(e.faults)-1].Kind
}

// purge replaces all candidates but the one that began to lead last. Where none leads, it deletes the key, too: at etcd one whose lease is gone, since
// somebody has written to it, would stand there for ever.
func (e *election) purge(ctx context.Context, leaders []*seat) error {
	e.purged++
	if len(leaders) == 0 {
		_ = e.store.DeleteKey(ctx, e.key()) // there may be none
	}
	for _, s := range e.seats {
		if len(leaders) > 0 && s == leaders[0] {
			continue
		}
		if err := errors.Join(s.proc.kill(), e.fill(s)); err != nil {
			return err
		}
	}
	return nil
}

// between is a random duration, as shares of the TTL.
func (e *election) between(least, most float64) time.Duration {
	return time.Duration((least + (most-least)*e.rng.Float64()) * float64(e.TTL))
}

// deal is the next kind of what befalls the election: all that suit it come equally often.
func (e *election) deal() Kind {
	if len(e.deck) == 0 {
		e.deck = slices.DeleteFunc(slices.Clone(e.Kinds), func(k Kind) bool { return !e.suits(k) })
		e.rng.Shuffle(len(e.deck), func(i, j int) { e.deck[i], e.deck[j] = e.deck[j], e.deck[i] })
		if len(e.faults) == 0 {
			e.deck = append(e.opening(), e.deck...)
		}
	}
	kind := e.deck[0]
	e.deck = e.deck[1:]
	return kind
}

// opening comes before all else, so that a short drill does not leave it out.
func (e *election) opening() []Kind {
	switch {
	case e.checked():
		return []Kind{CutThenCheck}
	case e.ours():
		return []Kind{ToldTransfer}
	default:
		return []Kind{CutThenDelete, DeleteKey, HalfOpenUp} // what shows soon whether the drill sees two leaders
	}
}

// suffer has one thing befall the election after the other, until the given instant.
func (e *election) suffer(ctx context.Context, until Instant) error {
	for {
		if _, err := e.settle(ctx, until); err != nil {
			return err
		}
		if err := sleep(ctx, e.between(0.2, 0.8)); err != nil { // anywhere between two renewals
			return err
		}
		leader, err := e.settle(ctx, until)
		if err != nil || leader == nil || now() > until {
			return err
		}
		if err := e.befall(ctx, e.deal(), leader); err != nil {
			return err
		}
	}
}

// leave ends all candidates in order.
func (e *election) leave(ctx context.Context) error {
	e.ended = now()
	var errs []error
	for _, s := range e.seats {
		errs = append(errs, s.proc.leave(ctx))
	}
	return errors.Join(errs...)
}

// close ends what still runs.
func (e *election) close() error {
	var errs []error
	for _, s := range e.seats {
		if s.proc != nil {
			errs = append(errs, s.proc.kill())
		}
		s.links.Close()
	}
	for _, p := range e.procs {
		errs = append(errs, p.unmap())
	}
	return errors.Join(errs...)
}

// history is all that happened.
func (e *election) history() History {
	h := History{Faults: e.faults, Began: e.began, Ended: e.ended}
	for _, p := range e.procs {
		life := p.life()
		if !p.ended() { // the drill was broken off
			life.Killed = e.ended
		}
		h.Lives = append(h.Lives, life)
	}
	return h
}
