package leadership

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// This file makes the requests of a group's members. What is about the session they share is asked once for all who wait for it; campaigns and releases are each key's own,
// and so is whatever the backend can't do for many keys at once.

// How many calls for single keys a group makes at a time.
const mostWorkers = 32

// asker is a request that waits for a call that answers several. That is sent no earlier than the request was made, which the state machine takes for the time
// at which it was sent.
type asker struct {
	post  *post
	seq   uint64
	limit time.Duration
	hurry bool // it is no mere proof of a term that goes on
}

// batch are the requests that the next call answers.
type batch struct {
	linger  time.Duration // how long the first waits for others
	spacing time.Duration // between two calls
	hurried time.Duration // the same, where somebody is in a hurry; 0: as any
	most    int           // calls under way

	askers []asker
	hurry  bool          // one of them is in a hurry
	first  time.Duration // when the first of them asked
	sent   time.Duration // when the last call was sent; 0: there was none
	flying int
}

func (b *batch) add(a asker, now time.Duration) {
	if len(b.askers) == 0 {
		b.first = now
	}
	b.askers, b.hurry = append(b.askers, a), b.hurry || a.hurry
}

// due is when the next call is to be sent.
func (b *batch) due() time.Duration {
	switch {
	case len(b.askers) == 0 || b.flying >= b.most:
		return never
	case b.sent == 0:
		return b.first + b.linger
	}
	spacing := b.spacing
	if b.hurry && b.hurried > 0 {
		spacing = b.hurried
	}
	return max(b.first+b.linger, b.sent+spacing)
}

// send takes the askers for a call that is sent now, and returns how long that may take.
func (b *batch) send(now time.Duration) ([]asker, time.Duration) {
	askers := b.askers
	b.askers, b.hurry, b.sent = nil, false, max(now, 1)
	b.flying++
	var limit time.Duration
	for _, a := range askers {
		limit = max(limit, a.limit)
	}
	return askers, limit
}

// answer is a reply on its way to a member.
type answer struct {
	post  *post
	reply reply
}

// calls are the requests of a group. But for what runs in calls.running, only the loop touches it.
type calls struct {
	desk    *desk
	ctx     context.Context //nolint:containedctx // ends what is under way when the loop ends, or has no time left
	stop    context.CancelCauseFunc
	hasty   bool
	running sync.WaitGroup
	ended   chan func() // what the loop has to do about a call that has ended
	gone    chan struct{}
	ready   []answer

	own     Session // the group's; nil before it was opened, and once it is lost
	session *lent   // own, attached: so that it outlives resignations
	open    batch
	renew   batch
	resigns bool // a leader has given a key back since the session was opened

	urgent, queue []*job
	working       int
	lifetimes     map[string]*batch // by the session that is asked about

	surveys survey
}

func (c *calls) begin(d *desk) {
	c.desk = d
	c.ctx, c.stop = context.WithCancelCause(d.values)
	c.ended, c.gone = make(chan func()), make(chan struct{})
	c.lifetimes = make(map[string]*batch)
	attempt := d.config.Session.attempt()
	c.open = batch{spacing: 2 * firstPause, most: 1}
	c.renew = batch{linger: min(attempt/32, 10*time.Millisecond), spacing: attempt / 4, most: 4}
	c.surveys.begin(d)
}

// hurry gives up all that is under way, and all that is still to come.
func (c *calls) hurry() {
	if !c.hasty {
		c.hasty = true
		c.stop(context.DeadlineExceeded)
	}
}

// close ends everything and waits until it has returned.
func (c *calls) close() {
	close(c.gone)
	c.stop(errSuperseded)
	c.running.Wait()
}

// closeSession ends the session, which frees what was not given back, and has the store forget what resignations have left behind.
func (c *calls) closeSession() error {
	if c.own == nil {
		return nil
	}
	if c.resigns {
		makeWay(c.desk.values, mostWay)
	}
	err := c.within(c.own.Close)
	if c.session == nil {
		return err
	}
	if left := c.within(c.session.Close); err == nil {
		err = left
	}
	return err
}

