package leadership

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/leadership-go/leadership/internal/grammar"
)

// simMember is a process with one member in it, and the network between it and the store.
type simMember struct {
	w       *world
	number  int
	life    int // which process of this name it is
	rules   rules
	s       state
	term    *instant    // the deadline that the loop has applied, nil when it is over: what Term.Valid goes by, see Member.applyTerm
	session *simSession // the one opened last, as the caller keeps it
	calls   [opCount]*simCall
	grammar grammar.Checker
	work    simWork
	spins   int // times in a row that it had to be woken at once
	closed  bool
	owed    int           // Resign calls that have not returned
	owing   time.Duration // since when

	born      time.Duration // true time
	suspended time.Duration // local time that the monotonic clock has missed
	stepped   time.Duration // by how much the wall clock was put forward
	stopped   int           // faults that keep it from running
	since     time.Duration // true time at which a suspension began
	asleep    bool
	waiting   []input
	wakeAt    time.Duration // true time of the timer that counts
	net       simNet
}

// simCall is one call under way.
type simCall struct {
	r    request
	over bool
}

func newSimMember(w *world, number int) *simMember {
	m := &simMember{w: w, number: number, rules: w.plan.rules(number)}
	m.start(w.upTo(w.plan.ttl / 4))
	return m
}

// start has a new process begin after a while.
func (m *simMember) start(delay time.Duration) {
	m.life++
	life := m.life
	m.s, m.term, m.session, m.calls, m.waiting = state{}, nil, nil, [opCount]*simCall{}, nil
	m.grammar, m.work, m.closed, m.owed = grammar.Checker{}, simWork{}, true, 0
	m.w.after(delay, func() {
		if m.life != life {
			return
		}
		m.closed, m.born, m.suspended, m.stepped = false, m.w.now, 0, 0
		m.s = newState(m.rules, m.number == 0 && m.life == 1 && m.w.plan.attached, m.w.rng.Uint64())
		m.input(input{kind: inTick})
	})
}

// local is what the process's clocks show at true time now.
func (m *simMember) local() instant {
	t := time.Duration(float64(m.w.now-m.born) * m.w.plan.rates[m.number])
	return instant{mono: t - m.suspended - m.sleeping(), boot: t + m.stepped}
}

// sleeping is the local time since the suspension under way began.
func (m *simMember) sleeping() time.Duration {
	if !m.asleep {
		return 0
	}
	return time.Duration(float64(m.w.now-max(m.since, m.born)) * m.w.plan.rates[m.number])
}

// later is the true time that local d takes.
func (m *simMember) later(d time.Duration) time.Duration {
	return time.Duration(float64(d)/m.w.plan.rates[m.number]) + 1
}

// believes is what Term.Valid says now.
func (m *simMember) believes() bool {
	return m.term != nil && !m.closed && !m.local().reached(*m.term)
}

// input has the loop take in, unless the process is stopped: then it does so later.
func (m *simMember) input(in input) {
	switch {
	case m.closed:
	case m.stopped > 0:
		m.waiting = append(m.waiting, in)
	default:
		m.step(in)
	}
}

// resume lets the process run again, unless something else keeps it. What has piled up comes in any order.
func (m *simMember) resume() {
	if m.stopped--; m.stopped > 0 {
		return
	}
	piled := m.waiting
	m.waiting = nil
	m.w.rng.Shuffle(len(piled), func(i, j int) { piled[i], piled[j] = piled[j], piled[i] })
	for _, in := range piled {
		m.input(in)
	}
}

// step is one turn of the loop.
func (m *simMember) step(in input) {
	w := m.w
	in.now, in.busy = m.local(), m.work.running
	seen := in.reply.seen.Holder
	if heard := in.kind == inReply && m.s.calls[in.reply.op].seq == in.reply.seq && in.reply.err == nil; !heard {
		seen = Holder{}
	}
	before := m.s.phase
	var fx effects
	m.s, fx = step(m.rules, m.s, in)
	m.apply(fx)
	m.labour(fx)
	w.stats.steps++
	w.note(uint64(m.number), uint64(in.kind), uint64(in.reply.op), uint64(m.s.phase), m.s.token)
	if w.trace != nil {
		w.log("member %d: %s%s", m.number, describeInput(in), describePhases(before, m.s.phase))
	}
	for _, msg := range fx.messages {
		if err := m.grammar.Next(string(msg.Status), msg.Term, msg.Err); err != nil {
			w.violated("member %d: %w", m.number, err)
		}
	}
	if fx.term == termStart || fx.term == termExtend {
		w.led(m, fx.term == termStart)
	}
	if m.s.phase == phaseLeading && seen.Session != "" && (seen.Session != m.s.session || seen.Token != m.s.token) {
		w.violated("member %d leads on with token %d although it has read that %s holds the key with %d", m.number, m.s.token, seen.Session, seen.Token)
	}
	if m.s.phase == phaseLeading && in.now.reached(m.s.expiry) {
		w.violated("member %d goes on with a term that is over", m.number)
	}
	for _, o := range fx.cancels {
		m.cancel(o)
	}
	for _, r := range fx.requests {
		m.call(r)
	}
	if fx.released {
		m.owed = 0
	}
	if m.owed > 0 && slices.Contains([]phase{phaseAside, phaseOpening, phaseStanding, phaseClaiming}, m.s.phase) {
		w.violated("member %d: Resign has not returned, and the member is %v again", m.number, m.s.phase)
	}
	if fx.done {
		m.closed = true
		if err := m.grammar.End(); err != nil {
			w.violated("member %d: %w", m.number, err)
		}
		return
	}
	m.sleep()
}

