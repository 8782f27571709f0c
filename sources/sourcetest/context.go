package sourcetest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/leadership-go/leadership"
)

func contextChecks() []Check {
	return []Check{
		{"Rule 1: every call with an ended context returns its cause", endedContext},
		{"Rule 1: a watch ends with its context, and says why", watchEnds},
		{"Rule 1: failures 1 and 2: on a dead link every call ends with its context", deadLink},
	}
}

// call is one method with its arguments.
type call struct {
	name string
	do   func(ctx context.Context) error
}

// calls are all methods that take a context; Close comes last.
func (t *trial) calls(b leadership.Backend, s leadership.Session, seen leadership.Observation) []call {
	var surveys []call
	if surveyor := t.surveyor(b); surveyor != nil {
		surveys = []call{
			{"Survey", func(ctx context.Context) error {
				_, _, err := surveyor.Survey(ctx, []string{t.key}, seen.Revision)
				return err
			}},
			{"Await", func(ctx context.Context) error {
				_, _, err := surveyor.Await(ctx, s, []string{t.key}, seen.Revision)
				return err
			}},
		}
	}
	return append(surveys, []call{
		{"Observe", func(ctx context.Context) error { _, err := b.Observe(ctx, t.key); return err }},
		{"Lifetime", func(ctx context.Context) error { _, err := b.Lifetime(ctx, s.ID()); return err }},
		{"Open", func(ctx context.Context) error {
			opened, err := b.Open(ctx, t.h.TTL)
			if err == nil {
				t.after("Session.Close", opened.Close) //nolint:contextcheck // the close comes after ctx has ended
			}
			return err
		}},
		{"Attach", func(ctx context.Context) error { _, err := b.Attach(ctx, s.ID(), s.TTL()); return err }},
		{"Renew", s.Renew},
		{"Campaign", func(ctx context.Context) error { _, err := s.Campaign(ctx, t.key, vote(s)); return err }},
		{"Watch", func(ctx context.Context) error { return s.Watch(ctx, t.key, seen) }},
		{"Resign", func(ctx context.Context) error { return s.Resign(ctx, t.key, farewell()) }},
		{"Session.Close", s.Close},
	}...)
}

func endedContext(tt T, h Harness) {
	t := begin(tt, h)
	why := errors.New("sourcetest: the caller has gone")
	for _, c := range []struct {
		name string
		end  func() (context.Context, context.CancelFunc)
		want error
	}{
		{"cancelled", func() (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			return ctx, cancel
		}, context.Canceled},
		{"cancelled with a cause", func() (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancelCause(t.Context())
			cancel(why)
			return ctx, func() {}
		}, why},
		{"timed out", func() (context.Context, context.CancelFunc) {
			return context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
		}, context.DeadlineExceeded},
		{"timed out with a cause", func() (context.Context, context.CancelFunc) {
			return context.WithDeadlineCause(t.Context(), time.Now().Add(-time.Second), why)
		}, why},
	} {
		b := t.connect()
		s := t.open(b)
		seen := t.elect(s, t.key)
		for _, call := range t.calls(b, s, seen) {
			ctx, cancel := c.end()
			err := t.tryFor(ctx, t.h.Prompt, call.name+" with a context that was "+c.name, call.do)
			cancel()
			t.endedBy(call.name+" with a context that was "+c.name, err, c.want)
		}
		t.must("Session.Close", s.Close)
	}
}

// endedBy fails the check unless err carries the cause and nothing that would be final.
func (t *trial) endedBy(what string, err, cause error) {
	t.Helper()
	switch {
	case !errors.Is(err, cause):
		t.Errorf("rule 1: %s: error %v; want one that wraps %q", what, err, cause)
	case errors.Is(err, leadership.ErrSessionLost), errors.Is(err, leadership.ErrDenied):
		t.Errorf("rule 6: %s: %v; the store has said nothing of the kind", what, err)
	}
}

func watchEnds(tt T, h Harness) {
	t := begin(tt, h)
	holder, waiter := t.candidate(), t.candidate()
	t.elect(holder, t.key)
	why := errors.New("sourcetest: the caller has gone")
	for _, s := range []leadership.Session{holder, waiter} {
		cancelled, cancel := context.WithCancelCause(t.Context())
		ends := t.start(func(context.Context) (leadership.Observation, error) {
			return watchOn(cancelled, s, t.key)
		})
		cancel(why)
		_, err := ends.within(t.h.Prompt, "the end of a watch whose context was cancelled")
		t.endedBy("Watch with a context that is cancelled meanwhile", err, why)

		err = t.tryFor(t.Context(), 200*time.Millisecond, "Watch with a deadline", func(ctx context.Context) error {
			_, err := watchOn(ctx, s, t.key)
			return err
		})
		t.endedBy("Watch with a deadline", err, context.DeadlineExceeded)
	}
}

// watchOn watches through spurious returns, until ctx ends or something fails.
func watchOn(ctx context.Context, s leadership.Session, key string) (o leadership.Observation, err error) {
	for range tooOften {
		if o, err = s.Campaign(ctx, key, vote(s)); err != nil {
			return o, err
		}
		if err = s.Watch(ctx, key, o); err != nil || ctx.Err() != nil {
			return o, err
		}
	}
	return o, fmt.Errorf("sourcetest: Watch returned %d times while nothing changed", tooOften)
}

func deadLink(tt T, h Harness) {
	t := begin(tt, h)
	if t.h.ConnectCut == nil {
		t.Skipf("the harness has no ConnectCut")
	}
	var b leadership.Backend
	var cut func()
	t.must("Harness.ConnectCut", func(ctx context.Context) (err error) {
		b, cut, err = t.h.ConnectCut(ctx)
		return err
	})
	t.after("Backend.Close", func(context.Context) error { return b.Close() })
	var s leadership.Session
	t.must("Open", func(ctx context.Context) (err error) {
		s, err = b.Open(ctx, t.roomy())
		return err
	})
	t.after("Harness.DestroySession", func(ctx context.Context) error { return t.h.DestroySession(ctx, s.ID()) })
	held := t.elect(s, t.key)
	cancelled, cancel := context.WithCancel(t.Context())
	defer cancel()
	watch := t.start(func(context.Context) (leadership.Observation, error) { return held, s.Watch(cancelled, t.key, held) })

	cut()
	const brief = 300 * time.Millisecond
	for _, call := range t.calls(b, s, held) {
		what := call.name + " on a dead link"
		t.endedBy(what, t.tryFor(t.Context(), brief, what, call.do), context.DeadlineExceeded)
	}
	t.destroy(s)
	cancel()
	_, err := watch.within(t.h.Prompt, "the end of a watch on a dead link whose context was cancelled")
	if err == nil {
		t.Errorf("Watch on a dead link returned nil")
	}
	if errors.Is(err, leadership.ErrSessionLost) || errors.Is(err, leadership.ErrDenied) {
		t.Errorf("rule 6: Watch on a dead link: %v; the store has said nothing of the kind", err)
	}
	t.elect(t.candidate(), t.key)
}
