package leadership

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// This file is the traffic of the state machine in election.go: which requests are wanted, when, and what their ends mean.

// appointment is a request that is wanted, and when.
type appointment struct {
	op op
	at instant
}

// agenda lists the requests that are wanted and not under way. (D7: the model makes any of them at any time.)
func (m *machine) agenda() []appointment {
	var list []appointment
	want := func(o op, condition bool) {
		if condition && m.calls[o].seq == 0 {
			list = append(list, appointment{o, m.notBefore[o]})
		}
	}
	switch m.phase {
	case phaseAside:
		want(opObserve, m.stale)
	case phaseOpening:
		want(opOpen, !m.closing)
	case phaseStanding:
		want(opRenew, true)
		want(opCampaign, m.stale && m.mayStand())
		want(opWatch, m.observed && !m.stale && m.calls[opCampaign].seq == 0 && m.seen.Holder.Session != "")
	case phaseClaiming, phaseLeading:
		want(opRenew, true)
		want(opObserve, m.stale || m.proved.mono < m.renewed.mono)
		want(opWatch, !m.stale && m.calls[opObserve].seq == 0)
		want(opLifetime, len(m.doubts) > 0)
	case phaseLeaving:
		want(opRelease, m.waitedForWork())
	case phaseDelayed, phaseClosed:
	}
	return list
}

// proves reports whether a read of the key is wanted for nothing but the proof of a term, beside a renewal.
func (s *state) proves() bool {
	return s.phase == phaseLeading && (s.calls[opRenew].seq != 0 || s.proved.mono < s.renewed.mono)
}

// requestDue sends what the agenda has due, and reports whether there was anything.
func (m *machine) requestDue() bool {
	sent := false
	for _, a := range m.agenda() {
		if m.now.reached(a.at) {
			m.request(a.op)
			sent = true
		}
	}
	return sent
}

// wake is how long after now step has to be called again if nothing else happens.
func (s *state) wake(r *rules, now instant) time.Duration {
	m := machine{rules: r, state: s, now: now}
	wait := now.until(s.nextVote)
	by := func(at instant) { wait = min(wait, now.until(at)) }
	for _, a := range m.agenda() {
		by(a.at)
	}
	switch s.phase {
	case phaseDelayed:
		by(instant{}.after(r.delay))
	case phaseStanding:
		if !s.stale {
			by(s.looked.after(r.reread))
		}
	case phaseClaiming:
		for _, d := range s.doubts {
			wait = min(wait, d.until.mono-now.mono)
		}
		if !now.outlasted(s.takeoverAt) {
			wait = min(wait, s.takeoverAt.mono-now.mono)
		}
	case phaseLeading:
		by(s.expiry)
	case phaseAside:
		if !now.reached(s.barredUntil) {
			by(s.barredUntil)
		}
	case phaseOpening, phaseLeaving, phaseClosed:
	}
	if m.awaitsWork() && !now.reached(s.drainedBy) {
		by(s.drainedBy)
	}
	return max(wait, 0)
}

// watchLimit bounds one watch, so that one that hangs in silence is made anew.
const watchLimit = time.Minute

// request sends o and notes when.
func (m *machine) request(o op) {
	m.seq++
	m.calls[o] = call{seq: m.seq, sent: m.now}
	req := request{op: o, seq: m.seq, limit: m.attempt()}
	switch o {
	case opOpen:
		req.attach = m.attach
	case opRenew:
		m.stale = m.stale || m.holds // a proof takes both
	case opCampaign, opObserve:
		m.stale, m.looked = false, m.now
	case opWatch:
		req.limit, req.seen, m.watched = watchLimit, m.seen, m.seen.Holder
	case opLifetime:
		m.asking = m.doubts[0].session
		req.session = m.asking
	case opRelease:
		req.sign, req.given, req.keep = m.token != 0, m.adopted, m.adopted && !m.closing
		if req.sign {
			req.heir = m.heir
		}
	case opCount:
	}
	m.fx.requests = append(m.fx.requests, req)
}

