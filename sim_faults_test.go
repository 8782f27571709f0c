package leadership

import (
	"errors"
	"time"
)

// simNet is what is wrong between one member and the store, now. Numbers count faults, or are chances.
type simNet struct {
	up, down, denied, deaf            int
	late                              int  // reads come late
	overtake                          int  // renewals are slow …
	overtaken                         bool // … and the next read is the last thing that is heard, besides them
	loss, double, echo, reset, effect float64
	slow                              time.Duration
}

// transmit carries a request to the store, which does what it does with it, and the answer back. It may lose, delay and double both.
func (m *simMember) transmit(o op, finish func(reply), do func(answer func(reply))) {
	w := m.w
	life := m.life
	back := func(out reply) {
		if m.net.down > 0 || w.chance(m.net.loss) || m.net.overtaken && o != opRenew {
			return
		}
		trip := m.trip()
		if o == opObserve && m.net.late > 0 {
			trip += w.plan.ttl/8 + w.upTo(w.plan.ttl/16)
		}
		w.after(trip, func() {
			if m.life == life {
				finish(out)
			}
		})
	}
	arrive := func() {
		switch {
		case w.store.down:
			if w.chance(0.5) {
				back(reply{err: errSimDown})
			}
		case m.net.denied > 0:
			back(reply{err: errSimDenied})
		case o == opWatch && m.net.deaf > 0:
		default:
			do(back)
			if o == opObserve && m.net.overtake > 0 {
				w.after(3*w.plan.latency, func() { w.overtake(m) })
			}
		}
	}
	if w.chance(m.net.reset) {
		if w.chance(m.net.effect) {
			w.after(m.trip(), func() { do(func(reply) {}) })
		}
		w.after(m.trip(), func() { finish(reply{err: errSimDown}) })
		return
	}
	if m.net.up > 0 || w.chance(m.net.loss) {
		return
	}
	trip := m.trip()
	if o == opRenew && m.net.overtake > 0 {
		trip += w.plan.ttl/8 + w.upTo(w.plan.ttl/16)
	}
	w.after(trip, arrive)
	if w.chance(m.net.double) {
		w.after(m.trip()+w.upTo(2*w.plan.ttl), arrive)
	}
}

// trip is how long a packet takes.
func (m *simMember) trip() time.Duration {
	return m.w.upTo(m.w.plan.latency) + 1 + m.w.upTo(m.net.slow)
}

// begin lets f happen.
func (w *world) begin(f fault) {
	m := w.victim(f)
	w.stats.faults[f.kind]++
	w.note(uint64(f.kind), uint64(m.number))
	w.log("FAULT %v: member %d", f, m.number)
	if undo := w.strike(f, m); undo != nil {
		w.after(f.lasts, func() {
			w.log("FAULT %v is over", f)
			undo()
		})
	}
}

// victim is the member that f is about.
func (w *world) victim(f fault) *simMember {
	if f.member != theLeader {
		return w.members[f.member]
	}
	for _, m := range w.members {
		if m.believes() {
			return m
		}
	}
	return w.members[w.rng.IntN(len(w.members))]
}

// strike does what f is, and returns what ends it.
func (w *world) strike(f fault, m *simMember) (undo func()) {
	switch f.kind { //nolint:exhaustive // the others are over at once
	case faultCutUp:
		m.net.up++
		return func() { m.net.up-- }
	case faultCutDown:
		m.net.down++
		return func() { m.net.down-- }
	case faultCut:
		m.net.up++
		m.net.down++
		return func() { m.net.up--; m.net.down-- }
	case faultLoss:
		m.net.loss = f.extent
		return func() { m.net.loss = 0 }
	case faultSlow:
		m.net.slow = time.Duration(f.extent * float64(w.plan.ttl))
		return func() { m.net.slow = 0 }
	case faultDouble:
		m.net.double = f.extent
		return func() { m.net.double = 0 }
	case faultEcho:
		m.net.echo = f.extent
		return func() { m.net.echo = 0 }
	case faultReset:
		m.net.reset, m.net.effect = f.extent, w.rng.Float64()
		return func() { m.net.reset = 0 }
	case faultDenied:
		m.net.denied++
		return func() { m.net.denied-- }
	case faultDeafWatch:
		m.net.deaf++
		return func() { m.net.deaf-- }
	case faultPause:
		m.stopped++
		return m.resume
	case faultSuspend:
		return w.suspend(m)
	case faultStoreDown:
		return w.stop(f.extent < 0.5)
	case faultDepose:
		return w.depose(m)
	case faultDeposeBoth:
		return w.deposeBoth(m)
	case faultOvertake:
		m.net.overtake++
		return func() { m.net.overtake--; m.net.overtaken = false }
	case faultBlind:
		return w.blind(f, m)
	case faultSick:
		m.input(input{kind: inHealth, err: errSimSick})
		return func() { m.input(input{kind: inHealth}) }
	default:
		w.strikeOnce(f, m)
		return nil
	}
}

// errSimSick is why a member is sick.
var errSimSick = errors.New("no disk")

// giveUp is a call of Resign or StandDown.
func (w *world) giveUp(m *simMember, how input) {
	if !m.closed && m.stopped == 0 {
		m.owed++
		m.owing = w.now
		m.input(how)
	}
}

