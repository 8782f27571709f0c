package simulation

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/leadership-go/leadership"
)

// Report says what one run did.
type Report struct {
	Runs, Requests, Looks, Messages, Terms, Late int
	Virtual, Slowest                             time.Duration // Slowest: until somebody led after the faults
	Faults                                       map[Kind]int
}

// Add adds up two reports.
func (r *Report) Add(o Report) {
	r.Runs += o.Runs
	r.Requests += o.Requests
	r.Looks += o.Looks
	r.Messages += o.Messages
	r.Terms += o.Terms
	r.Late += o.Late
	r.Virtual += o.Virtual
	r.Slowest = max(r.Slowest, o.Slowest)
	if r.Faults == nil {
		r.Faults = make(map[Kind]int)
	}
	for k, n := range o.Faults {
		r.Faults[k] += n
	}
}

// play is one run.
type play struct {
	Plan
	Options
	world   World
	referee *referee
	begun   time.Time

	calmed   chan struct{} // closed when the faults stop
	released chan struct{} // closed when stuck subscribers may go on
	users    sync.WaitGroup
	working  sync.WaitGroup

	mu    sync.Mutex
	calm  bool
	lives []*life // all there were
	now   []*life // who sits where
}

// life is one member, from Build to Close, and its subscribers.
type life struct {
	seat    int
	member  *leadership.Member
	cancel  context.CancelFunc // the context of Build
	closing atomic.Bool        // somebody sees to its end
	sick    atomic.Int64       // how often its health probe was made to fail
	first   *listener

	mu     sync.Mutex
	others []*listener
}

// Play runs a plan, within a bubble, and says what was wrong.
func Play(p Plan, w World, o Options) (Report, error) {
	if o.Stream == nil {
		o.Stream = (*leadership.Member).AsObservable
	}
	r := &play{
		Plan: p, Options: o, world: w, referee: newReferee(p.Setup), begun: time.Now(),
		calmed: make(chan struct{}), released: make(chan struct{}), now: make([]*life, p.Members),
	}
	stop, watched := make(chan struct{}), make(chan struct{})
	limit := p.Until + 4*p.recovery() + 2*p.Preempt + 20*p.TTL + 2*watchLimit
	go func() {
		defer close(watched)
		r.referee.watch(stop, limit)
	}()
	for i := range p.Members {
		r.build(i, p.Attach && i == 0)
	}
	r.suffer()
	r.calmDown()
	took := r.recover()
	r.settle()
	r.leave()
	sleep(3 * interval) // the referee sees the last terms end
	close(stop)
	<-watched
	r.verdict()
	w.Close()
	return r.report(took), r.referee.failed()
}

// name is the instance that sits at seat i.
func (r *play) name(i int) string { return fmt.Sprintf("node-%d", i) }

// build has a new member sit down.
func (r *play) build(i int, attached bool) {
	election, profile := r.election(i)
	cfg := leadership.Config{
		ServiceName: "simulated", ServiceID: r.name(i), Profile: profile,
		Session:  leadership.SessionConfig{TTL: r.TTL, Refresh: r.Refresh, Drift: r.Drift},
		Election: election,
		Lead:     leadership.LeadConfig{Drain: r.Drain},
		Health:   leadership.HealthConfig{Interval: r.healthInterval(), Fall: 1},
	}
	l := &life{seat: i}
	seat := r.referee.seats[i]
	factory := leadership.NewClusterFactory(func(cfg leadership.Config) (leadership.Backend, error) {
		b, err := r.world.Connect(i, cfg)
		return &probe{b, seat, r.referee}, err
	}).Configure(cfg).Health(l.probe).Debug(r.Logger != nil).Logger(r.Logger)
	if giver, ok := r.world.(Giver); ok && attached {
		factory.Session(giver.Give(r.TTL), r.TTL)
	}
	ctx, cancel := context.WithCancel(context.Background())
	m, err := factory.Build(ctx)
	if err != nil {
		cancel()
		r.referee.fail("build: %w", err)
		return
	}
	l.member, l.cancel = m, cancel
	l.first = listen(fmt.Sprintf("first subscriber of member %d", i), true, r.Stream(m), nil, nil)
	r.mu.Lock()
	r.lives = append(r.lives, l)
	r.now[i] = l
	r.mu.Unlock()
	seat.first.Store(l.first)
	seat.member.Store(m)
	r.lead(l)
}

// life is who sits at a place now; nil where Build failed.
func (r *play) life(i int) *life {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.now[i]
}

// step is the beginning or the end of a fault.
type step struct {
	at    time.Duration
	fault Fault
	ends  bool
}

// suffer goes through the faults.
func (r *play) suffer() {
	var steps []step
	for _, f := range r.Faults {
		steps = append(steps, step{f.At, f, false})
		if f.At+f.For < r.Until {
			steps = append(steps, step{f.At + f.For, f, true})
		}
	}
	slices.SortStableFunc(steps, func(a, b step) int { return int(a.at - b.at) })
	for _, s := range steps {
		sleep(s.at - time.Since(r.begun))
		if r.Logger != nil {
			r.Logger.Info(s.fault.String(), "ends", s.ends)
		}
		switch {
		case r.referee.failed() != nil:
			return
		case s.ends:
			r.world.End(s.fault)
		case !r.use(s.fault):
			r.world.Begin(s.fault)
		}
	}
	sleep(r.Until - time.Since(r.begun))
}

// calmDown stops the faults and lets users come to their ends.
func (r *play) calmDown() {
	r.mu.Lock()
	r.calm = true
	r.mu.Unlock()
	r.world.Heal()
	close(r.calmed)
	r.users.Wait()
}

