package leadership

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// rules are the settings of one election that step goes by.
type rules struct {
	ttl, refresh, drift time.Duration
	frequency, delay    time.Duration
	reread              time.Duration // how often a candidate reads the key although a watch is under way, which may hang
	takeover            time.Duration
	keep                time.Duration // for how long the store keeps a session that is not renewed
	drain               time.Duration
	service, instance   string
	shared              bool // the session is a group's, which sees to the next one where it is lost
}

// phase is where a member stands.
//
//	delayed → opening → standing → claiming → leading
//	          ↓ ↑   ↑       ↓          ↓         ↓
//	         aside  └────── leaving ←──┴─────────┘ → closed
type phase int

const (
	phaseDelayed  phase = iota // waits for the first vote
	phaseAside                 // does not stand for now, and has no session; it reads who leads
	phaseOpening               // has no session
	phaseStanding              // stands for the key; another one holds it
	phaseClaiming              // holds the key, and does not yet know that nobody else still believes
	phaseLeading               // leads, until the deadline
	phaseLeaving               // gives key and session back
	phaseClosed
)

func (p phase) String() string {
	return [...]string{"delayed", "aside", "opening", "standing", "claiming", "leading", "leaving", "closed"}[p]
}

// call is a request under way; seq 0 means none.
type call struct {
	seq  uint64
	sent instant
}

// doubt is an earlier holder that may still believe in its term.
type doubt struct {
	session string
	since   instant // it was seen to hold the key no more
	until   instant // by then its belief is over
	asked   bool    // until comes from the store
}

// state is all that a member knows. It is a value: step returns a new one.
type state struct {
	phase   phase
	closing bool
	attach  bool // the session to open is a given one
	adopted bool // the open session was given
	rng     rand.PCG

	session string
	lease   time.Duration // granted TTL less drift
	every   time.Duration // how often it is renewed
	former  string        // the own session before this one

	renewed instant // when the last successful renewal was sent
	looked  instant // when the last read was sent
	proved  instant // when the last read was sent that showed the key ours
	holds   bool    // that read was not followed by another answer
	token   uint64
	expiry  instant // of the term: the deadline

	sick        error   // why the member must not stand; nil: it is well
	barredUntil instant // nor may it before that

	busy      bool    // work of a term runs
	draining  error   // why the term ends once no work runs any more; nil: it does not
	heir      Vote    // who is to lead after the term; the zero Vote: whoever waits
	again     bool    // it stands again at once after the resignation that waits for work
	drainedBy instant // by then the work has returned, or is waited for no longer
	overrun   bool    // it was waited for in vain

	seen       Observation // the last one
	observed   bool        // seen is set
	stale      bool        // the key must be read again
	watched    Holder      // what the watch under way goes on from
	doubts     []doubt
	asking     string  // the session that opLifetime is about
	takeoverAt instant // not to believe before that
	waited     bool    // the claim was held back by a doubt or by takeoverAt
	abandon    instant // when to stop trying to give an own session back: no store keeps it for longer

	calls     [opCount]call
	notBefore [opCount]instant
	failures  [opCount]int
	told      [opCount]complaint
	lastErr   error // of the last failed renewal or read, nil after a proof
	seq       uint64
	nextVote  instant
	heard     bool // notelected was sent for what is seen
}

// complaint is the last error message about one kind of request: the same text is not repeated within a vote period.
type complaint struct {
	text  string
	until instant
}

// newState is a member that has done nothing yet, at instant zero.
func newState(r rules, attach bool, seed uint64) state {
	return state{attach: attach, rng: *rand.NewPCG(seed, seed), nextVote: instant{}.after(r.delay + r.frequency)}
}

// step is the election: what a member does about one thing that happened. It is pure. Time comes in with the
// input; requests go out with the effects, and their replies come in again.
//
// It keeps these rules, in this order:
//
//  1. A deadline that is over ends the term, whatever came in.
//  2. A term rests on proofs. A proof is a renewal of the session and a read that shows the key ours and was
//     sent no earlier than the renewal. The deadline is the renewal's send time + TTL − drift.
//  3. A read that shows the key not ours ends the term, whatever was renewed.
//  4. An ended term never resumes: key and session are given back, and the next term has a new token.
//  5. Who comes to hold the key believes only when every earlier holder is known not to, and after a read that shows the key
//     ours, is not old, and was sent after the wait for the earlier holders.
//  6. While work of a term runs, key and session are not given back before it has returned or the drain time is over; nor does the
//     member stand before it has returned.
//
// docs/model/election.pml has these rules as well, for spin to search; docs/model/README.md lists where the two differ, as D1 to D16.
func step(r rules, s state, in input) (state, effects) {
	fx := s.take(&r, in)
	return s, fx
}

