package leadership

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// FailurePolicy says what a member does when work that [Member.Lead] runs fails.
type FailurePolicy string

const (
	// FailureResign gives the term up, so that another candidate may try. The member stands again one vote period later.
	FailureResign FailurePolicy = "resign"
	// FailureKeep leads on without the work, which is run again in the next term.
	FailureKeep FailurePolicy = "keep"
)

// Lead runs work in each term of this member, one after the other, until ctx ends or the member is closed; it blocks until then,
// and returns the cause of ctx or [ErrClosed].
//
// The context of work ends when the term does, and earlier in three cases, so that work can stop before another member leads: at Resign and Close,
// which then wait for it; lead.margin before the term's deadline, if no new proof of leadership has come by then; and with ctx. [context.Cause] says
// which: [ErrResigned], [ErrClosed], [ErrLeaseExpiring], or what [Term.Context] names. Work has to return soon after. Until it has, the key
// is not given back, for lead.drain at most; after that an error message with [ErrWorkOverran] says so, and the key is given back
// all the same. The member does not stand again before it has returned. During Resign and Close the term still holds and is renewed while the work
// returns, so that it can finish what it has begun, for lead.drain at most. Resign within work has to be given the context of the work, or it would wait for itself.
//
// Where work returns nil, it is done for this term. Where it was stopped because of [ErrLeaseExpiring], and a proof came after all, it is run again.
// An error or a panic of work is told as an error message; lead.onFailure says whether the term is given up then. An error
// that work returns after its context has ended, and that says so, is none.
//
// Several calls of Lead run their works side by side.
func (m *Member) Lead(ctx context.Context, work func(ctx context.Context, t Term) error) error {
	var done uint64 // the term that work is done with
	for ctx.Err() == nil {
		run := &workRun{after: done, begin: make(chan Term, 1)}
		t, err := m.enter(ctx, run)
		if err != nil {
			return err
		}
		if m.carryOut(ctx, t, run, work) {
			done = 0
		} else {
			done = t.Token()
		}
	}
	return context.Cause(ctx)
}

// workRun is one run of work: first asked for, then begun, then over.
type workRun struct {
	after uint64    // not in that term
	begin chan Term // receives the term once
	err   error     // how it failed
}

// enter waits for a term to run in.
func (m *Member) enter(ctx context.Context, run *workRun) (Term, error) {
	m.tell(func(s *seat) input { return s.enter(run) })
	select {
	case t := <-run.begin:
		return t, nil
	case <-ctx.Done():
		m.leave(run)
		return Term{}, context.Cause(ctx)
	case <-m.done:
		return Term{}, ErrClosed
	}
}

// leave tells the loop that run is over, or asked for no longer.
func (m *Member) leave(run *workRun) { m.tell(func(s *seat) input { return s.leave(run) }) }

// carryOut runs work in t. It reports whether work was stopped early and is to be run again in the same term.
func (m *Member) carryOut(ctx context.Context, t Term, run *workRun, work func(context.Context, Term) error) (again bool) {
	guarded := t.t.guard(ctx, m.config.Lead.Margin)
	protect(func() error { return work(guarded, t) }, func(err error) { //nolint:contextcheck // guarded comes from ctx
		if over := guarded.Err(); err != nil && (over == nil || !errors.Is(err, over) && !errors.Is(err, context.Cause(guarded))) {
			run.err = err
		}
		again = errors.Is(context.Cause(guarded), ErrLeaseExpiring)
		guarded.release()
		m.leave(run)
	})
	return again
}

// works are the runs that the loop knows of.
type works struct {
	asked   []*workRun
	running int
}

// begin begins the runs that were asked for, if the member leads, is to go on leading, and is not close to its deadline.
func (w *works) begin(m *Member, s *state) {
	if len(w.asked) == 0 || s.phase != phaseLeading || s.draining != nil || m.clock.now().reached(s.expiry.after(-m.config.Lead.Margin)) {
		return
	}
	w.asked = slices.DeleteFunc(w.asked, func(run *workRun) bool {
		if run.after == s.token {
			return false
		}
		w.running++
		run.begin <- m.Term()
		return true
	})
}

// workContext is the context of work. It looks at the clocks whenever it is asked.
type workContext struct {
	context.Context //nolint:containedctx // it is a context
	term            *term
	margin          time.Duration
	cancel          context.CancelCauseFunc
	watch           sync.WaitGroup
}

// guard derives the context of work in this term from ctx. It has to be released.
func (t *term) guard(ctx context.Context, margin time.Duration) *workContext {
	w := &workContext{term: t, margin: margin}
	w.Context, w.cancel = context.WithCancelCause(ctx)
	w.watch.Go(w.await)
	return w
}

// release ends it.
func (w *workContext) release() {
	w.cancel(nil)
	w.watch.Wait()
}

// check ends the context if it is time, and returns how long that is off.
func (w *workContext) check() time.Duration {
	d := w.term.deadline.Load()
	if cause := context.Cause(w.term.work); d == nil || cause != nil {
		w.cancel(cmp.Or(cause, ErrLeaseExpired)) // a term that was found over is about to say so
		return 0
	}
	left := w.term.clock.now().until(d.after(-w.margin))
	if left <= 0 {
		w.cancel(ErrLeaseExpiring)
	}
	return left
}

// await ends the context in time.
func (w *workContext) await() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case <-w.term.work.Done():
		case <-w.Context.Done():
			return
		}
		timer.Reset(w.check())
	}
}

func (w *workContext) Err() error {
	w.check()
	return w.Context.Err()
}

func (w *workContext) Done() <-chan struct{} {
	w.check()
	return w.Context.Done()
}
