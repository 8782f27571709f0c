package leadership

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// caller carries out the requests of one member's loop, each on a goroutine of its own and within its limit, and sends their replies back.
type caller struct {
	member  *Member
	ctx     context.Context //nolint:containedctx // ends what is under way when the loop ends
	stop    context.CancelFunc
	running sync.WaitGroup
	ends    [opCount]context.CancelFunc

	mu        sync.Mutex
	session   Session         // the open one
	campaigns *sync.WaitGroup // for a key, of that session
}

// errSuperseded is the cause given to a call that the loop waits for no more.
var errSuperseded = errors.New("leadership: request superseded")

func newCaller(m *Member) *caller {
	c := &caller{member: m, campaigns: new(sync.WaitGroup)}
	c.ctx, c.stop = context.WithCancel(m.values)
	return c
}

// cancel ends the calls of these kinds. A reply may still come.
func (c *caller) cancel(ops []op) {
	for _, o := range ops {
		if end := c.ends[o]; end != nil {
			end()
		}
	}
}

// end cancels everything and waits until it has returned.
func (c *caller) end() {
	c.stop()
	c.running.Wait()
}

// start makes the call for r and returns at once.
func (c *caller) start(r request) {
	ctx, cancel := context.WithTimeout(c.ctx, r.limit)
	c.ends[r.op] = cancel
	c.mu.Lock()
	session, campaigns := c.session, c.campaigns
	c.mu.Unlock()
	if r.op == opCampaign {
		campaigns.Add(1)
	}
	c.running.Go(func() {
		defer cancel()
		out := c.call(ctx, r, session, campaigns)
		out.op, out.seq = r.op, r.seq
		if r.op == opCampaign {
			campaigns.Done()
		}
		c.member.becomes(input{kind: inReply, reply: out})
	})
}

// call is the one place that talks to the store.
func (c *caller) call(ctx context.Context, r request, session Session, campaigns *sync.WaitGroup) reply {
	m := c.member
	switch r.op {
	case opOpen:
		return c.open(ctx, r.attach)
	case opRenew:
		return reply{err: session.Renew(ctx)}
	case opCampaign:
		return c.campaign(ctx, r, session)
	case opObserve:
		seen, err := m.backend.Observe(ctx, m.key)
		return reply{seen: seen, err: err}
	case opWatch:
		return reply{err: session.Watch(ctx, m.key, r.seen)}
	case opLifetime:
		left, err := m.backend.Lifetime(ctx, r.session)
		return reply{lifetime: left, err: err}
	case opRelease:
		return reply{err: c.release(ctx, r, session, campaigns)}
	case opCount:
	}
	return reply{err: fmt.Errorf("leadership: no such request: %d", r.op)}
}

// vote is what this member writes beside its key.
func (m *Member) vote(session string) Vote {
	return Vote{SessionID: session, ServiceName: m.rules.service, ServiceID: m.rules.instance}
}

func (c *caller) open(ctx context.Context, attach bool) reply {
	var session Session
	var err error
	if attach {
		session, err = c.member.backend.Attach(ctx, c.member.sessionID, c.member.rules.ttl)
	} else {
		session, err = c.member.backend.Open(ctx, c.member.rules.ttl)
	}
	if err != nil {
		return reply{err: err}
	}
	c.mu.Lock()
	c.session, c.campaigns = session, new(sync.WaitGroup)
	c.mu.Unlock()
	return reply{session: session.ID(), ttl: session.TTL()}
}

// release gives key and session back. It first waits for the campaigns of the session, which are cancelled, lest one of them take the
// key again. Who leads has none: its release goes out at once.
func (c *caller) release(ctx context.Context, r request, session Session, campaigns *sync.WaitGroup) error {
	ended := make(chan struct{})
	c.running.Go(func() {
		campaigns.Wait()
		close(ended)
	})
	select {
	case <-ended:
	case <-ctx.Done():
	}
	var sign []byte
	if r.sign {
		sign = c.member.vote("").Encode()
	}
	began := time.Now()
	err := c.giveBack(ctx, r, session, sign)
	if r.keep || errors.Is(err, ErrSessionLost) {
		return err
	}
	if err == nil && r.sign {
		makeWay(ctx, min(4*time.Since(began), mostWay))
	}
	if closed := session.Close(ctx); closed != nil || !r.given { // the end of an own session frees what Resign did not
		return closed
	}
	return err
}

// mostWay bounds for how long the end of a session may make way.
const mostWay = 20 * time.Millisecond

// makeWay waits for d. Nobody waits for the end of a session whose key has been given back, but the store would carry that out before what the
// successor asks for.
func makeWay(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// giveBack gives the key to the heir, if there is one, or else to who is to lead by the strategy, and otherwise, or where that fails, to whoever waits.
func (c *caller) giveBack(ctx context.Context, r request, session Session, sign []byte) error {
	ctx, cancel := context.WithTimeout(ctx, r.limit/2) // so that Close is sent even if Resign gets no answer
	defer cancel()
	if err := c.handOver(ctx, r, session, sign); err == nil {
		return nil
	} else if !errors.Is(err, errNoHeir) {
		c.member.log.write("Failed to transfer", slog.Any(attrError, err))
	}
	return session.Resign(ctx, c.member.key, sign)
}

// errNoHeir: the key goes to whoever waits.
var errNoHeir = errors.New("leadership: no heir")

// handOver gives the key to the heir, or to who is to lead by the strategy, within half of the time that there is for giving it back.
func (c *caller) handOver(ctx context.Context, r request, session Session, sign []byte) error {
	ctx, cancel := context.WithTimeout(ctx, r.limit/4)
	defer cancel()
	heir := r.heir
	if heir == (Vote{}) && r.sign && c.member.strategy != nil {
		var err error
		if heir, err = c.member.choose(ctx, session.ID(), false); err != nil {
			return err
		}
	}
	if heir == (Vote{}) {
		return errNoHeir
	}
	return session.Transfer(ctx, c.member.key, sign, heir)
}