// take is step in place: a member's loop has one state, which is large.
func (s *state) take(r *rules, in input) effects {
	m := machine{rules: r, state: s, now: in.now}
	m.busy = in.busy
	if m.phase == phaseLeading && (in.kind == inLapsed || in.now.reached(m.expiry)) {
		m.lapse()
	}
	switch in.kind {
	case inReply:
		m.reply(in.reply)
	case inResign:
		m.resign(in.heir, in.again)
	case inClose:
		m.close()
	case inFailed:
		m.workFailed(in.err, in.keep)
	case inDoubt:
		m.stale = true
	case inStandDown:
		m.standDown(in.wait)
	case inHealth:
		m.health(in.err)
	case inTick, inLapsed:
	}
	m.advance()
	return m.fx
}

// machine is one step being taken.
type machine struct {
	*rules
	*state
	now instant
	fx  effects
}

// own is the member's vote.
func (m *machine) own() *Vote {
	return &Vote{SessionID: m.session, ServiceName: m.service, ServiceID: m.instance}
}

func (m *machine) send(msgs ...ElectionMessage) { m.fx.messages = append(m.fx.messages, msgs...) }

// advance does what is due by now.
func (m *machine) advance() {
	if m.phase == phaseDelayed && m.now.reached(instant{}.after(m.delay)) {
		m.phase = phaseOpening
	}
	m.stepAside()
	m.drained()
	m.believe()
	m.vote()
	m.distrust()
	for again := true; again; { // one request may make another due
		again = m.requestDue()
	}
}

// vote repeats at the vote frequency what this member is. Who stands aside reads the key for that.
func (m *machine) vote() {
	if m.phase == phaseClosed || !m.now.reached(m.nextVote) {
		return
	}
	m.nextVote = m.now.after(m.frequency)
	if m.phase == phaseLeading {
		m.send(ElectionMessage{Status: StatusElected, Vote: m.own(), Term: m.token})
		return
	}
	m.stale = m.stale || m.phase == phaseAside
	m.notElected()
}

// distrust has a candidate read the key now and then, in case its watch hangs.
func (m *machine) distrust() {
	if m.phase == phaseStanding && m.now.reached(m.looked.after(m.reread)) {
		m.stale = true
	}
}

// notElected tells who leads instead, as far as that is known.
func (m *machine) notElected() {
	m.heard = true
	msg := ElectionMessage{Status: StatusNotElected}
	if (m.phase == phaseStanding || m.phase == phaseAside) && m.observed && m.failures[opCampaign] == 0 && m.failures[opObserve] == 0 {
		msg.Vote, _ = readVote(m.seen.Holder)
		msg.Term = m.seen.Holder.Token
	}
	m.send(msg)
}

// readVote is the holder's vote. The session that holds the key counts, not the one that the value names. It is nil where
// nobody holds the key or the value is no vote, which is the error.
func readVote(h Holder) (*Vote, error) {
	if h.Session == "" {
		return nil, nil //nolint:nilnil // nobody leads: there is no vote and nothing is wrong
	}
	v, err := ParseVote(h.Value)
	if err != nil {
		return nil, err
	}
	v.SessionID = h.Session
	return &v, nil
}

