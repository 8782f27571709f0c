package leadership

import (
	"errors"
	"time"
)

// simWork is the work that a member leads for: what Member.Lead does, without the margin.
type simWork struct {
	running   bool
	returning bool   // it was told to return
	done      uint64 // the term in which it ran last
}

// errSimWork is how work fails.
var errSimWork = errors.New("the work failed")

// labour is what the loop does about work after a step: works.begin, and what the end of its context leads to.
func (m *simMember) labour(fx effects) {
	w := m.w
	if !w.plan.works {
		return
	}
	if m.work.running && !m.work.returning && (fx.stop != nil || fx.term == termEnd) {
		m.work.returning = true
		linger := time.Duration(0)
		if w.chance(0.5) {
			linger = w.upTo(2 * w.plan.drain)
		}
		m.returns(linger, input{kind: inTick})
	}
	if m.work.running || m.s.phase != phaseLeading || m.s.draining != nil || m.work.done == m.s.token {
		return
	}
	m.work = simWork{running: true, done: m.s.token}
	if w.now < w.plan.faultsEnd() && w.chance(0.3) {
		m.returns(w.upTo(w.plan.ttl), input{kind: inFailed, err: errSimWork, keep: w.chance(0.5)})
	}
}

// returns has the work return after a while, unless it does so sooner.
func (m *simMember) returns(after time.Duration, in input) {
	life, run := m.life, m.work.done
	m.w.after(after, func() {
		if m.life != life || !m.work.running || m.work.done != run || in.kind == inFailed && m.work.returning {
			return
		}
		m.work.running, m.work.returning = false, false
		m.input(in)
	})
}

// mayCall checks that what work is waited for does not happen before it has returned, or was waited for as long as it may be; and that who must not stand
// does not.
func (m *simMember) mayCall(o op) {
	switch o {
	case opRelease:
		if m.work.running && !m.local().reached(m.s.drainedBy) {
			m.w.violated("member %d gives the key back while its work runs", m.number)
		}
	case opOpen, opCampaign:
		switch {
		case m.work.running:
			m.w.violated("member %d stands while its work runs", m.number)
		case m.s.sick != nil:
			m.w.violated("member %d stands and is sick", m.number)
		case !m.local().reached(m.s.barredUntil):
			m.w.violated("member %d stands, and has stood down", m.number)
		}
	case opRenew, opObserve, opWatch, opLifetime, opCount:
	}
}
