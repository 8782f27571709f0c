package leadership

import (
	"errors"
	"fmt"
)

// This file is what the state machine in election.go does about the work that a term is led for: see [Member.Lead].

// endTerm ends the term by the member's own will, within this step where no work runs, otherwise once it has returned. Until then the term goes
// on. The first cause counts.
func (m *machine) endTerm(cause error) {
	if m.draining != nil {
		return
	}
	m.draining = cause
	if m.busy {
		m.drainedBy, m.fx.stop = m.now.after(m.drain), cause
	}
}

// drained ends a term that waits for its work to return, once it has, or the drain time is over.
func (m *machine) drained() {
	if m.awaitsWork() && m.busy && !m.overrun && m.now.reached(m.drainedBy) {
		m.overrun = true
		m.send(ElectionMessage{Status: StatusError, Term: m.token, Err: ErrWorkOverran})
	}
	if !m.busy {
		m.overrun = false
	}
	if m.phase != phaseLeading || m.draining == nil || !m.waitedForWork() {
		return
	}
	cause := m.draining
	if errors.Is(cause, ErrResigned) && !m.again { // stand again behind whoever waits now
		m.notBefore[opCampaign] = m.now.after(m.frequency)
	}
	m.lose(cause)
}

// awaitsWork reports whether something is held back until the work has returned.
func (s state) awaitsWork() bool {
	return s.busy && (s.phase == phaseLeading && s.draining != nil || s.phase == phaseLeaving)
}

// waitedForWork reports whether the work has returned, or was waited for as long as it may be.
func (m *machine) waitedForWork() bool { return !m.busy || m.now.reached(m.drainedBy) }

// workFailed tells about the failure of work, and gives up the term unless it is to be kept.
func (m *machine) workFailed(err error, keep bool) {
	m.send(ElectionMessage{Status: StatusError, Term: m.token, Err: fmt.Errorf("leadership: work of term %d failed: %w", m.token, err)})
	if m.phase == phaseLeading && !keep {
		m.endTerm(fmt.Errorf("%w: %w", ErrResigned, err))
	}
}
