package sourcetest

import (
	"context"
	"errors"
	"time"

	"github.com/leadership-go/leadership"
)

func watchChecks() []Check {
	var checks []Check
	for _, e := range endings() {
		checks = append(checks,
			Check{"Watch: a waiter's returns when " + e.name, func(t T, h Harness) { waiterWakes(t, h, e) }},
			Check{"Watch: a waiter's that begins late returns when before it " + e.name, func(t T, h Harness) { waiterCatchesUp(t, h, e) }},
		)
		if !e.resigned {
			checks = append(checks,
				Check{"Watch: failure 18: the holder's returns when " + e.name, func(t T, h Harness) { holderWakes(t, h, e) }},
				Check{"Watch: the holder's that begins late returns when before it " + e.name, func(t T, h Harness) { holderCatchesUp(t, h, e) }},
			)
		}
	}
	return append(checks,
		Check{"Watch: a waiter's returns when the holder's session expired", waiterWakesAtExpiry},
		Check{"Watch: blocks while nothing changes", watchBlocks},
		Check{"Watch: with a dead session it does not wait for ever", deadWatch},
		Check{"Watch: wakes at every change, not only the first", watchAgain},
	)
}

func waiterWakes(tt T, h Harness, e ending) {
	t := begin(tt, h)
	holder, waiter := t.candidate(), t.candidate()
	held := t.elect(holder, t.key)
	t.campaign(waiter, t.key)
	elected := t.standing(waiter, t.key)
	e.do(t, holder)
	o, err := elected.within(t.h.Prompt, "the waiter's election after "+e.name)
	if err != nil {
		t.Fatalf("the waiter after %s: %v", e.name, err)
	}
	if o.Holder.Token <= held.Holder.Token {
		t.Errorf("rule 4: after %s the token went from %d to %d", e.name, held.Holder.Token, o.Holder.Token)
	}
}

func waiterCatchesUp(tt T, h Harness, e ending) {
	t := begin(tt, h)
	holder, waiter := t.candidate(), t.candidate()
	t.elect(holder, t.key)
	old := t.campaign(waiter, t.key)
	e.do(t, holder)
	if err := t.try("Watch", func(ctx context.Context) error { return waiter.Watch(ctx, t.key, old) }); err != nil {
		t.Fatalf("%s, and then a waiter watched from what it saw before: %v; want nil at once", e.name, err)
	}
	t.elect(waiter, t.key)
}

func holderWakes(tt T, h Harness, e ending) {
	t := begin(tt, h)
	b := t.connect()
	holder := t.open(b)
	held := t.elect(holder, t.key)
	notices := t.noticing(b, holder, t.key, held)
	e.do(t, holder)
	now, err := notices.within(t.h.Prompt, "the holder's notice after "+e.name)
	switch {
	case err == nil && now.Holder.Session == holder.ID():
		t.Errorf("after %s the holder is observed as %s", e.name, show(now.Holder))
	case err != nil && (!e.dead || !errors.Is(err, leadership.ErrSessionLost)):
		t.Errorf("Watch of the holder after %s: %v", e.name, err)
	}
}

func holderCatchesUp(tt T, h Harness, e ending) {
	t := begin(tt, h)
	holder := t.candidate()
	held := t.elect(holder, t.key)
	e.do(t, holder)
	err := t.try("Watch", func(ctx context.Context) error { return holder.Watch(ctx, t.key, held) })
	if err != nil && (!e.dead || !errors.Is(err, leadership.ErrSessionLost)) {
		t.Errorf("%s, and then the holder watched from what it saw before: %v; want a return at once", e.name, err)
	}
}

func waiterWakesAtExpiry(tt T, h Harness) {
	t := begin(tt, h)
	b, waiter := t.connect(), t.candidate()
	expiring := t.openFor(b, t.h.TTL)
	t.elect(expiring, t.key)
	t.campaign(waiter, t.key)
	elected := t.standing(waiter, t.key)
	if _, err := elected.within(t.outlived(), "the waiter's election after the holder's session expired"); err != nil {
		t.Fatalf("the waiter after the holder's session expired: %v", err)
	}
}

// watchBlocks allows some spurious returns, but no watch that is a poll in disguise.
func watchBlocks(tt T, h Harness) {
	t := begin(tt, h)
	const most = 10
	holder, waiter := t.candidate(), t.candidate()
	t.elect(holder, t.key)
	t.campaign(waiter, t.key)
	quiet := max(t.h.TTL, time.Second)
	for name, s := range map[string]leadership.Session{"holder": holder, "waiter": waiter} {
		err := t.tryFor(t.Context(), quiet, "Watch of the "+name, func(ctx context.Context) error {
			for range most {
				o, err := s.Campaign(ctx, t.key, vote(s))
				if err != nil {
					return err
				}
				if err := s.Watch(ctx, t.key, o); err != nil {
					return err
				}
			}
			return nil
		})
		switch {
		case err == nil:
			t.Errorf("Watch of the %s returned nil %d times within %v although nothing changed", name, most, quiet)
		case !errors.Is(err, context.DeadlineExceeded):
			t.Errorf("Watch of the %s while nothing changed: %v; want %v after %v", name, err, context.DeadlineExceeded, quiet)
		}
	}
}

// A dead session that watches must come back, with an error or nil, at the latest when the key changes.
func deadWatch(tt T, h Harness) {
	t := begin(tt, h)
	holder, waiter := t.candidate(), t.candidate()
	t.elect(holder, t.key)
	seen := t.campaign(waiter, t.key)
	t.destroy(waiter)
	ends := t.start(func(ctx context.Context) (leadership.Observation, error) { return seen, waiter.Watch(ctx, t.key, seen) })
	t.resign(holder, t.key)
	if _, err := ends.within(t.h.Prompt, "the end of a dead session's watch"); err != nil {
		t.lost("Watch", err)
	}
}

func watchAgain(tt T, h Harness) {
	t := begin(tt, h)
	holder, waiter := t.candidate(), t.candidate()
	t.elect(holder, t.key)
	for range 5 {
		t.campaign(waiter, t.key)
		elected := t.standing(waiter, t.key)
		t.resign(holder, t.key)
		if _, err := elected.within(t.h.Prompt, "the waiter's election after the holder resigned"); err != nil {
			t.Fatalf("the waiter: %v", err)
		}
		holder, waiter = waiter, holder
	}
}