// read takes in what the key showed. (D6: the model hears at once of a key that is not its own, or never.)
func (m *machine) read(r reply, sent instant) {
	if r.err != nil {
		m.lastErr, m.stale = r.err, true
		m.fail(r.op, r.err)
		return
	}
	before := m.seen.Holder
	first := !m.observed
	m.seen, m.observed = r.seen, true
	holder := r.seen.Holder
	changed := first || before.Session != holder.Session || before.Token != holder.Token
	if m.calls[opWatch].seq != 0 && (m.watched.Session != holder.Session || m.watched.Token != holder.Token) {
		m.calls[opWatch] = call{} // it missed this change: it may hang
		m.fx.cancels = append(m.fx.cancels, opWatch)
	}
	if changed {
		m.failures[opWatch], m.notBefore[opWatch] = 0, instant{}
	}
	if _, err := readVote(holder); err != nil && (changed || string(before.Value) != string(holder.Value)) {
		m.send(ElectionMessage{Status: StatusError, Err: err})
	}
	held := m.phase == phaseLeading || m.phase == phaseClaiming
	mine := holder.Session == m.session && m.session != "" && (!held || holder.Token == m.token)
	switch {
	case mine:
		m.succeed(r.op)
		m.holds, m.proved = true, sent
		if m.phase == phaseStanding {
			m.claim(before)
		}
		m.prove()
	case m.phase == phaseLeading:
		m.lose(fmt.Errorf("%w: %s", ErrKeyLost, describe(holder)))
		m.token = 0 // the term's holding is gone: what is given back now, if anything, was never believed in and deserves no sign
	case m.phase == phaseClaiming: // stood with again, the session would pass for one that may believe: its holding has left a trace (D15)
		m.succeed(r.op)
		m.leave()
		if m.adopted { // it is stood with again; one of its own would count as a failure to open one
			m.failures[opOpen]++
			m.notBefore[opCampaign] = m.now.after(m.pause(m.failures[opOpen]))
		}
	default:
		m.holds = false
		m.suspect(before.Session)
		if m.phase == phaseAside {
			m.succeed(r.op)
			if changed || !m.heard {
				m.notElected()
			}
			return
		}
		m.phase = phaseStanding
		if holder.Session == "" { // free, and not given to us: held back by the store, or a race lost
			m.failures[opCampaign]++
			last := lastPause
			if r.seen.Delayed { // for about one TTL, and nothing tells of its end
				last = min(last, max(m.lease/8, firstPause))
			}
			m.notBefore[opCampaign] = m.now.after(m.pauseUpTo(m.failures[opCampaign], last))
			m.stale = true
			return
		}
		m.succeed(r.op)
		if changed || !m.heard {
			m.notElected()
		}
	}
}

// describe names a holder for a relegation's cause.
func describe(h Holder) string {
	if h.Session == "" {
		return "nobody holds it"
	}
	return "session " + h.Session + " holds it"
}

// suspect notes that session, which held the key, holds it no more.
func (m *machine) suspect(session string) {
	if session == "" || session == m.session || session == m.former || session == m.seen.Holder.Session {
		return
	}
	// An older doubt about it is no bound: it may have held the key again since.
	m.doubts = slices.DeleteFunc(slices.Clone(m.doubts), func(d doubt) bool { return d.session == session })
	m.doubts = append(m.doubts, doubt{session: session, since: m.now, until: m.now.after(max(m.ttl, m.lease+m.drift))})
	if m.asking == session {
		m.asking = "" // the answer that is under way was about an earlier holding
	}
}

// claim is the moment at which the key turns out to be ours. Nobody may believe before
// the holders before us are known to have stopped.
func (m *machine) claim(before Holder) {
	m.phase, m.token, m.waited = phaseClaiming, m.seen.Holder.Token, false
	m.suspect(before.Session)
	m.takeoverAt = m.now.after(m.takeover)
	m.renewAfter(m.every) // more often than who waits
	m.notBefore[opLifetime] = instant{}
	if m.seen.Resigned {
		m.doubts, m.takeoverAt = nil, m.now
	}
	for _, earlier := range m.seen.Earlier { // whoever resigned: these did not
		m.suspect(earlier)
	}
}

// believe starts the term once nothing speaks against it any more. What was read before a wait is not enough, nor is a read that
// took longer than any request may: then the machine slept while it was under way.
// (D12: the model takes a read of any age.)
func (m *machine) believe() {
	m.doubts = slices.DeleteFunc(slices.Clone(m.doubts), func(d doubt) bool { return m.now.outlasted(d.until) })
	switch {
	case m.phase != phaseClaiming:
		return
	case len(m.doubts) > 0 || !m.now.outlasted(m.takeoverAt):
		m.waited = true
		return
	case m.waited || m.holds && m.now.reached(m.proved.after(m.attempt())): // somebody may have taken the key since: read it again
		m.waited, m.holds, m.stale = false, false, true
		if m.calls[opObserve].seq != 0 {
			m.calls[opObserve] = call{}
			m.fx.cancels = append(m.fx.cancels, opObserve)
		}
	}
	if !m.proven() || m.now.reached(m.renewed.after(m.lease)) {
		return
	}
	m.phase, m.expiry, m.lastErr, m.heir, m.again = phaseLeading, m.renewed.after(m.lease), nil, Vote{}, false
	m.nextVote = m.now.after(m.frequency)
	m.fx.term = termStart
	m.send(
		ElectionMessage{Status: StatusElected, Vote: m.own(), Term: m.token},
		ElectionMessage{Status: StatusElectedFirst, Vote: m.own(), Term: m.token},
	)
}

