package sourcetest

import (
	"context"
	"errors"
	"time"

	"github.com/leadership-go/leadership"
)

func sessionChecks() []Check {
	return []Check{
		{"Open: a session is granted at least the TTL that was asked for, under an id of its own", opens},
		{"Lifetime: the whole TTL of a live session, zero for one that ended", lifetimes},
		{"Rule 6: a dead session is reported as lost by Renew and Campaign", deadSession},
		{"Rule 6: failure 16: a dead session that stands leaves nothing behind", deadCandidateLeavesNothing},
		{"Rule 6: failure 14: a waiter whose session was destroyed enters again", deadWaiterReturns},
		{"Campaign: a dead candidate blocks nobody", deadCandidateBlocksNobody},
		{"Session.Close: frees what is held, at once and as often as it is called", closeFrees},
		{"Session.Close: closing a session that the store no longer knows is no error", closeDead},
	}
}

func opens(tt T, h Harness) {
	t := begin(tt, h)
	b := t.connect()
	ids := make(map[string]bool)
	for _, ttl := range []time.Duration{t.h.TTL, t.roomy(), t.h.TTL + t.h.TTL/2, t.roomy()} {
		s := t.openFor(b, ttl)
		if s.TTL() < ttl {
			t.Errorf("asked for a TTL of %v, granted %v", ttl, s.TTL())
		}
		if s.ID() == "" || ids[s.ID()] {
			t.Errorf("a new session has the id %q, after %v", s.ID(), ids)
		}
		ids[s.ID()] = true
	}
}

func lifetimes(tt T, h Harness) {
	t := begin(tt, h)
	b := t.connect()
	alive := func(s leadership.Session) {
		t.Helper()
		if left := t.lifetime(b, s.ID()); left != s.TTL() {
			t.Errorf("a live session with a TTL of %v is said to be believed in for %v", s.TTL(), left)
		}
	}
	dead := func(s leadership.Session, why string) {
		t.Helper()
		if left := t.lifetime(b, s.ID()); left != 0 {
			t.Errorf("%s, but its session is said to live another %v", why, left)
		}
	}
	destroyed, closed, bystander := t.candidate(), t.candidate(), t.candidate()
	for _, s := range []leadership.Session{destroyed, closed, bystander} {
		alive(s)
		t.renew(s)
		alive(s)
	}
	t.destroy(destroyed)
	dead(destroyed, "an operator destroyed a session")
	t.must("Session.Close", closed.Close)
	dead(closed, "its owner closed a session")
	t.elect(bystander, t.key)
	alive(bystander)
	t.deleteKey(t.key)
	alive(bystander)
}

// kill are the ways to end a session at once.
func kills() []ending {
	var dead []ending
	for _, e := range endings() {
		if e.dead {
			dead = append(dead, e)
		}
	}
	return dead
}

func deadSession(tt T, h Harness) {
	t := begin(tt, h)
	b := t.connect()
	for _, kill := range kills() {
		idle, holder := t.candidate(), t.candidate()
		t.elect(holder, t.key)
		kill.do(t, idle)
		kill.do(t, holder)
		for _, s := range []leadership.Session{idle, holder} {
			t.lost("Renew", t.try("Renew", s.Renew))
			_, err := t.tryCampaign(s, t.key, vote(s))
			t.lost("Campaign for a free key", err)
			t.lost("Renew", t.try("Renew", s.Renew))
		}
		t.free(b, t.key)
		// While another session holds the key, Campaign may answer from a read of the key alone.
		other := t.candidate()
		t.elect(other, t.key)
		if o, err := t.tryCampaign(idle, t.key, vote(idle)); err != nil {
			t.lost("Campaign for a held key", err)
		} else if o.Holder.Session != other.ID() {
			t.Errorf("a dead session that stands is told %s, while session %q holds", show(o.Holder), other.ID())
		}
		t.holds(b, other, t.key)
		t.resign(other, t.key)
	}
}

func deadCandidateLeavesNothing(tt T, h Harness) {
	t := begin(tt, h)
	b := t.connect()
	s := t.candidate()
	t.destroy(s)
	_, err := t.tryCampaign(s, t.key, vote(s))
	t.lost("Campaign", err)
	t.free(b, t.key)
	if n := t.candidates(t.key); n != 0 {
		t.Errorf("a dead session stood and was refused, but the store has %d candidacies", n)
	}
	if err := t.try("Resign", func(ctx context.Context) error { return s.Resign(ctx, t.key, farewell()) }); err != nil {
		t.lost("Resign", err)
	}
	t.elect(t.candidate(), t.key)
}

func deadWaiterReturns(tt T, h Harness) {
	t := begin(tt, h)
	holder := t.candidate()
	b := t.connect()
	waiter := t.open(b)
	t.elect(holder, t.key)
	t.campaign(waiter, t.key)
	waits := t.standing(waiter, t.key)
	t.destroy(waiter)
	t.lost("Renew", t.try("Renew", waiter.Renew))
	again := t.open(b)
	t.campaign(again, t.key)
	elected := t.standing(again, t.key)
	t.resign(holder, t.key)
	if _, err := elected.within(t.h.Prompt, "the election of the waiter with its new session"); err != nil {
		t.Fatalf("the waiter with its new session: %v", err)
	}
	t.resign(again, t.key)
	// At the latest now that the key changed, the watch of the dead session has ended, and the campaign after it was refused.
	_, err := waits.within(t.h.Prompt, "the end of the dead waiter's watch")
	t.lost("Watch, then Campaign for a free key", err)
}

func deadCandidateBlocksNobody(tt T, h Harness) {
	t := begin(tt, h)
	for _, kill := range kills() {
		holder, dies, waits := t.candidate(), t.candidate(), t.candidate()
		t.elect(holder, t.key)
		t.campaign(dies, t.key)
		t.campaign(waits, t.key)
		elected := t.standing(waits, t.key)
		kill.do(t, dies)
		t.resign(holder, t.key)
		if _, err := elected.within(t.h.Prompt, "the election of the candidate behind a dead one"); err != nil {
			t.Fatalf("the candidate behind a dead one: %v", err)
		}
		t.resign(waits, t.key)
		t.free(t.connect(), t.key)
	}
}

func closeFrees(tt T, h Harness) {
	t := begin(tt, h)
	b := t.connect()
	one, other := t.key, t.h.Key()
	s := t.open(b)
	t.elect(s, one)
	t.elect(s, other)
	for range 3 {
		t.must("Session.Close", s.Close)
		for _, key := range []string{one, other} {
			if o := t.observe(b, key); o.Holder.Session != "" {
				t.Fatalf("session %q was closed, but %s is observed", s.ID(), show(o.Holder))
			}
		}
	}
	t.elect(t.candidate(), one)
}

func closeDead(tt T, h Harness) {
	t := begin(tt, h)
	s := t.candidate()
	t.elect(s, t.key)
	t.destroy(s)
	for range 2 {
		if err := t.try("Session.Close", s.Close); err != nil {
			if errors.Is(err, leadership.ErrSessionLost) {
				t.Fatalf("closing a session that was destroyed is no error, but: %v", err)
			}
			t.Fatalf("Session.Close: %v", err)
		}
	}
}