// within bounds a call after the loop's end.
func (c *calls) within(call func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(c.desk.values, c.desk.config.Session.attempt())
	defer cancel()
	return call(ctx)
}

// tell has the loop do f.
func (c *calls) tell(f func()) {
	select {
	case c.ended <- f:
	case <-c.gone:
	}
}

// answer hands out the replies that are ready, and reports whether there were any.
func (c *calls) answer() bool {
	ready := c.ready
	c.ready = nil
	for _, a := range ready {
		a.post.take(input{kind: inReply, reply: a.reply})
	}
	return len(ready) > 0
}

// reply has p get r.
func (c *calls) reply(p *post, r reply) { c.ready = append(c.ready, answer{p, r}) }

// replyAll has all of them get r.
func (c *calls) replyAll(askers []asker, r reply) {
	for _, a := range askers {
		r.seq = a.seq
		c.reply(a.post, r)
	}
}

// due is when flush has to be called again.
func (c *calls) due() time.Duration {
	at := min(c.open.due(), c.renew.due(), c.surveys.due())
	for _, b := range c.lifetimes {
		at = min(at, b.due())
	}
	return at
}

// flush sends what is due.
func (c *calls) flush() {
	now := c.desk.clock.now().mono
	if c.open.due() <= now {
		c.sendOpen(now)
	}
	if c.renew.due() <= now {
		c.sendRenew(now)
	}
	c.surveys.flush(now)
	for id, b := range c.lifetimes {
		if b.due() <= now {
			c.sendLifetime(id, b, now)
		}
	}
	for c.working < mostWorkers && len(c.urgent)+len(c.queue) > 0 {
		queue := &c.urgent
		if len(*queue) == 0 {
			queue = &c.queue
		}
		c.work((*queue)[0])
		(*queue)[0] = nil // what is done is not kept
		if *queue = (*queue)[1:]; len(*queue) == 0 {
			*queue = nil
		}
	}
}

// start implements [carrier].
func (p *post) start(r request) {
	c := &p.desk.calls
	now := p.desk.clock.now().mono
	a := asker{p, r.seq, r.limit, !p.state.proves()}
	switch r.op {
	case opRenew, opCampaign, opWatch, opRelease:
		if c.session == nil || c.session.ID() != p.state.session {
			c.reply(p, reply{op: r.op, seq: r.seq, err: fmt.Errorf("leadership: session %s: %w", p.state.session, ErrSessionLost)})
			return
		}
	case opOpen, opObserve, opLifetime, opCount:
	}
	switch r.op {
	case opOpen:
		c.open.add(a, now)
	case opRenew:
		c.renew.add(a, now)
	case opCampaign:
		p.campaign = c.enqueue(&c.queue, p, r, p.campaign)
	case opObserve:
		if !c.surveys.ask(a, now) {
			p.observe = c.enqueue(&c.queue, p, r, nil)
		}
	case opWatch:
		if !c.surveys.watch(p, r) {
			c.watchAlone(p, r)
		}
	case opLifetime:
		b := c.lifetimes[r.session]
		if b == nil {
			b = &batch{linger: firstPause / 2, most: 1}
			c.lifetimes[r.session] = b
		}
		b.add(a, now)
	case opRelease:
		c.resigns = c.resigns || r.sign
		p.release = c.enqueue(&c.urgent, p, r, p.campaign)
	case opCount:
	}
}

// cancel implements [carrier]. Of a call that answers several, only the answer to this one is of no use any more.
func (p *post) cancel(ops []op) {
	for _, o := range ops {
		switch o {
		case opCampaign:
			p.campaign.cancel()
		case opObserve:
			p.observe.cancel()
		case opRelease:
			p.release.cancel()
		case opWatch:
			p.desk.calls.surveys.unwatch(p)
			if p.end != nil {
				p.end()
				p.end = nil
			}
		case opOpen, opRenew, opLifetime, opCount:
		}
	}
}

