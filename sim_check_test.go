package leadership

import (
	"time"
)

// led is called when m's term began or was extended: nobody else may believe then.
func (w *world) led(m *simMember, began bool) {
	if !m.believes() {
		return // its deadline is over already
	}
	token := m.s.token
	if began {
		w.stats.terms++
		w.log("member %d leads with %d", m.number, token)
		if token <= w.tokens && (m.session.fate == fateNone || w.plan.takeover >= w.plan.ttl) {
			w.violated("member %d leads with token %d after %d", m.number, token, w.tokens)
		}
		w.tokens = max(w.tokens, token)
	}
	if h, _ := w.store.election.holder(); began && h != m.session && w.now-m.session.lost > m.later(m.rules.ttl/2) {
		w.violated("member %d begins a term with token %d, %v after it lost the key: no request takes that long", m.number, token, w.now-m.session.lost)
	}
	for _, other := range w.members {
		if other == m || !other.believes() {
			continue
		}
		older, newer := order(m, other)
		if !w.handedOver(older) {
			w.violated("members %d (token %d) and %d (token %d) both believe", older.number, older.s.token, newer.number, newer.s.token)
		}
		older.session.fate = fateEnded // who led without knowing of it may resign, which tells others that nobody believes
		w.stats.overlooked++
	}
	if h, held := w.store.election.holder(); (h != m.session || held != token) && m.session.fate == fateNone && !w.checked(m) {
		w.violated("member %d believes with token %d, but the store gave the key to another", m.number, token)
	}
}

// checked reports whether the store ended m's session early and keeps the key back for as long as m may believe.
func (w *world) checked(m *simMember) bool {
	h, _ := w.store.election.holder()
	return h == nil && !m.session.alive && w.plan.lockDelay >= w.plan.ttl
}

func order(a, b *simMember) (older, newer *simMember) {
	if a.s.token < b.s.token {
		return a, b
	}
	return b, a
}

// handedOver reports whether an operator took the key from older in a way in which nobody could know that older may still believe: the case that the
// documentation names, which a takeover delay covers.
func (w *world) handedOver(older *simMember) bool {
	return older.session.fate == fateEnded && w.plan.takeover < w.plan.ttl
}

// mustNotBelieve is called when the store takes the key from s by itself, or is asked to by s's own member.
func (w *world) mustNotBelieve(s *simSession, why string) {
	for _, m := range w.members {
		if m.session == s && m.believes() && s.fate == fateNone {
			w.violated("member %d believes although %s", m.number, why)
		}
	}
}

// heal ends what is still wrong: nothing, unless two faults of a kind met.
func (w *world) heal() {
	for _, m := range w.members {
		m.net = simNet{}
	}
}

// settle checks that somebody leads in time after the last fault and its aftermath, and that this lasts.
func (w *world) settle() {
	w.run(w.now + w.plan.ttl) // who led may have missed too much
	stays := func() bool {    // who closes or resigns still leads until its work has returned, a drain time later
		m := w.leader()
		return m != nil && m.s.draining == nil
	}
	if !w.runUntil(w.now+w.plan.recovery(), stays) && len(w.errs) == 0 {
		w.violated("nobody leads %v after the last fault", w.plan.ttl+w.plan.recovery())
	}
	first := w.leader()
	w.run(w.now + 3*w.plan.ttl/2)
	if w.leader() != first && len(w.errs) == 0 {
		w.violated("the leader changed, although nothing was wrong")
	}
	for _, m := range w.members {
		if m.owed > 0 && w.now-m.owing > w.plan.recovery() && len(w.errs) == 0 {
			w.violated("member %d: Resign has not returned for %v", m.number, w.now-m.owing)
		}
	}
}

func (w *world) leader() *simMember {
	for _, m := range w.members {
		if m.believes() {
			return m
		}
	}
	return nil
}

// closeAll closes all members and checks that nothing of theirs is left.
func (w *world) closeAll() {
	open := len(w.members)
	for _, m := range w.members {
		if m.closed {
			open--
			continue
		}
		w.close(m, func() { open-- })
	}
	if !w.runUntil(w.now+w.plan.ttl+w.plan.drain, func() bool { return open == 0 }) && len(w.errs) == 0 {
		w.violated("%d members are not closed after a TTL", open)
	}
	for _, m := range w.members {
		if m.session != nil && m.session.alive && !m.session.given && len(w.errs) == 0 {
			w.violated("member %d is closed and leaves %s behind", m.number, m.session.id)
		}
		if m.owed > 0 && len(w.errs) == 0 {
			w.violated("member %d is closed and owes %d answers to Resign", m.number, m.owed)
		}
	}
	// A campaign that was under way may reach the store after the resignation. It takes the key again only for a session that lives on: a given one, or
	// that of a process that was killed.
	for _, m := range w.members {
		if h, _ := w.store.election.holder(); h != nil && h == m.session && !h.given && len(w.errs) == 0 {
			w.violated("member %d is closed, and %s holds the key", m.number, h.id)
		}
	}
	w.run(w.now + time.Duration(2*float64(w.plan.ttl+w.plan.grace)))
	for _, s := range w.store.sessions {
		if s.alive && !s.given && len(w.errs) == 0 {
			w.violated("%s lives on after a TTL", s.id)
		}
	}
}
