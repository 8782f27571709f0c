package sourcetest

import (
	"context"
	"errors"

	"github.com/leadership-go/leadership"
)

func resignChecks() []Check {
	return []Check{
		{"Resign: gives the key back, and shows it", resignShows},
		{"Resign: without a sign it gives the key back, and shows no resignation", resignUnsigned},
		{"Resign: without standing it changes nothing, as often as it is called", resignIdle},
		{"Resign: withdraws a waiting candidacy", resignWithdraws},
		{"Observe: Resigned stays false when a holder went in any other way", notResigned},
		{"Observe: Resigned stays false when a holder's session expired", expiredNotResigned},
		{"Resign: a dead session's does no harm", resignDead},
	}
}

// shows fails the check unless o.Resigned is what is expected, as far as the store can tell.
func (t *trial) shows(o leadership.Observation, resigned bool, why string) {
	t.Helper()
	if want := resigned && !t.h.ResignHidden; o.Resigned != want {
		t.Errorf("%s: observed resigned=%v with %s; want %v", why, o.Resigned, show(o.Holder), want)
	}
}

func resignShows(tt T, h Harness) {
	t := begin(tt, h)
	b := t.connect()
	holder, waiter := t.candidate(), t.candidate()
	t.elect(holder, t.key)
	t.resign(holder, t.key)
	later, again := t.free(b, t.key), t.elect(holder, t.key)
	if t.h.ResignRemembered {
		t.shows(later, true, "the holder resigned and nobody waits")
		t.shows(again, true, "the holder resigned and stood again")
	}

	t.campaign(waiter, t.key)
	elected := t.standing(waiter, t.key)
	t.resign(holder, t.key)
	o, err := elected.within(t.h.Prompt, "the waiter's election after the holder resigned")
	if err != nil {
		t.Fatalf("the waiter after the holder resigned: %v", err)
	}
	t.shows(o, true, "the holder resigned and a waiter was elected")
	t.renew(holder)
}

// A holder that never believed leaves no sign: somebody else before it may believe still.
func resignUnsigned(tt T, h Harness) {
	t := begin(tt, h)
	b := t.connect()
	holder, waiter := t.candidate(), t.candidate()
	unsigned := func() {
		t.must("Resign", func(ctx context.Context) error { return holder.Resign(ctx, t.key, nil) })
	}
	t.elect(holder, t.key)
	unsigned()
	t.shows(t.free(b, t.key), false, "the holder resigned without a sign")
	t.elect(holder, t.key)
	t.campaign(waiter, t.key)
	elected := t.standing(waiter, t.key)
	unsigned()
	o, err := elected.within(t.h.Prompt, "the waiter's election after the holder resigned without a sign")
	if err != nil {
		t.Fatalf("the waiter after the holder resigned without a sign: %v", err)
	}
	t.shows(o, false, "the holder resigned without a sign and a waiter was elected")
}

func resignIdle(tt T, h Harness) {
	t := begin(tt, h)
	b := t.connect()
	holder, bystander := t.candidate(), t.candidate()
	t.resign(bystander, t.key)
	o := t.free(b, t.key)
	t.shows(o, false, "somebody resigned who never stood")
	held := t.elect(holder, t.key)
	t.shows(held, false, "somebody resigned who never stood")
	for range 3 {
		t.resign(bystander, t.key)
		if o := t.holds(b, holder, t.key); !sameHolding(o.Holder, held.Holder) {
			t.Fatalf("a bystander resigned, and the holding changed from %s to %s", show(held.Holder), show(o.Holder))
		}
	}
	for range 3 {
		t.resign(holder, t.key)
		t.free(b, t.key)
	}
	next := t.elect(bystander, t.key)
	t.resign(holder, t.key)
	if o := t.holds(b, bystander, t.key); !sameHolding(o.Holder, next.Holder) {
		t.Fatalf("the holder before resigned again, and the holding changed from %s to %s", show(next.Holder), show(o.Holder))
	}
}

func resignWithdraws(tt T, h Harness) {
	t := begin(tt, h)
	b := t.connect()
	holder, first, second := t.candidate(), t.candidate(), t.candidate()
	held := t.elect(holder, t.key)
	for _, s := range []leadership.Session{first, second} {
		t.campaign(s, t.key)
		t.resign(s, t.key)
		if o := t.holds(b, holder, t.key); !sameHolding(o.Holder, held.Holder) {
			t.Fatalf("a waiter resigned, and the holding changed from %s to %s", show(held.Holder), show(o.Holder))
		}
	}
	if n := t.candidates(t.key); n > 1 {
		t.Errorf("all waiters resigned, but the store has %d candidacies", n)
	}
	t.resign(holder, t.key)
	t.free(b, t.key)
	if n := t.candidates(t.key); n != 0 {
		t.Errorf("all resigned, but the store has %d candidacies", n)
	}
	t.elect(second, t.key)
}

func notResigned(tt T, h Harness) {
	t := begin(tt, h)
	b := t.connect()
	for _, e := range endings() {
		if e.resigned {
			continue
		}
		// A holder resigns first, so that a sign of it that is never taken away comes to light.
		before, holder := t.candidate(), t.candidate()
		t.elect(before, t.key)
		t.resign(before, t.key)
		t.elect(holder, t.key)
		e.do(t, holder)
		t.shows(t.free(b, t.key), false, e.name)
		next := t.candidate()
		t.shows(t.elect(next, t.key), false, e.name+" and the next one was elected")
		t.shows(t.holds(b, next, t.key), false, e.name+" and the next one holds")
		waiter := t.candidate()
		t.campaign(waiter, t.key)
		elected := t.standing(waiter, t.key)
		e.do(t, next)
		o, err := elected.within(t.h.Prompt, "the waiter's election after "+e.name)
		if err != nil {
			t.Fatalf("the waiter after %s: %v", e.name, err)
		}
		t.shows(o, false, e.name+" and a waiter was elected")
		t.resign(waiter, t.key)
	}
}

func expiredNotResigned(tt T, h Harness) {
	t := begin(tt, h)
	b := t.connect()
	before, waiter := t.candidate(), t.candidate()
	t.elect(before, t.key)
	t.resign(before, t.key)
	t.elect(t.openFor(b, t.h.TTL), t.key)
	t.campaign(waiter, t.key)
	t.shows(t.electWithin(t.outlived(), waiter, t.key), false, "the holder's session expired")
}

func resignDead(tt T, h Harness) {
	t := begin(tt, h)
	b := t.connect()
	dead, next := t.candidate(), t.candidate()
	t.elect(dead, t.key)
	t.destroy(dead)
	held := t.elect(next, t.key)
	err := t.try("Resign", func(ctx context.Context) error { return dead.Resign(ctx, t.key, farewell()) })
	if err != nil && !errors.Is(err, leadership.ErrSessionLost) {
		t.Errorf("Resign with a dead session: %v", err)
	}
	if o := t.holds(b, next, t.key); !sameHolding(o.Holder, held.Holder) {
		t.Errorf("a dead session resigned, and the holding changed from %s to %s", show(held.Holder), show(o.Holder))
	}
}
