package leadership

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/leadership-go/leadership/internal/grammar"
)

// FuzzStep plays a store that answers anything, late or twice, to a clock that jumps. After every step it checks the
// grammar of P3 and the deadline rule of P1 with bookkeeping of its own.
func FuzzStep(f *testing.F) {
	for seed := range 16 {
		r := rand.New(rand.NewPCG(uint64(seed), 1))
		script := make([]byte, 400)
		for i := range script {
			script[i] = byte(r.Uint32())
		}
		f.Add(script)
	}
	f.Fuzz(func(t *testing.T, script []byte) {
		if err := newChaos().play(script); err != nil {
			t.Fatal(err)
		}
	})
}

// TestStepUnderRandomInput plays some thousand scripts in every run of the tests.
func TestStepUnderRandomInput(t *testing.T) {
	terms := 0
	for seed := range uint64(3000) {
		r := rand.New(rand.NewPCG(seed, 2))
		script := make([]byte, 600)
		for i := range script {
			script[i] = byte(r.Uint32())
		}
		c := newChaos()
		if err := c.play(script); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		terms += c.terms
	}
	if terms < 3000 {
		t.Errorf("only %d terms: the scripts prove little", terms)
	}
}

// sentRequest is a request that was sent at an instant.
type sentRequest struct {
	request
	at      instant
	session string
}

// chaos is one member under random input, and what an onlooker may conclude.
type chaos struct {
	rules   rules
	s       state
	now     instant
	open    []sentRequest // may still be answered
	past    []sentRequest // answered already
	grammar grammar.Checker
	terms   int
	busy    bool
	serial  uint64
	token   uint64
	// What was answered about the current session, by when it was sent.
	session  string
	renewals []instant
	reads    []instant
}

func newChaos() *chaos {
	return &chaos{rules: testRules, s: newState(testRules, false, 1), token: 1}
}

func (c *chaos) play(script []byte) error {
	if err := c.step(input{kind: inTick}); err != nil {
		return err
	}
	for i := 0; i+1 < len(script) && c.s.phase != phaseClosed; i += 2 {
		what, arg := script[i], script[i+1]
		if err := c.event(what, arg); err != nil {
			return fmt.Errorf("event %d (%d, %d) at %v: %w", i/2, what, arg, c.now, err)
		}
	}
	return nil
}

func (c *chaos) event(what, arg byte) error {
	switch {
	case what < 110: // an answer
		if len(c.open) == 0 {
			return c.pass(time.Duration(arg) * 10 * time.Millisecond)
		}
		i := int(arg) % len(c.open)
		r := c.open[i]
		c.open = slices.Delete(c.open, i, i+1)
		c.past = append(c.past, r)
		return c.answer(r, what)
	case what < 125 && len(c.past) > 0: // one that comes twice, or late
		return c.answer(c.past[len(c.past)-1-int(arg)%min(len(c.past), 8)], what%55)
	case what < 200:
		return c.pass(time.Duration(arg) * 4 * time.Millisecond)
	case what < 246: // exactly when it wants to be woken
		return c.pass(c.s.wake(&c.rules, c.now))
	case what < 250: // suspended: only one clock goes on
		c.now.boot += time.Duration(arg) * 100 * time.Millisecond
		return c.step(input{kind: inTick})
	case what < 251:
		return c.step(input{kind: inResign})
	case what < 252:
		return c.work(arg)
	case what < 253:
		return c.step(input{kind: inLapsed})
	case what < 254 && arg < 16:
		return c.step(input{kind: inClose})
	case what < 254 && arg < 100:
		return c.step(input{kind: inStandDown, wait: time.Duration(arg-16) * 200 * time.Millisecond})
	case what < 254 && arg < 140:
		return c.step(input{kind: inHealth, err: errSick})
	case what < 254:
		return c.step(input{kind: inHealth})
	}
	return c.pass(time.Duration(arg) * 100 * time.Millisecond)
}

// work begins, if the member leads, or ends.
func (c *chaos) work(arg byte) error {
	ended := c.busy
	c.busy = !c.busy && c.s.phase == phaseLeading && c.s.draining == nil
	if ended && arg < 64 {
		return c.step(input{kind: inFailed, err: errDown, keep: arg < 32})
	}
	return c.step(input{kind: inTick})
}

