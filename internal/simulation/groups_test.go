package simulation

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/internal/grammar"
	"github.com/leadership-go/leadership/sources/memory"
)

// groupServices are the elections of each group.
func groupServices() []string { return []string{"simulated", "second", "third"} }

func groupKey(service string) string { return "services/" + service + "/leader" }

// groupPlay is one run of two groups under a plan.
type groupPlay struct {
	Plan
	store *memory.Store
	down  Crashing
	links []*Link
	users sync.WaitGroup

	mu    sync.Mutex
	err   error
	now   []*groupLife
	lives []*groupLife
	token map[string]uint64 // the greatest, by service
}

// groupLife is one group, from Group to Close.
type groupLife struct {
	*leadership.Group
	left atomic.Bool // another one takes its place

	mu      sync.Mutex
	grammar map[string]*grammar.Checker
	terms   map[string][]period
	over    bool
}

func (r *groupPlay) fail(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err == nil {
		r.err = fmt.Errorf(format, args...)
	}
}

// build has a new group sit down at a seat.
func (r *groupPlay) build(seat int) {
	cfg := leadership.Config{
		ServiceID: fmt.Sprintf("node-%d", seat),
		Session:   leadership.SessionConfig{TTL: r.TTL, Refresh: r.Refresh, Drift: r.Drift},
		Election:  leadership.ElectionConfig{Frequency: r.Frequency, Delay: r.Delay, TakeoverDelay: r.Takeover},
		Lead:      leadership.LeadConfig{Drain: r.Drain},
	}
	factory := leadership.NewClusterFactory(func(leadership.Config) (leadership.Backend, error) {
		b := r.links[seat].Backend(r.store.Backend())
		if r.Seed%4 == 0 {
			b = struct{ leadership.Backend }{b} // without the surveys
		}
		return b, nil
	})
	g, err := factory.Configure(cfg).Group(context.Background(), groupServices()...)
	if err != nil {
		r.fail("build: %w", err)
		return
	}
	l := &groupLife{Group: g, grammar: make(map[string]*grammar.Checker), terms: make(map[string][]period)}
	for _, service := range groupServices() {
		l.grammar[service] = new(grammar.Checker)
	}
	g.AsObservable().Subscribe(func(m leadership.GroupMessage) { r.hear(l, seat, m) }, leadership.OnComplete(func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.over = true
	}))
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now[seat] = l
	r.lives = append(r.lives, l)
}

func (r *groupPlay) hear(l *groupLife, seat int, m leadership.GroupMessage) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.grammar[m.Service].Next(string(m.Status), m.Term, m.Err); err != nil {
		r.fail("group %d, %s: %w", seat, m.Service, err)
	}
	list := l.terms[m.Service]
	switch m.Status { //nolint:exhaustive // edges only
	case leadership.StatusElectedFirst:
		l.terms[m.Service] = append(list, period{seat: seat, token: m.Term, from: m.Time})
		r.mu.Lock()
		last := r.token[m.Service]
		r.token[m.Service] = max(last, m.Term)
		r.mu.Unlock()
		if m.Term <= last {
			r.fail("group %d, %s: token %d after %d", seat, m.Service, m.Term, last)
		}
	case leadership.StatusRelegation:
		list[len(list)-1].till = m.Time
	}
}

// look checks that at most one group believes in each key.
func (r *groupPlay) look() {
	r.mu.Lock()
	lives := append([]*groupLife{}, r.lives...)
	r.mu.Unlock()
	for _, service := range groupServices() {
		var who []string
		for _, l := range lives {
			if t := l.Member(service).Term(); t.Valid() {
				who = append(who, fmt.Sprintf("%s with %d", t.Session(), t.Token()))
			}
		}
		if len(who) > 1 {
			r.fail("%s: %v both believe", service, who)
		}
	}
}

// leaders counts the services that somebody leads.
func (r *groupPlay) leaders() (n int) {
	for _, service := range groupServices() {
		for _, l := range r.now {
			if l.Member(service).IsLeader() {
				n++
			}
		}
	}
	return n
}