// attempt bounds one request so that two of them fit between a refresh and the deadline.
func (m *machine) attempt() time.Duration {
	lease, every := m.lease, m.interval()
	if m.session == "" {
		lease, every = m.ttl-m.drift, m.refresh
	}
	limit := min((lease-every)/2, max(every, time.Second)) // shorter where more than two fit
	if m.phase == phaseLeading {
		limit = min(limit, m.now.until(m.expiry))
	}
	return max(limit, minAttempt)
}

// drop forgets every request under way: their replies will find nothing that waits for them.
func (m *machine) drop() {
	for o := range opCount {
		if m.calls[o].seq != 0 {
			m.calls[o] = call{}
			m.fx.cancels = append(m.fx.cancels, o)
		}
	}
}

// The pause after the nth failure in a row is firstPause·2ⁿ⁻¹, at most lastPause, less up to half of it by chance.
const (
	firstPause = 50 * time.Millisecond
	lastPause  = 2 * time.Second
)

func (m *machine) pause(failures int) time.Duration { return m.pauseUpTo(failures, lastPause) }

// pauseUpTo is pause with a bound of its own.
func (m *machine) pauseUpTo(failures int, last time.Duration) time.Duration {
	full := min(firstPause<<min(failures-1, 10), last)
	return full/2 + time.Duration(rand.New(&m.rng).Int64N(int64(full/2)+1))
}

// fail notes that o failed, tells about it and has it wait before the next try.
func (m *machine) fail(o op, err error) {
	m.failures[o]++
	m.notBefore[o] = m.now.after(m.pause(m.failures[o]))
	m.tell(o, err)
}

// tell sends err, unless the same was told about o within a vote period.
func (m *machine) tell(o op, err error) {
	text := err.Error()
	if m.told[o].text == text && !m.now.reached(m.told[o].until) {
		return
	}
	m.told[o] = complaint{text, m.now.after(m.frequency)}
	m.send(ElectionMessage{Status: StatusError, Err: err})
}

// succeed notes that o works.
func (m *machine) succeed(o op) {
	m.failures[o], m.notBefore[o], m.told[o] = 0, instant{}, complaint{}
}

// reply handles the end of a request. One that nobody waits for any more is ignored, however good its news. (D8: the model marks such answers.)
func (m *machine) reply(r reply) {
	c := m.calls[r.op]
	if c.seq == 0 || c.seq != r.seq {
		return
	}
	m.calls[r.op] = call{}
	if errors.Is(r.err, ErrSessionLost) && r.op != opRelease && r.op != opLifetime {
		m.lostSession(r.op, r.err)
		return
	}
	switch r.op {
	case opOpen:
		m.opened(r, c.sent)
	case opRenew:
		m.renewedAt(r.err, c.sent)
	case opCampaign, opObserve:
		m.read(r, c.sent)
	case opWatch:
		m.watchEnded(r.err, c.sent)
	case opLifetime:
		m.lifetimeKnown(r)
	case opRelease:
		m.released(r.err)
	case opCount:
	}
}

func (m *machine) opened(r reply, sent instant) {
	if r.err != nil {
		if m.closing {
			m.finish(nil)
			return
		}
		m.fail(opOpen, fmt.Errorf("leadership: no session: %w", r.err))
		return
	}
	m.session, m.lease, m.renewed = r.session, r.ttl-m.drift, sent
	m.every = min(m.refresh, m.lease/2)
	m.adopted = m.attach
	m.phase, m.stale = phaseStanding, true
	m.renewAfter(m.interval())
	if m.lease < 4*minAttempt {
		m.tell(opOpen, fmt.Errorf("leadership: the store granted a session of %v: too short to be renewed in time", r.ttl))
		if m.adopted { // not ours to give back: one of our own takes its place
			m.session = ""
			m.restart()
			return
		}
		m.leave()
	}
	if m.closing {
		m.leave()
	}
}

func (m *machine) renewedAt(err error, sent instant) {
	if err != nil {
		m.lastErr = err
		m.fail(opRenew, err)
		return
	}
	m.succeed(opRenew)
	m.failures[opOpen] = 0 // the session has lasted
	m.renewed = sent
	m.renewAfter(m.interval())
	m.prove()
}

