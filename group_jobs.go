package leadership

import (
	"context"
)

// job is a call for one key.
type job struct {
	post    *post
	request request
	session *lent
	after   *job            // of the same key, which is to return first
	ctx     context.Context //nolint:containedctx // ends the job when the request is cancelled
	stop    context.CancelCauseFunc
	began   bool
	ended   chan struct{}
	floor   uint64      // the revision that the group had heard of when the job began
	finish  func(reply) // on the loop
}

// enqueue has r carried out once its turn has come.
func (c *calls) enqueue(queue *[]*job, p *post, r request, after *job) *job {
	j := &job{post: p, request: r, session: c.session, after: after, ended: make(chan struct{})}
	j.ctx, j.stop = context.WithCancelCause(c.ctx)
	j.finish = func(out reply) {
		out.seq = r.seq
		if r.op == opObserve || r.op == opCampaign {
			out = c.surveys.learn(p, out, j.floor)
		}
		c.reply(p, out)
		c.check(j.session, out.err)
	}
	*queue = append(*queue, j)
	return j
}

// cancel gives the job up. One that has not begun never will.
func (j *job) cancel() {
	if j == nil {
		return
	}
	j.stop(errSuperseded)
	if !j.began {
		j.began = true
		close(j.ended)
	}
}

// work carries a job out, unless it was cancelled.
func (c *calls) work(j *job) {
	if j.began {
		return
	}
	j.began, j.floor = true, c.surveys.floor()
	c.working++
	c.running.Go(func() {
		ctx, cancel := context.WithTimeout(j.ctx, j.request.limit)
		defer cancel()
		out := j.carryOut(ctx)
		out.op = j.request.op
		j.stop(nil)
		close(j.ended)
		c.tell(func() {
			c.working--
			j.after = nil
			j.post.forget(j)
			j.finish(out)
		})
	})
}

// forget lets go of a job that has ended.
func (p *post) forget(j *job) {
	for _, last := range []**job{&p.campaign, &p.observe, &p.release} {
		if *last == j {
			*last = nil
		}
	}
}

func (j *job) carryOut(ctx context.Context) reply {
	if j.after != nil { // cancelled, or it would not be followed by this one
		select {
		case <-j.after.ended:
		case <-ctx.Done():
		}
	}
	m := j.post.member
	c := &caller{member: m}
	if j.request.op != opRelease {
		return c.call(ctx, j.request, j.session, nil)
	}
	var sign []byte
	if j.request.sign {
		sign = m.vote("").Encode()
	}
	return reply{err: c.giveBack(ctx, j.request, j.session, sign)}
}

// watchAlone watches one key, where the backend can't watch all of them at once. It takes a goroutine.
func (c *calls) watchAlone(p *post, r request) {
	session := c.session
	ctx, cancel := context.WithCancelCause(c.ctx)
	p.end = func() { cancel(errSuperseded) }
	c.running.Go(func() {
		defer cancel(nil)
		bounded, done := context.WithTimeout(ctx, r.limit)
		defer done()
		err := session.Watch(bounded, p.member.key, r.seen)
		c.tell(func() {
			c.reply(p, reply{op: opWatch, seq: r.seq, err: err})
			c.check(session, err)
		})
	})
}
