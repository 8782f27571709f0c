package leadership

import (
	"context"
	"math"
	"sync"
	"time"
)

// event makes of what has happened an input for the member at that seat. It is called when its turn has come.
type event func(s *seat) input

// loop takes the events of one member, one after the other, and is the only writer of its state. It is no goroutine that waits: where none is at it, who tells it of something starts one,
// which ends as soon as nothing is left to do.
type loop struct {
	member *Member
	seat   seat // touched by the goroutine that is at it, as calls are
	calls  *caller
	timer  *time.Timer
	off    func() bool // calls off what waits for the end of Build's context

	mu      sync.Mutex
	events  []event
	running bool
	over    bool
}

// begin starts the loop of a member that stands until ctx ends.
func (m *Member) begin(ctx context.Context, s state, probe HealthProbe) {
	l := &loop{
		member: m, seat: seat{member: m, state: s}, calls: newCaller(m), timer: time.AfterFunc(math.MaxInt64, func() { m.tell(tick) }),
		events: []event{tick}, running: true,
	}
	m.loop = l // whatever is started below tells it of something
	if probe != nil {
		l.seat.state.sick = errUnprobed
		l.calls.running.Go(func() { watchHealth(l.calls.ctx, m.config.Health, probe, m.becomes) })
	}
	if m.preempts() {
		l.calls.running.Go(func() { m.watchBetter(l.calls.ctx) })
	}
	l.off = context.AfterFunc(ctx, m.beginClose)
	go l.run()
}

// tick says that time has passed.
func tick(*seat) input { return input{kind: inTick} }

// tell has e taken in its turn, and does not wait for that. A member that is closed, or closes first, takes no notice: who waits for what comes of it waits for done, too.
func (m *Member) tell(e event) {
	if m.post != nil {
		m.post.group.inbox.put(m.post, e)
		return
	}
	l := m.loop
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over {
		return
	}
	l.events = append(l.events, e)
	if !l.running {
		l.running = true
		go l.run()
	}
}

// becomes tells the member of an input that is always the same.
func (m *Member) becomes(in input) { m.tell(func(*seat) input { return in }) }

// next is the event whose turn it is. It reports false where there is none, and the goroutine is to end.
func (l *loop) next() (event, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.events) == 0 {
		l.events, l.running = nil, false
		return nil, false
	}
	e := l.events[0]
	l.events[0] = nil
	l.events = l.events[1:]
	return e, true
}

// run takes events until there is none, or the member is closed.
func (l *loop) run() {
	m := l.member
	for e, ok := l.next(); ok; e, ok = l.next() {
		if l.seat.take(e(&l.seat), l.calls) {
			l.end()
			return
		}
		l.timer.Reset(l.seat.state.wake(&m.rules, m.clock.now()))
	}
}

// end waits for all that the member has started, and closes what it has.
func (l *loop) end() {
	m := l.member
	l.timer.Stop()
	l.off()
	l.calls.end()
	if err := m.backend.Close(); err != nil && m.err == nil {
		m.err = err
	}
	m.feed.close(nil)
	m.log.close(m.config.Session.attempt())
	l.mu.Lock()
	l.events, l.over = nil, true
	l.mu.Unlock()
	close(m.done)
}