// act begins a fault.
func (r *groupPlay) act(f Fault) {
	r.mu.Lock()
	l := r.now[f.Member]
	r.mu.Unlock()
	m := l.Members()[int(f.Arg)%len(l.Members())]
	key := groupKey(groupServices()[int(f.Arg)%len(groupServices())])
	call := func(user func(ctx context.Context) error) {
		r.users.Go(func() {
			ctx, cancel := context.WithTimeout(context.Background(), r.TTL)
			defer cancel()
			_ = user(ctx)
		})
	}
	switch f.Kind { //nolint:exhaustive // the others are a link's
	case Crash:
		r.down.down.Add(1)
	case DestroyLease:
		if ids := r.store.Sessions(); len(ids) > 0 {
			r.store.DestroySession(ids[int(f.Arg)%len(ids)])
		}
	case DeleteKey:
		r.store.DeleteKey(key)
	case ResignCall:
		call(m.Resign)
	case StandDown:
		call(func(ctx context.Context) error { return m.StandDown(ctx, f.For) })
	case TransferTo:
		call(func(ctx context.Context) error { return m.TransferTo(ctx, fmt.Sprintf("node-%d", 1-f.Member)) })
	case ConfirmCall:
		call(m.Confirm)
	case CloseCall:
		r.users.Go(func() {
			began := time.Now()
			_ = l.Close()
			if took := time.Since(began); took > r.Drain+5*r.attempt()+2*r.TTL {
				r.fail("Close took %v", took)
			}
			if l.left.CompareAndSwap(false, true) {
				r.build(f.Member)
			}
		})
	default:
		r.links[f.Member].Begin(f)
	}
}

func playGroups(p Plan) (terms int, err error) {
	r := &groupPlay{Plan: p, store: memory.NewStore(memory.WithGrace(p.Grace)), now: make([]*groupLife, 2), token: make(map[string]uint64)}
	var passed atomic.Int64
	for i := range 2 {
		r.links = append(r.links, NewLink(p.Setup, p.Seed, i, &r.down, &passed))
		r.build(i)
	}
	began := time.Now()
	at := func(when time.Duration) {
		for time.Since(began) < when {
			time.Sleep(min(interval, when-time.Since(began)))
			r.look()
		}
	}
	for _, f := range p.Faults {
		at(f.At)
		r.act(f)
		if l := r.links[f.Member]; f.Kind != Crash {
			r.users.Go(func() { time.Sleep(f.For); l.End(f) })
		} else {
			r.users.Go(func() { time.Sleep(f.For); r.down.down.Add(-1) })
		}
	}
	at(p.Until)
	r.users.Wait()
	for _, l := range r.links {
		l.Heal()
	}
	for range 100 { // until all are led
		if at(time.Since(began) + p.recovery()/20); r.leaders() == len(groupServices()) {
			break
		}
	}
	if n := r.leaders(); n != len(groupServices()) {
		r.fail("%d services are led long after the faults", n)
	}
	at(time.Since(began) + 3*p.TTL)
	for _, l := range r.now {
		if err := l.Close(); err != nil {
			r.fail("Close: %w", err)
		}
	}
	time.Sleep(p.TTL + p.Grace + time.Second)
	synctest.Wait()
	r.look()
	if left := r.store.Sessions(); len(left) > 0 {
		r.fail("sessions %v are left", left)
	}
	for _, l := range r.lives {
		l.mu.Lock()
		if !l.over {
			r.fail("a stream has not completed")
		}
		for service, check := range l.grammar {
			if err := check.End(); err != nil {
				r.fail("%s: %w", service, err)
			}
			terms += len(l.terms[service])
		}
		l.mu.Unlock()
	}
	for _, l := range r.links {
		l.Close()
	}
	return terms, r.err
}

// TestTwoGroupsKeepThePromisesUnderFaults plays plans with two groups of three services each. SIMULATION_GROUPS sets how many.
func TestTwoGroupsKeepThePromisesUnderFaults(t *testing.T) {
	menu := MemoryMenu()
	menu.Kinds = []Kind{
		LoseRequests, LoseReplies, Cut, Slow, Freeze, Lossy, Twice, Refuse, Deny, Deaf, Spurious, LastMoment, Crash, DestroyLease, DeleteKey,
		ResignCall, TransferTo, CloseCall, ConfirmCall, StandDown,
	}
	menu.Attached = false
	runs, terms := 150, 0
	if n, err := strconv.Atoi(os.Getenv("SIMULATION_GROUPS")); err == nil {
		runs = n
	}
	for seed := range uint64(runs) {
		p := menu.Draw(seed)
		p.Members = 2
		for i := range p.Faults {
			p.Faults[i].Member %= 2
		}
		var err error
		synctest.Test(t, func(*testing.T) {
			var n int
			n, err = playGroups(p)
			terms += n
		})
		if err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("%v\n%v", err, p)
			return
		}
	}
	t.Logf("%d runs with %d terms", runs, terms)
}