func (c *chaos) pass(d time.Duration) error {
	c.now = c.now.after(d)
	return c.step(input{kind: inTick})
}

// answer makes up an answer to r. Low values of mood are good news.
func (c *chaos) answer(r sentRequest, mood byte) error {
	out := reply{op: r.op, seq: r.seq}
	if mood >= 96 {
		out.err = errDown
		if mood >= 108 && r.op != opOpen {
			out.err = fmt.Errorf("%w: %w", ErrSessionLost, errDown)
		}
		return c.step(input{kind: inReply, reply: out})
	}
	switch r.op {
	case opOpen:
		c.serial++
		out.session, out.ttl = fmt.Sprint("s", c.serial), c.rules.ttl
	case opRenew:
		if r.session == c.session {
			c.renewals = append(c.renewals, r.at)
		}
	case opCampaign, opObserve:
		switch {
		case mood < 75:
			if r.op == opCampaign && c.s.phase == phaseStanding {
				c.token++
			}
			out.seen.Holder = held(r.session, c.token)
			out.seen.Resigned = mood < 30
			if r.session == c.session {
				c.reads = append(c.reads, r.at)
			}
		case mood < 90:
			c.token++
			out.seen.Holder = held(fmt.Sprint("x", mood%3), c.token)
		default:
			out.seen.Delayed = true
		}
	case opLifetime:
		out.lifetime = time.Duration(mood%3) * 5 * time.Second
	case opWatch, opRelease, opCount:
	}
	if r.op == opOpen && c.s.calls[opOpen].seq == r.seq {
		c.session, c.renewals, c.reads = out.session, []instant{r.at}, nil
	}
	return c.step(input{kind: inReply, reply: out})
}

// step takes one, and checks what came of it.
func (c *chaos) step(in input) error {
	in.now, in.busy = c.now, c.busy
	before := c.s
	var fx effects
	c.s, fx = step(c.rules, c.s, in)
	if again, _ := step(c.rules, before, in); again.phase != c.s.phase || again.seq != c.s.seq || again.expiry != c.s.expiry {
		return fmt.Errorf("not pure: %+v, then %+v", c.s, again)
	}
	for _, r := range fx.requests {
		switch {
		case !c.busy:
		case r.op == opOpen || r.op == opCampaign:
			return errors.New("it stands while work runs")
		case r.op == opRelease && !c.now.reached(c.s.drainedBy):
			return errors.New("it gives the key back while work runs")
		}
		if r.limit <= 0 {
			return fmt.Errorf("unbounded request %v", r.op)
		}
		if before.calls[r.op].seq != 0 && in.kind != inReply && !slices.Contains(fx.cancels, r.op) {
			return fmt.Errorf("two requests to %v at once", r.op)
		}
		c.open = append(c.open, sentRequest{r, c.now, c.s.session})
	}
	for _, m := range fx.messages {
		if err := c.grammar.Next(string(m.Status), m.Term, m.Err); err != nil {
			return err
		}
		if m.Status == StatusElectedFirst {
			c.terms++
		}
	}
	leads := c.s.phase == phaseLeading
	if leads != c.grammar.Leads() {
		return fmt.Errorf("leads %v, told %v", leads, c.grammar.Leads())
	}
	if leads && !c.mayLead() {
		return fmt.Errorf("it leads without a proof that lasts: deadline %v, renewals %v, reads %v", c.s.expiry, c.renewals, c.reads)
	}
	if wait := c.s.wake(&c.rules, c.now); leads && c.now.after(wait).mono > c.s.expiry.mono {
		return fmt.Errorf("it sleeps for %v, past its deadline %v", wait, c.s.expiry)
	}
	if next, _ := step(c.rules, c.s, input{now: c.now, kind: inTick, busy: c.busy}); !fx.done && next.wake(&c.rules, c.now) <= 0 {
		return fmt.Errorf("it does not sleep in state %v", c.s.phase)
	}
	if fx.done {
		return c.grammar.End()
	}
	return nil
}

// mayLead reports whether some renewal, and a read sent no earlier that showed the key ours, carry to now.
func (c *chaos) mayLead() bool {
	return slices.ContainsFunc(c.renewals, func(r instant) bool {
		return !c.now.reached(r.after(c.rules.ttl-c.rules.drift)) &&
			slices.ContainsFunc(c.reads, func(read instant) bool { return read.mono >= r.mono })
	})
}
