package leadership

import (
	"context"
	"sync/atomic"
	"time"
)

// Term is one period of leadership of one member, from its elected.first to its relegation. The zero Term is over.
//
// Every question put to a Term compares the clocks anew, so that a process that was stopped for a while (a debugger,
// SIGSTOP, a long collection, a suspended machine) gets the right answer at its first instruction after waking, before any
// timer has fired. A Term is safe for concurrent use, and may be copied and kept.
type Term struct{ t *term }

// Token is the term's fencing token: of two terms for one key, the later one's is greater. 0 for the zero Term.
func (t Term) Token() uint64 {
	if t.t == nil {
		return 0
	}
	return t.t.token
}

// Key is the key of the term's election at the store. "" for the zero Term.
func (t Term) Key() string {
	if t.t == nil {
		return ""
	}
	return t.t.key
}

// Session is the id of the session that holds the key for this term, as in the leader's [Vote]. "" for the zero Term.
func (t Term) Session() string {
	if t.t == nil {
		return ""
	}
	return t.t.session
}

// Valid reports whether the term still holds: it has not ended and its deadline is not over. It does not block.
// Nothing done after Valid has returned is covered by its answer: guard writes with the token.
func (t Term) Valid() bool { return t.t != nil && t.t.valid() }

// Deadline is when the term ends unless it is proved again before, by the local wall clock. The zero time once it was found over.
func (t Term) Deadline() time.Time {
	if t.t == nil {
		return time.Time{}
	}
	d := t.t.deadline.Load()
	if d == nil {
		return time.Time{}
	}
	return t.t.clock.wall(*d)
}

// Context is done when the term is over. [context.Cause] then says why: one of [ErrLeaseExpired], [ErrKeyLost], [ErrSessionLost],
// [ErrResigned], [ErrStoodDown], [ErrUnhealthy] or [ErrClosed]. Its Err and Done compare the clocks, as [Term.Valid] does;
// contexts derived from it end when that, or the member's own timer, finds the term over. The values are those of the context given to Build.
func (t Term) Context() context.Context {
	if t.t == nil {
		ctx, cancel := context.WithCancelCause(context.Background())
		cancel(ErrLeaseExpired)
		return ctx
	}
	return termContext{t.t.ctx, t.t}
}

// termContext is the context of a term that looks at the clocks whenever it is asked.
type termContext struct {
	context.Context //nolint:containedctx // it is a context
	term            *term
}

func (c termContext) Err() error {
	c.term.valid()
	return c.Context.Err()
}

func (c termContext) Done() <-chan struct{} {
	c.term.valid()
	return c.Context.Done()
}

// term is what the loop and all copies of a [Term] share.
type term struct {
	key      string
	token    uint64
	session  string
	clock    *clock
	deadline atomic.Pointer[instant] // nil: over
	ctx      context.Context         //nolint:containedctx // handed out by Term.Context
	cancel   context.CancelCauseFunc
	work     context.Context //nolint:containedctx // of work: ends with ctx, or when the work has to return first
	stopWork context.CancelCauseFunc
	lapsed   func() // tells the loop that a check found the deadline over
}

func newTerm(ctx context.Context, key string, h Holder, deadline instant, c *clock, lapsed func()) *term {
	t := &term{key: key, token: h.Token, session: h.Session, clock: c, lapsed: lapsed}
	t.ctx, t.cancel = context.WithCancelCause(ctx)
	t.work, t.stopWork = context.WithCancelCause(ctx) // not below t.ctx, which would take more memory than both
	t.deadline.Store(&deadline)
	return t
}

// valid ends the term if its deadline is over.
func (t *term) valid() bool {
	for {
		d := t.deadline.Load()
		if d == nil {
			return false
		}
		if !t.clock.now().reached(*d) {
			return true
		}
		if t.deadline.CompareAndSwap(d, nil) { // else it was extended or ended meanwhile
			t.close(ErrLeaseExpired)
			t.lapsed()
			return false
		}
	}
}

// extend moves the deadline. It reports false if the term is over: one that lapsed never resumes.
func (t *term) extend(deadline instant) bool {
	for {
		d := t.deadline.Load()
		if d == nil {
			return false
		}
		if t.deadline.CompareAndSwap(d, &deadline) {
			return true
		}
	}
}

// end ends the term for cause.
func (t *term) end(cause error) {
	t.deadline.Store(nil)
	t.close(cause)
}

// close ends both contexts.
func (t *term) close(cause error) {
	t.cancel(cause)
	t.stopWork(cause)
}