// proven reports whether renewal and read add up to a proof.
func (m *machine) proven() bool { return m.holds && m.proved.mono >= m.renewed.mono }

// prove extends the term if there is a new proof.
func (m *machine) prove() {
	if m.phase != phaseLeading || !m.proven() {
		return
	}
	m.lastErr = nil
	switch until := m.renewed.after(m.lease); {
	case until.mono <= m.expiry.mono:
	case m.now.reached(until): // by the boot clock alone, if what stands in for it was put back before the renewal, and forwards after it
		m.lapse()
	default:
		m.expiry, m.fx.term = until, termExtend
	}
}

// lapse ends the term because no proof came in time.
func (m *machine) lapse() {
	err := ErrLeaseExpired
	if m.lastErr != nil {
		err = fmt.Errorf("%w: %w", ErrLeaseExpired, m.lastErr)
	}
	m.lose(err)
}

// lose ends the term for cause and gives everything back.
func (m *machine) lose(cause error) {
	m.fx.term, m.fx.cause = termEnd, cause
	if m.draining == nil {
		m.drainedBy = m.now.after(m.drain)
	}
	m.draining = nil
	m.nextVote = m.now.after(m.frequency)
	var holder *Vote
	if m.seen.Holder.Session != m.session {
		holder, _ = readVote(m.seen.Holder)
	}
	m.heard = true
	m.send(
		ElectionMessage{Status: StatusNotElected, Vote: holder},
		ElectionMessage{Status: StatusRelegation, Vote: holder, Term: m.token, Err: cause},
	)
	m.leave()
}

// leave gives key and session back. (D3: the model may open a new session at once.)
func (m *machine) leave() {
	m.drop()
	if m.phase != phaseLeading {
		m.token = 0 // never believed: no sign of a resignation is due
	}
	m.phase, m.holds, m.observed, m.stale = phaseLeaving, false, false, false
	m.notBefore[opRelease], m.failures[opRelease] = instant{}, 0
	m.abandon = m.now.after(max(2*(m.lease+m.drift), m.keep))
}

// resign gives up the term. The member stands again after a vote period, behind whoever waits now, or at once: who makes way stays a candidate for what comes next.
func (m *machine) resign(heir Vote, again bool) {
	switch m.phase {
	case phaseLeading:
		if again && m.draining != nil { // what the user asked for counts
			return
		}
		m.again = again
		if heir != (Vote{}) { // a resignation while work returns does not take it back
			m.heir = heir
		}
		m.endTerm(ErrResigned)
	case phaseClaiming:
		m.notBefore[opCampaign] = m.now.after(m.frequency)
		m.leave()
	case phaseLeaving:
		m.notBefore[opCampaign] = m.now.after(m.frequency)
	case phaseDelayed, phaseAside, phaseOpening, phaseStanding, phaseClosed:
		m.fx.released = true
	}
}

// close ends the member, after giving back what it holds.
func (m *machine) close() {
	if m.closing {
		return
	}
	m.closing = true
	switch m.phase {
	case phaseLeading:
		m.endTerm(ErrClosed)
	case phaseStanding, phaseClaiming:
		m.leave()
	case phaseOpening:
		if m.calls[opOpen].seq == 0 {
			m.finish(nil)
		} // else its reply decides: cut short, it could leave a session behind that nobody knows of
	case phaseDelayed:
		m.finish(nil)
	case phaseAside:
		m.drop()
		m.finish(nil)
	case phaseLeaving:
		m.notBefore[opRelease] = instant{} // if it failed before, it is tried once more, now
	case phaseClosed:
	}
}

// finish is the end.
func (m *machine) finish(err error) {
	m.phase = phaseClosed
	m.fx.released, m.fx.err, m.fx.done = true, err, true
}
