package leadership

import (
	"errors"
	"fmt"
	"time"
)

// This file is what keeps a member of the state machine in election.go from standing for a while.

// mayStand reports whether nothing keeps the member from standing.
func (m *machine) mayStand() bool { return !m.busy && m.sick == nil && m.now.reached(m.barredUntil) }

// stepAside goes aside where the member may not stand, and back where it may.
func (m *machine) stepAside() {
	switch may := m.mayStand(); {
	case m.phase == phaseOpening && !may && m.calls[opOpen].seq == 0:
		m.phase, m.observed = phaseAside, false
		m.stale = !errors.Is(m.sick, errUnprobed) // the first probe may be about to let it stand
	case m.phase == phaseAside && may:
		m.drop()
		m.phase, m.observed, m.stale = phaseOpening, false, false
	case m.phase == phaseStanding && !may && (!m.adopted || m.observed || m.calls[opCampaign].seq != 0), m.phase == phaseClaiming && !may:
		m.leave() // of a given session, the candidacy only
	}
}

// standDown ends candidacy and term for d. Where a term is about to end, it waits for that.
func (m *machine) standDown(d time.Duration) {
	m.barredUntil = m.now.after(max(d, 0))
	switch m.phase {
	case phaseLeading:
		if d > 0 || m.draining != nil {
			m.endTerm(ErrStoodDown)
			return
		}
	case phaseStanding, phaseClaiming:
		if m.stepAside(); m.phase == phaseLeaving {
			return
		}
	case phaseLeaving:
		return
	case phaseDelayed, phaseAside, phaseOpening, phaseClosed:
	}
	m.fx.released = true
}

// health takes in whether the member is well.
func (m *machine) health(err error) {
	if m.sick = err; err == nil {
		return
	}
	err = fmt.Errorf("%w: %w", ErrUnhealthy, err)
	m.stale = m.stale || m.phase == phaseAside
	if m.phase == phaseLeading {
		m.endTerm(err)
	} else if m.phase != phaseClosed {
		m.send(ElectionMessage{Status: StatusError, Err: err})
	}
}
