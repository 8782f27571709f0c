package sourcetest

import (
	"context"
	"errors"
	"time"

	"github.com/leadership-go/leadership"
)

func expiryChecks() []Check {
	return []Check{
		{"Rule 5: a session that is not renewed ends, and no sooner than its TTL after Open", expires},
		{"Rule 5: a renewed session ends no sooner than its TTL after the last Renew", expiresAfterRenew},
		{"Rule 5: an attached session ends no sooner than its TTL after Attach", expiresAfterAttach},
		{"Renew: keeps a session alive beyond its TTL", renewKeepsAlive},
		{"Rule 6: failure 19: an expired session is reported as lost, and stays lost", expiredIsLost},
	}
}

// measure lets the session that start returns expire and compares its life with what is allowed. The life counts from
// before start was called.
func (t *trial) measure(waiter leadership.Session, start func() leadership.Session) {
	t.Helper()
	called := time.Now()
	s := start()
	started := time.Now()
	t.electWithin(t.outlived(), waiter, t.key)
	ended := time.Now()
	if lived := ended.Sub(called); lived < s.TTL() {
		t.Errorf("rule 5: the session was granted %v, and ended %v after the last call that extends it", s.TTL(), lived)
	}
	if lived := ended.Sub(started); lived > t.outlived() {
		t.Errorf("the session should have expired within %v, and lived %v", t.h.ExpiresWithin, lived)
	}
}

func expires(tt T, h Harness) {
	t := begin(tt, h)
	b, waiter := t.connect(), t.candidate()
	t.measure(waiter, func() leadership.Session {
		s := t.openFor(b, t.h.TTL)
		t.elect(s, t.key)
		t.campaign(waiter, t.key)
		return s
	})
}

// halfway waits for half of the TTL, so that a renewal there makes a difference.
func (t *trial) halfway(s leadership.Session) {
	t.Helper()
	if err := pause(t.Context(), s.TTL()/2); err != nil {
		t.Fatalf("the check was ended: %v", err)
	}
}

func expiresAfterRenew(tt T, h Harness) {
	t := begin(tt, h)
	b, waiter := t.connect(), t.candidate()
	s := t.openFor(b, t.h.TTL)
	t.elect(s, t.key)
	t.campaign(waiter, t.key)
	t.halfway(s)
	t.measure(waiter, func() leadership.Session {
		t.renew(s)
		return s
	})
}

func expiresAfterAttach(tt T, h Harness) {
	t := begin(tt, h)
	b, waiter := t.connect(), t.candidate()
	s := t.openFor(b, t.h.TTL)
	t.elect(s, t.key)
	t.campaign(waiter, t.key)
	t.halfway(s)
	t.measure(waiter, func() leadership.Session { return t.attach(t.connect(), s) })
}

func renewKeepsAlive(tt T, h Harness) {
	t := begin(tt, h)
	b, waiter := t.connect(), t.candidate()
	s := t.openFor(b, t.h.TTL)
	held := t.elect(s, t.key)
	t.campaign(waiter, t.key)
	until := time.Now().Add(t.h.ExpiresWithin + t.h.TTL)
	for time.Now().Before(until) {
		if err := pause(t.Context(), s.TTL()/4); err != nil {
			t.Fatalf("the check was ended: %v", err)
		}
		t.renew(s)
		if o := t.campaign(waiter, t.key); !sameHolding(o.Holder, held.Holder) {
			t.Fatalf("the session was renewed in time, but its holding went from %s to %s", show(held.Holder), show(o.Holder))
		}
	}
	if left := t.lifetime(b, s.ID()); left <= 0 {
		t.Errorf("the session was renewed in time, but is said to have ended")
	}
}

func expiredIsLost(tt T, h Harness) {
	t := begin(tt, h)
	b, waiter := t.connect(), t.candidate()
	s := t.openFor(b, t.h.TTL)
	held := t.elect(s, t.key)
	t.campaign(waiter, t.key)
	notices := t.noticing(b, s, t.key, held)
	t.electWithin(t.outlived(), waiter, t.key)
	if _, err := notices.within(t.h.Prompt, "the holder's notice that its session expired"); err != nil {
		t.lost("Watch", err)
	}
	for range 2 {
		t.lost("Renew", t.try("Renew", s.Renew))
	}
	if left := t.lifetime(b, s.ID()); left != 0 {
		t.Errorf("the session expired, but is said to live another %v", left)
	}
	t.lost("Attach", t.try("Attach", func(ctx context.Context) error {
		_, err := b.Attach(ctx, s.ID(), s.TTL())
		return err
	}))
	t.holds(b, waiter, t.key)
	t.resign(waiter, t.key)
	_, err := t.tryCampaign(s, t.key, vote(s))
	t.lost("Campaign for a free key", err)
	if err := t.try("Resign", func(ctx context.Context) error { return s.Resign(ctx, t.key, farewell()) }); err != nil && !errors.Is(err, leadership.ErrSessionLost) {
		t.Errorf("Resign with an expired session: %v", err)
	}
	t.free(b, t.key)
}