// apply is Member.applyTerm.
func (m *simMember) apply(fx effects) {
	switch fx.term {
	case termStart, termExtend:
		deadline := m.s.expiry
		m.term = &deadline
	case termEnd:
		m.term = nil
	case termSame:
	}
}

// sleep sets the timer, which comes a little late now and then.
func (m *simMember) sleep() {
	wait := m.s.wake(&m.rules, m.local())
	if m.spins++; wait > 0 {
		m.spins = 0
	}
	if m.spins > 100 {
		m.w.violated("member %d does not sleep in state %v", m.number, m.s.phase)
	}
	at := m.w.now + m.later(wait)
	if m.w.chance(0.1) {
		at += m.w.upTo(5 * time.Millisecond)
	}
	m.wakeAt = at
	life := m.life
	m.w.at(at, func() {
		if m.life == life && m.wakeAt == at {
			m.input(input{kind: inTick})
		}
	})
}

// cancel ends the call of o: it returns soon, with an error or with a result that came just then.
func (m *simMember) cancel(o op) {
	c := m.calls[o]
	if c == nil || c.over {
		return
	}
	m.w.after(m.w.upTo(m.w.plan.latency), func() { m.finish(c, reply{err: context.Canceled}) })
}

// call makes the call that the loop wants.
func (m *simMember) call(r request) {
	w := m.w
	w.stats.requests++
	m.mayCall(r.op)
	c := &simCall{r: r}
	m.calls[r.op] = c
	life := m.life
	alive := func(f func(reply)) func(reply) {
		return func(out reply) {
			if m.life == life {
				f(out)
			}
		}
	}
	finish := alive(func(out reply) { m.finish(c, out) })
	w.after(m.later(r.limit), func() { finish(reply{err: m.late(r.op)}) })
	own := m.session
	if r.op == opRelease {
		m.release(r, own, finish)
		return
	}
	m.transmit(r.op, finish, func(answer func(reply)) {
		w.store.ask(r, own, 0, false, answer)
	})
}

// late is what a call returns that took longer than its limit.
func (m *simMember) late(o op) error {
	if o == opWatch {
		return context.DeadlineExceeded
	}
	return errSimLate
}

// release is two requests: the key back, then the session, even if the first gets no answer.
func (m *simMember) release(r request, own *simSession, finish func(reply)) {
	w := m.w
	second := false
	_, holding := w.store.election.holder()
	token := m.s.token // a sign is for the holding that was believed in
	end := func(first reply) {
		if second {
			return
		}
		second = true
		if r.keep {
			finish(first)
			return
		}
		m.transmit(opRelease, func(out reply) {
			if r.given && out.err == nil {
				out = first
			}
			finish(out)
		}, func(answer func(reply)) {
			if !r.given && own.alive {
				w.mustNotBelieve(own, "it closed its session")
				w.store.end(own)
			}
			w.store.election.swept(own)
			answer(reply{})
		})
	}
	w.after(m.later(r.limit/2), func() { end(reply{err: errSimLate}) })
	m.transmit(opRelease, end, func(answer func(reply)) {
		w.store.ask(r, own, holding, r.sign && holding == token, answer)
	})
}

// finish returns the call's result to the loop, once, but for what a fault echoes.
func (m *simMember) finish(c *simCall, out reply) {
	out.op, out.seq = c.r.op, c.r.seq
	if c.over {
		if m.net.echo > 0 && m.w.chance(m.net.echo) { // although nobody waits any more
			m.input(input{kind: inReply, reply: out})
		}
		return
	}
	c.over = true
	if c.r.op == opOpen && out.err == nil {
		m.session = m.w.store.sessions[out.session]
	}
	m.input(input{kind: inReply, reply: out})
	if m.w.chance(m.net.echo) {
		life := m.life
		m.w.after(m.w.upTo(2*m.w.plan.ttl), func() {
			if m.life == life {
				m.input(input{kind: inReply, reply: out})
			}
		})
	}
}

// quit ends the process without a word.
func (m *simMember) quit() {
	m.life++
	m.closed = true
}

func describeInput(in input) string {
	switch in.kind {
	case inTick:
		return "tick"
	case inResign:
		return "resign"
	case inClose:
		return "close"
	case inLapsed:
		return "lapsed"
	case inFailed:
		return "work failed"
	case inDoubt:
		return "doubt"
	case inStandDown:
		return "stand down"
	case inHealth:
		return fmt.Sprint("health: ", in.err)
	case inReply:
	}
	if in.reply.err != nil {
		return fmt.Sprintf("%v #%d: %v", in.reply.op, in.reply.seq, in.reply.err)
	}
	if in.reply.op == opCampaign || in.reply.op == opObserve {
		return fmt.Sprintf("%v #%d: %s", in.reply.op, in.reply.seq, describeSeen(in.reply.seen))
	}
	return fmt.Sprintf("%v #%d", in.reply.op, in.reply.seq)
}

func describeSeen(o Observation) string {
	return fmt.Sprintf("holder %q token %d resigned %v earlier %q delayed %v", o.Holder.Session, o.Holder.Token, o.Resigned, o.Earlier, o.Delayed)
}

func describePhases(before, after phase) string {
	if before == after {
		return ""
	}
	return fmt.Sprintf(": %v, now %v", before, after)
}