// strikeOnce does what a fault is that is over at once.
func (w *world) strikeOnce(f fault, m *simMember) {
	switch f.kind { //nolint:exhaustive // the others last
	case faultClockStep:
		// Where the wall clock stands in, one that is put back hides a suspension: that is not promised. So it is one or the other.
		if step := time.Duration((f.extent - 0.5) * 4 * float64(w.plan.ttl)); step > 0 || !w.plan.has(faultSuspend) {
			m.stepped += step
		}
	case faultKill:
		m.quit()
		m.start(f.lasts / 4)
	case faultResign:
		w.giveUp(m, input{kind: inResign})
	case faultTransfer:
		if heir := w.members[int(f.extent*float64(len(w.members)))].session; heir != nil {
			w.giveUp(m, input{kind: inResign, heir: Vote{SessionID: heir.id}, again: f.lasts%2 == 0})
		}
	case faultStandDown:
		w.giveUp(m, input{kind: inStandDown, wait: f.lasts})
	case faultClose:
		w.close(m, func() { m.start(f.lasts / 4) })
	case faultLapsed:
		if !m.believes() && m.s.phase == phaseLeading {
			m.input(input{kind: inLapsed})
		}
	case faultStoreLeader:
		w.store.newTerm()
	case faultDeleteKey:
		w.operate(fateDeleted, w.store.election.deleted)
	case faultOverwrite:
		if w.plan.line {
			w.operate(fateDeleted, w.store.election.overwritten)
		} else {
			w.operate(fateNone, w.store.election.overwritten)
		}
	case faultEndSession:
		if h, _ := w.store.election.holder(); h != nil {
			w.operate(fateEnded, func() { w.store.end(h) })
		}
	case faultTwin:
		if h, _ := w.store.election.holder(); h != nil {
			w.operate(fateDeleted, w.store.election.deleted)
			_, _ = w.store.election.stand(h)
		}
	case faultCheck:
		if h, _ := w.store.election.holder(); h != nil && !w.plan.line && w.plan.lockDelay >= w.plan.ttl {
			w.operate(fateNone, func() { w.store.end(h) })
		}
	case faultEndWaiter:
		if h, _ := w.store.election.holder(); m.session != nil && m.session.alive && m.session != h {
			if m.session.fate == fateDeleted { // it may believe still, and now its session is no sign of that any more
				m.session.fate = fateEnded
			}
			w.store.end(m.session)
		}
	}
}

// operate has an operator do f to the holder of the key, if there is one and the store is up.
func (w *world) operate(what simFate, f func()) {
	h, _ := w.store.election.holder()
	if h == nil || w.store.down {
		return
	}
	if w.plan.lockDelay >= w.plan.ttl && what == fateEnded {
		what = fateNone // the store keeps the key back until the holder has stopped
	}
	h.fate = max(h.fate, what)
	f()
}

// suspend puts a machine to sleep.
func (w *world) suspend(m *simMember) func() {
	if m.asleep {
		return nil
	}
	life := m.life
	m.asleep, m.since = true, w.now
	m.stopped++
	return func() {
		missed := m.sleeping()
		m.asleep = false
		if m.life == life {
			m.suspended += missed
		}
		m.resume()
	}
}

// stop takes the store down. Some stores count sessions anew when they are up again.
func (w *world) stop(anew bool) func() {
	if w.store.down {
		return nil
	}
	w.store.down = true
	return func() {
		w.store.down = false
		if anew {
			w.store.newTerm()
		}
	}
}

// depose cuts a member off, and has an operator delete the key, while its session lives on.
func (w *world) depose(m *simMember) func() {
	m.net.down++
	w.operate(fateDeleted, w.store.election.deleted)
	return func() { m.net.down-- }
}

// deposeBoth deposes m and then, a little later, who has taken its place.
func (w *world) deposeBoth(m *simMember) func() {
	undo := []func(){w.depose(m)}
	over := false
	w.after(4*w.plan.latency+w.upTo(w.plan.ttl/4), func() {
		h, _ := w.store.election.holder()
		for _, next := range w.members {
			if !over && next != m && h != nil && next.session == h {
				undo = append(undo, w.depose(next))
			}
		}
	})
	return func() {
		over = true
		for _, u := range undo {
			u()
		}
	}
}

// overtake deposes m if it leads: its renewal is under way, its read was answered, and it hears of nothing else.
func (w *world) overtake(m *simMember) {
	if h, _ := w.store.election.holder(); h != nil && h == m.session && m.net.overtake > 0 && !m.net.overtaken {
		m.net.overtaken = true
		w.operate(fateDeleted, w.store.election.deleted)
	}
}

// blind has m read often and late, then not at all, and deposes it.
func (w *world) blind(f fault, m *simMember) func() {
	m.net.late++
	over := false
	var rouse func()
	rouse = func() {
		if !over {
			w.store.wake(func(watch simWatch) bool { return watch.session == m.session })
			w.after(w.plan.ttl/16, rouse)
		}
	}
	rouse()
	w.after(time.Duration(f.extent*float64(f.lasts)), func() {
		if h, _ := w.store.election.holder(); !over && h != nil && h == m.session {
			m.net.overtaken = true
			w.operate(fateDeleted, w.store.election.deleted)
		}
	})
	return func() {
		over = true
		m.net.late--
		m.net.overtaken = false
	}
}

// close has the user close m, and calls then when that is done.
func (w *world) close(m *simMember, then func()) {
	life := m.life
	m.input(input{kind: inClose})
	var look func()
	look = func() {
		switch {
		case m.life != life:
		case m.closed:
			then()
		default:
			w.after(w.plan.ttl/20, look)
		}
	}
	look()
}