// sendOpen opens a session, or makes sure of the one that there is.
func (c *calls) sendOpen(now time.Duration) {
	askers, limit := c.open.send(now)
	o := opener{backend: c.desk.backend, ttl: c.desk.config.Session.TTL, own: c.own, session: c.session}
	before := c.session
	c.running.Go(func() {
		ctx, cancel := context.WithTimeout(c.ctx, limit)
		defer cancel()
		err := o.open(ctx)
		c.tell(func() {
			c.open.flying--
			if before != nil && o.session != before {
				c.check(before, fmt.Errorf("leadership: session %s: %w", before.ID(), ErrSessionLost))
			}
			if before == nil || o.session != before { // else it is as it was, or was found lost meanwhile
				c.own, c.session = o.own, o.session
			}
			if err == nil && c.session != o.session {
				err = errSuperseded
			}
			r := reply{op: opOpen, err: err}
			if err == nil {
				r.session, r.ttl = o.session.ID(), o.session.TTL()
			}
			c.replyAll(askers, r)
		})
	})
}

// opener opens a session and attaches to it.
type opener struct {
	backend Backend
	ttl     time.Duration
	own     Session
	session *lent
}

// lent is the session that all members stand with. It is known by its address: what a backend returns may not be comparable.
type lent struct{ Session }

// open leaves a session that was renewed after it was called. One that is lost is followed by another.
func (o *opener) open(ctx context.Context) error {
	for {
		err := o.attempt(ctx)
		if !errors.Is(err, ErrSessionLost) {
			return err
		}
		lost := o.own == nil // a new one, at once
		o.own, o.session = nil, nil
		if lost {
			return fmt.Errorf("leadership: a new session is gone at once: %v", err) //nolint:errorlint // it is no session of the members' that was lost
		}
	}
}

func (o *opener) attempt(ctx context.Context) (err error) {
	if o.session != nil {
		return o.session.Renew(ctx)
	}
	if o.own == nil {
		own, err := o.backend.Open(ctx, o.ttl)
		if err != nil {
			return err
		}
		o.own = own
	}
	session, err := o.backend.Attach(ctx, o.own.ID(), cmp.Or(o.own.TTL(), o.ttl))
	if err == nil {
		o.session = &lent{session}
	}
	return err
}

// sendRenew renews the session.
func (c *calls) sendRenew(now time.Duration) {
	askers, limit := c.renew.send(now)
	session := c.session
	c.running.Go(func() {
		ctx, cancel := context.WithTimeout(c.ctx, limit)
		defer cancel()
		err := session.Renew(ctx)
		c.tell(func() {
			c.renew.flying--
			c.replyAll(askers, reply{op: opRenew, err: err})
			c.check(session, err)
		})
	})
}

// check looks whether err says that session is lost.
func (c *calls) check(session *lent, err error) {
	if errors.Is(err, ErrSessionLost) && session != nil && session == c.session {
		c.lost(session, err)
	}
}

// lost tells all members that stand with session that it is lost. Who has no request under way that can be answered so hears of it with its next one.
func (c *calls) lost(session *lent, err error) {
	c.own, c.session = nil, nil
	askers := c.renew.askers
	c.renew.askers = nil
	c.replyAll(askers, reply{op: opRenew, err: err})
	c.surveys.lost(session, err)
}

// sendLifetime asks for the lifetime of a session.
func (c *calls) sendLifetime(id string, b *batch, now time.Duration) {
	askers, limit := b.send(now)
	j := c.enqueue(&c.queue, askers[0].post, request{op: opLifetime, session: id, limit: limit}, nil)
	j.finish = func(r reply) {
		b.flying--
		if len(b.askers) == 0 {
			delete(c.lifetimes, id)
		}
		c.replyAll(askers, r)
	}
}
