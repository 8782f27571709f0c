package drill

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"time"

	"github.com/leadership-go/leadership/e2e/internal/contender"
	"github.com/leadership-go/leadership/e2e/internal/fault"
)

// candidates is how many stand in each election.
const candidates = 3

// seat is the place of one candidate, which one process after the other may take.
type seat struct {
	index int
	links fault.Links
	proc  *process
	life  int // of proc, in the order of the election's processes
}

// election is one election and what is done to it. It is used by one goroutine at a time.
type election struct {
	*drill
	name     string
	kind     string // of contender
	takeover time.Duration
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

func (e *election) ours() bool { return e.kind == contender.Leadership }

// start starts the candidates.
func (e *election) start() error {
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
		if err := e.fill(s); err != nil {
			return err
		}
	}
	return nil
}

// fill starts a process in a seat.
func (e *election) fill(s *seat) (err error) {
	id := fmt.Sprintf("%s-%c%d", e.name, 'a'+s.index, len(e.procs))
	s.proc, err = launch(order{
		Kind: e.kind, Sheet: filepath.Join(e.dir, id),
		Stand: contender.Options{
			Store: e.store.Name(), Addrs: s.links.Addrs(), Election: e.name, ID: id, TTL: e.TTL, TakeoverDelay: e.takeover, Log: e.logOf(id), Work: true,
		},
	})
	if err != nil {
		return err
	}
	s.life = len(e.procs)
	e.procs = append(e.procs, s.proc)
	return nil
}

// lockDelay is how long the store withholds the key of a session that expired: Consul's default, unless ours, which needs none.
func (e *election) lockDelay() time.Duration {
	if e.kind == contender.ConsulLock {
		return 15 * time.Second
	}
	return 0
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

// deal is the next kind of fault: all come equally often.
func (e *election) deal() Kind {
	if len(e.deck) == 0 {
		e.deck = slices.Clone(e.Kinds)
		e.rng.Shuffle(len(e.deck), func(i, j int) { e.deck[i], e.deck[j] = e.deck[j], e.deck[i] })
		if !e.ours() && len(e.faults) == 0 {
			e.deck = append([]Kind{CutThenDelete, DeleteKey, HalfOpenUp}, e.deck...) // what shows soon whether the drill sees two leaders
		}
	}
	kind := e.deck[0]
	e.deck = e.deck[1:]
	return kind
}

// suffer has one fault befall the election after the other, until the given instant.
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
