package leadership

import (
	heaps "container/heap"
	"context"
	"math"
	"time"
)

// post is a member's place in its group. But for shown, only the group's loop touches it.
type post struct {
	seat
	group *Group
	desk  *desk
	shown []ElectionMessage // what a later subscriber of the group gets first of it; guarded by the lock of the group's feed

	place int           // in the desk's queue of wakes; -1: not there
	due   time.Duration // when step has to be called again, by the monotonic clock

	known  Holder // as the last read showed it
	read   uint64 // the revision of that read; 0: there was none
	turned uint64 // the revision of the read that first showed this holding
	moved  uint64 // the revision of the last change of the key that was heard of

	stirred uint64 // the revision of the last change of the key that a survey told

	watch    uint64 // the number of the watch that is asked for; 0: none
	since    uint64 // the revision from which it watches
	campaign *job   // the last one
	release  *job
	observe  *job
	end      context.CancelFunc // of a watch of its own, where the store has no common one
}

// desk is the loop of a group: it runs the state machines of all members, and makes their requests, shared where they can be.
type desk struct {
	*Group
	calls calls
	wakes wakes
	live  int           // members that are not closed
	skew  time.Duration // how much further the boot clock has run than the monotonic one
	over  time.Duration // when the members' releases are given up, since the group closes; 0: it does not
}

func newDesk(g *Group) *desk {
	d := &desk{Group: g, live: len(g.members)}
	d.calls.begin(d)
	for _, m := range g.members {
		m.post.desk = d
		heaps.Push(&d.wakes, m.post)
	}
	return d
}

// run is the group's loop, and the only writer of its members' states. It calls off in the end what waits for the end of Group's context.
func (d *desk) run(probe HealthProbe, off func() bool) {
	defer close(d.done)
	defer off()
	if probe != nil {
		for _, m := range d.members {
			m.post.state.sick = errUnprobed
		}
		d.calls.running.Go(func() { watchHealth(d.calls.ctx, d.config.Health, probe, d.becomes) })
	}
	if d.members[0].preempts() {
		d.calls.running.Go(func() { d.watchBetter(d.calls.ctx) })
	}
	closing := d.closing
	timer := time.NewTimer(0)
	defer timer.Stop()
	for d.live > 0 || closing != nil {
		select {
		case <-timer.C:
		case took := <-d.calls.ended:
			took()
		case <-d.inbox.signal:
			d.hear()
		case <-closing:
			closing = nil
			d.over = d.clock.now().mono + d.config.Lead.Drain + 3*d.config.Session.attempt()
			d.tellAll(input{kind: inClose})
		}
		d.tick()
		timer.Reset(d.next())
	}
	d.inbox.close()
	d.calls.close()
	d.err = d.calls.closeSession()
	if err := d.backend.Close(); err != nil && d.err == nil {
		d.err = err
	}
	d.feed.close(nil)
	d.log.close(d.config.Session.attempt())
}

// tick does what is due by now.
func (d *desk) tick() {
	now := d.clock.now()
	if skew := now.boot - now.mono; skew != d.skew {
		if skew > d.skew+jump { // the machine was suspended: deadlines may be over that no timer knows of
			d.tellAll(input{kind: inTick})
		}
		d.skew = skew
	}
	if d.over > 0 && now.mono >= d.over {
		d.calls.hurry()
	}
	for {
		for len(d.wakes) > 0 && d.wakes[0].due <= d.clock.now().mono {
			d.wakes[0].take(input{kind: inTick})
		}
		if !d.calls.answer() {
			break
		}
	}
	d.calls.flush()
}

// jump is how much the boot clock must get ahead at once for a suspension.
const jump = 10 * time.Millisecond

// next is how long from now there is something to do.
func (d *desk) next() time.Duration {
	at := d.calls.due()
	if len(d.wakes) > 0 {
		at = min(at, d.wakes[0].due)
	}
	if d.over > 0 && !d.calls.hasty {
		at = min(at, d.over)
	}
	return max(at-d.clock.now().mono, 0)
}

// never is later than any time.
const never = time.Duration(math.MaxInt64)

// tellAll has all members take the same input.
func (d *desk) tellAll(in input) {
	for _, m := range d.members {
		m.post.take(in)
	}
}

// becomes has all members take the same input, on the loop.
func (d *desk) becomes(in input) { d.calls.tell(func() { d.tellAll(in) }) }

// hear has members take what they were told.
func (d *desk) hear() {
	for _, heard := range d.inbox.take() {
		if p := heard.post; p.state.phase != phaseClosed {
			p.take(heard.event(&p.seat))
		}
	}
}

// take has the member's state machine take in, and notes when it has to be called again.
func (p *post) take(in input) {
	if p.state.phase == phaseClosed {
		return
	}
	d := p.desk
	if p.seat.take(in, p) {
		d.retire(p)
		return
	}
	now := d.clock.now()
	p.due = now.mono + p.state.wake(&p.member.rules, now)
	heaps.Fix(&d.wakes, p.place)
}

// retire ends a member.
func (d *desk) retire(p *post) {
	heaps.Remove(&d.wakes, p.place)
	d.live--
	p.replay = nil
	d.calls.surveys.unwatch(p)
	d.feed.publishMade(func() { p.shown = nil }, func() []GroupMessage { return nil })
	p.member.feed.close(nil)
	close(p.member.done)
}

// wakes is a heap of posts, the one that is due first on top.
type wakes []*post

func (w wakes) Len() int           { return len(w) }
func (w wakes) Less(i, j int) bool { return w[i].due < w[j].due }
func (w wakes) Swap(i, j int)      { w[i], w[j] = w[j], w[i]; w[i].place, w[j].place = i, j }

// Push implements [heaps.Interface].
func (w *wakes) Push(x any) {
	p := x.(*post)
	p.place = len(*w)
	*w = append(*w, p)
}

// Pop implements [heaps.Interface].
func (w *wakes) Pop() any {
	last := len(*w) - 1
	p := (*w)[last]
	(*w)[last] = nil
	*w = (*w)[:last]
	p.place = -1
	return p
}