// recover waits until somebody leads.
func (r *play) recover() time.Duration {
	began := time.Now()
	bound := r.recovery()
	for r.referee.failed() == nil {
		if n, _ := r.referee.leader(); n >= 0 {
			break
		}
		if time.Since(began) > bound {
			r.referee.fail("nobody leads %v after the faults", bound)
			break
		}
		sleep(interval)
	}
	return time.Since(began)
}

// watchLimit is after how long a member replaces a watch that hangs.
const watchLimit = time.Minute

// settle sees the one leader stay.
func (r *play) settle() {
	if r.referee.failed() != nil {
		return
	}
	sleep(r.recovery() + 2*r.Preempt) // who is to lead has stood for long enough
	if r.Seed%4 == 0 {
		sleep(watchLimit) // no watch of before is left
	}
	for i := range r.Members {
		r.attend(r.life(i), fmt.Sprintf("subscriber of member %d after the faults", i), true, nil)
	}
	n, token := r.referee.leader()
	for range 20 {
		sleep((2*r.TTL + r.Grace) / 20)
		if now, t := r.referee.leader(); now != n || t != token || n < 0 {
			r.referee.fail("without any fault the leader was member %d with token %d, and then member %d with token %d", n, token, now, t)
			return
		}
	}
}

// leave closes all members, at once or one after the other.
func (r *play) leave() {
	rng := rand.New(rand.NewPCG(r.Seed, 0xc105e))
	if rng.IntN(2) == 0 {
		var all sync.WaitGroup
		for i := range r.Members {
			all.Go(func() { r.close(r.life(i), true) })
		}
		all.Wait()
	} else {
		for i, seat := range rng.Perm(r.Members) {
			was, _ := r.referee.leader()
			r.close(r.life(seat), true)
			if was == seat && i+1 < r.Members {
				r.succeed()
			}
		}
	}
	close(r.released)
	r.working.Wait()
	for _, l := range r.lives {
		for _, s := range append([]*listener{l.first}, l.listeners()...) {
			r.await(s)
		}
		l.cancel()
	}
	if left := r.world.Left(); len(left) > 0 {
		r.referee.fail("after all members were closed the store has %v", left)
	}
}

// succeed waits for the successor of a leader that has just been closed.
func (r *play) succeed() {
	bound := time.Second + 20*r.Latency
	if time.Since(r.begun)-r.Until < watchLimit { // its watch may hang, since its answer was lost
		bound += r.deadWatch()
	}
	if r.Forgetful {
		bound += r.Takeover
	}
	if r.Forgetful && r.Attach { // the session that was given lives on, and nothing shows that its member has resigned
		bound += r.TTL
	}
	if r.has(DeleteKey) && (r.has(LoseReplies) || r.has(Lossy)) { // a session that held the key without hearing of it lives on, and passes for one that may believe
		bound += r.TTL
	}
	for began := time.Now(); r.referee.failed() == nil; sleep(interval) {
		if n, _ := r.referee.leader(); n >= 0 {
			return
		}
		if time.Since(began) > bound {
			r.referee.fail("nobody leads %v after the leader was closed", bound)
		}
	}
}

// await waits until a subscription is over, which takes no time once its member is closed.
func (r *play) await(l *listener) {
	timer := time.NewTimer(time.Second)
	defer timer.Stop()
	select {
	case <-l.sub.Done():
	case <-timer.C:
		r.referee.fail("%s: its subscription does not end", l.what)
	}
}

// closing is how long Close may take.
func (r *play) closing() time.Duration { return 2*r.attempt() + r.Drain + r.Farewell }

// close closes a member and checks that it takes no longer than it may.
func (r *play) close(l *life, healthy bool) {
	began, bound := time.Now(), r.closing()
	err := l.member.Close()
	if took := time.Since(began); took > bound {
		r.referee.fail("Close of member %d took %v, more than %v", l.seat, took, bound)
	}
	if healthy && err != nil {
		r.referee.fail("Close of member %d: %w", l.seat, err)
	}
	if l.member.IsLeader() {
		r.referee.fail("member %d leads after Close", l.seat)
	}
}

// verdict checks what all subscribers heard.
func (r *play) verdict() {
	if r.referee.failed() != nil {
		return
	}
	var told []period
	for _, l := range r.lives {
		if err := l.first.completed(); err != nil {
			r.referee.fail("%w", err)
			return
		}
		for _, s := range l.listeners() {
			if err := s.compare(l.first); err != nil {
				r.referee.fail("%w", err)
				return
			}
		}
		told = append(told, l.first.periods(l.seat)...)
	}
	slices.SortFunc(told, func(a, b period) int { return int(int64(a.token) - int64(b.token)) })
	for i := 1; i < len(told); i++ {
		if a, b := told[i-1], told[i]; a.token == b.token || b.from.Before(a.till) {
			r.referee.fail("%w: member %d from %v till %v with token %d, member %d from %v with token %d", errStream,
				a.seat, a.from.Sub(r.begun), a.till.Sub(r.begun), a.token, b.seat, b.from.Sub(r.begun), b.token)
		}
	}
	if r.referee.led > len(told) {
		r.referee.fail("%d terms were seen, and %d told", r.referee.led, len(told))
	}
}

func (r *play) report(took time.Duration) Report {
	out := Report{
		Runs: 1, Requests: int(r.referee.requests.Load()), Looks: int(r.referee.looks.Load()), Terms: r.referee.led,
		Virtual: time.Since(r.begun), Slowest: took, Faults: make(map[Kind]int),
	}
	for _, l := range r.lives {
		out.Messages += len(l.first.messages())
		for _, s := range l.listeners() {
			out.Messages += len(s.messages())
			out.Late++
		}
	}
	for _, f := range r.Faults {
		out.Faults[f.Kind]++
	}
	return out
}

// sleep lets virtual time pass.
func sleep(d time.Duration) { <-time.NewTimer(d).C }
