package sourcetest

import (
	"context"
	"errors"

	"github.com/leadership-go/leadership"
)

func refusalChecks() []Check {
	return []Check{
		{"Rule 7: a refused read is an error, not nobody", refusedRead},
		{"Rule 6: what the store refuses is reported as denied, and never as a lost session", refusedCalls},
	}
}

// connectDenied returns a backend with a session on it, and what makes the store refuse both.
func (t *trial) connectDenied() (b leadership.Backend, s leadership.Session, deny func()) {
	t.Helper()
	if t.h.ConnectDenied == nil {
		t.Skipf("the harness has no ConnectDenied")
	}
	t.must("Harness.ConnectDenied", func(ctx context.Context) (err error) {
		b, deny, err = t.h.ConnectDenied(ctx)
		return err
	})
	t.after("Backend.Close", func(context.Context) error { return b.Close() })
	t.must("Open", func(ctx context.Context) (err error) {
		s, err = b.Open(ctx, t.roomy())
		return err
	})
	t.after("Harness.DestroySession", func(ctx context.Context) error {
		if left, err := t.livesOn(ctx, s.ID()); err != nil || !left {
			return err
		}
		return t.h.DestroySession(ctx, s.ID())
	})
	return b, s, deny
}

// livesOn asks on a fresh backend whether the store still knows the session.
func (t *trial) livesOn(ctx context.Context, id string) (bool, error) {
	b, err := t.h.Connect(ctx)
	if err != nil {
		return false, err
	}
	left, err := b.Lifetime(ctx, id)
	return left > 0, errors.Join(err, b.Close())
}

func refusedRead(tt T, h Harness) {
	t := begin(tt, h)
	b, _, deny := t.connectDenied()
	holder := t.candidate()
	for _, key := range []string{t.key, t.h.Key()} { // a held key and one that was never used
		if key == t.key {
			t.elect(holder, key)
		}
		deny()
		err := t.try("Observe", func(ctx context.Context) error { _, err := b.Observe(ctx, key); return err })
		if !errors.Is(err, leadership.ErrDenied) {
			t.Errorf("rule 7: Observe that the store refuses: error %v; want %v", err, leadership.ErrDenied)
		}
	}
}

func refusedCalls(tt T, h Harness) {
	t := begin(tt, h)
	b, s, deny := t.connectDenied()
	observer := t.connect()
	seen := t.elect(s, t.key)
	deny()
	for _, c := range t.calls(b, s, seen) {
		err := t.try(c.name, c.do)
		switch {
		case errors.Is(err, leadership.ErrSessionLost):
			t.Errorf("rule 6: %s that the store refuses: %v; the session lives", c.name, err)
		case errors.Is(err, leadership.ErrDenied):
		case err != nil:
			t.Errorf("rule 6: %s that the store refuses: %v; want %v", c.name, err, leadership.ErrDenied)
		case c.name == "Observe", c.name == "Campaign", c.name == "Watch", c.name == "Resign", c.name == "Survey", c.name == "Await":
			t.Errorf("rule 6: %s that the store refuses: nil; want %v", c.name, leadership.ErrDenied)
		}
		if c.name != "Session.Close" {
			t.holds(observer, s, t.key)
		}
	}
	var left bool
	err := t.try("Lifetime", func(ctx context.Context) error {
		got, err := b.Lifetime(ctx, s.ID())
		left = got > 0
		return err
	})
	if alive := t.lifetime(observer, s.ID()) > 0; err == nil && alive && !left {
		t.Errorf("rule 7: Lifetime that the store refuses says that a live session has ended")
	}
}