// interval is how often the session is renewed. Nobody's belief rests on that of a candidate: it only has to live on.
func (m *machine) interval() time.Duration {
	if m.phase == phaseStanding {
		return waiting(m.lease)
	}
	return m.every
}

// waiting is how often a candidate renews its session: two attempts fit in the rest.
func waiting(lease time.Duration) time.Duration { return lease / 3 * 2 }

// renewAfter has the session renewed d after the last time.
func (m *machine) renewAfter(d time.Duration) { m.notBefore[opRenew] = m.renewed.after(d) }

func (m *machine) watchEnded(err error, sent instant) {
	switch {
	case err == nil: // what the key shows next may be the same: then the next watch waits a little
		m.stale = true
		m.failures[opWatch]++
		m.notBefore[opWatch] = m.now.after(min(m.pause(m.failures[opWatch]), 5*firstPause))
	case errors.Is(err, context.DeadlineExceeded) && m.now.reached(sent.after(watchLimit)): // nothing changed within its limit: the next one goes on from there
		m.succeed(opWatch)
	default:
		m.stale = true
		m.fail(opWatch, err)
	}
}

// lifetimeKnown settles, or bounds, a doubt. (D1.)
func (m *machine) lifetimeKnown(r reply) {
	i := slices.IndexFunc(m.doubts, func(d doubt) bool { return d.session == m.asking })
	switch {
	case i < 0:
	case r.err != nil:
		m.fail(opLifetime, r.err)
	case r.lifetime <= 0:
		m.succeed(opLifetime)
		m.doubts = slices.Delete(slices.Clone(m.doubts), i, i+1)
	default:
		m.succeed(opLifetime)
		d := m.doubts[i]
		if !d.asked {
			d.asked, d.until = true, d.since.after(r.lifetime)
		}
		m.doubts = append(slices.Delete(slices.Clone(m.doubts), i, i+1), d)
		if m.doubts[0].asked { // all are: ask again later
			m.notBefore[opLifetime] = m.now.after(min(max(r.lifetime/20, firstPause), lastPause))
		}
	}
}

// lostSession handles that the store no longer knows the session, as o found.
func (m *machine) lostSession(o op, err error) {
	if o == opOpen { // the session to attach is gone: one of our own takes its place, or the group's next one
		m.attach = m.shared
		m.opened(reply{err: err}, instant{})
		return
	}
	if m.phase == phaseLeading {
		m.lose(err)
	} else {
		m.tell(o, err)
	}
	m.restart()
}

// restart goes on without a session. A session that did not last counts as a failure to open one, but for that of who resigned.
func (m *machine) restart() {
	resigned := m.phase == phaseLeaving && !m.now.reached(m.notBefore[opCampaign])
	m.drop()
	m.former, m.session, m.attach, m.adopted, m.token = m.session, "", m.shared, false, 0
	m.phase, m.holds, m.observed, m.stale = phaseOpening, false, false, false
	m.fx.released = true // who waits for a resignation need wait no longer
	m.notBefore[opOpen] = m.now
	if !resigned {
		m.failures[opOpen]++
		m.notBefore[opOpen] = m.now.after(m.pause(m.failures[opOpen]))
	}
	if at := m.notBefore[opCampaign]; !m.now.reached(at) && at.mono > m.notBefore[opOpen].mono {
		m.notBefore[opOpen] = at // who does not stand yet has no session that somebody might hand the key to
	}
	m.succeed(opRenew)
	if m.closing {
		m.finish(nil)
	}
}

// released handles the end of a release.
func (m *machine) released(err error) {
	gone := errors.Is(err, ErrSessionLost)
	if gone {
		err = nil
	}
	switch {
	case m.closing:
		m.finish(err)
	case err != nil && (m.adopted || !m.now.reached(m.abandon)): // the session lives on: it must not keep the key
		m.fx.released, m.fx.err = true, err
		m.token = 0 // what the next try releases may be something that a late campaign took: that deserves no sign
		m.fail(opRelease, err)
	case m.adopted && !gone:
		m.phase, m.stale, m.token = phaseStanding, true, 0
		m.fx.released = true
	default:
		m.fx.err = err
		if err != nil {
			m.tell(opRelease, err)
		}
		m.restart()
	}
}
