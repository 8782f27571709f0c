package sourcetest

import (
	"context"
	"slices"

	"github.com/leadership-go/leadership"
)

func traceChecks() []Check {
	return []Check{
		{"Rule 9: whose key an operator deleted is named to a successor that never looked before", deposedIsNamed},
		{"Rule 9: each of several is named, whoever held the key in between", deposedAreNamed},
		{"Rule 9: a waiter is told as well, and as often as it asks", deposedIsNamedToWaiter},
		{"Rule 9: who resigned, transferred, withdrew or closed is not named", goneIsNotNamed},
	}
}

// names fails the check unless o, which shows key held by s, names the earlier holders want, and none of not.
func (t *trial) names(o leadership.Observation, s leadership.Session, why string, want []leadership.Session, not ...leadership.Session) {
	t.Helper()
	if o.Holder.Session != s.ID() {
		t.Fatalf("%s: the key is held by %s; want session %s", why, show(o.Holder), s.ID())
	}
	for _, earlier := range want {
		if !slices.Contains(o.Earlier, earlier.ID()) {
			t.Errorf("rule 9: %s: session %s may believe, and is not named among the earlier holders %q", why, earlier.ID(), o.Earlier)
		}
	}
	for _, gone := range append(not, s) {
		if slices.Contains(o.Earlier, gone.ID()) {
			t.Errorf("rule 9: %s: session %s, which does not believe, is named among the earlier holders %q", why, gone.ID(), o.Earlier)
		}
	}
}

func deposedIsNamed(tt T, h Harness) {
	t := begin(tt, h)
	deposed, next := t.candidate(), t.candidate()
	t.elect(deposed, t.key)
	t.deleteKey(t.key)
	o := t.elect(next, t.key)
	t.names(o, next, "a holder's key was deleted", []leadership.Session{deposed})
	t.shows(o, false, "a holder's key was deleted")
}

func deposedAreNamed(tt T, h Harness) {
	t := begin(tt, h)
	first, second, dead, idle, next := t.candidate(), t.candidate(), t.candidate(), t.candidate(), t.candidate()
	for _, s := range []leadership.Session{first, second} {
		t.elect(s, t.key)
		t.deleteKey(t.key)
	}
	t.elect(dead, t.key)
	t.destroy(dead)
	t.elect(idle, t.key)
	t.must("Resign", func(ctx context.Context) error { return idle.Resign(ctx, t.key, nil) })
	t.names(t.elect(next, t.key), next, "two keys were deleted, a holder died, and one withdrew", []leadership.Session{first, second}, idle)
}

func deposedIsNamedToWaiter(tt T, h Harness) {
	t := begin(tt, h)
	deposed, waiter := t.candidate(), t.candidate()
	t.elect(deposed, t.key)
	t.campaign(waiter, t.key)
	elected := t.standing(waiter, t.key)
	t.deleteKey(t.key)
	o, err := elected.within(t.h.Prompt, "the waiter's election after an operator deleted the key")
	if err != nil {
		t.Fatalf("the waiter: %v", err)
	}
	t.names(o, waiter, "the holder's key was deleted", []leadership.Session{deposed})
	t.names(t.campaign(waiter, t.key), waiter, "the successor asked again", []leadership.Session{deposed})
}

func goneIsNotNamed(tt T, h Harness) {
	t := begin(tt, h)
	withdrawn, closed, resigned, giver, heir := t.candidate(), t.candidate(), t.candidate(), t.candidate(), t.candidate()
	for _, s := range []leadership.Session{withdrawn, closed} {
		t.elect(s, t.key)
		t.deleteKey(t.key)
	}
	t.must("Resign", func(ctx context.Context) error { return withdrawn.Resign(ctx, t.key, nil) })
	t.must("Session.Close", closed.Close)
	t.elect(resigned, t.key)
	t.resign(resigned, t.key)
	t.names(t.elect(giver, t.key), giver, "three were deposed or resigned, and all gave up", nil, withdrawn, closed, resigned)
	t.must("Session.Close", resigned.Close)
	t.campaign(heir, t.key)
	elected := t.standing(heir, t.key)
	if err := t.transfer(giver, heir, farewell()); err != nil {
		t.Fatalf("Transfer: %v", err)
	}
	o, err := elected.within(t.h.Prompt, "the heir's election")
	if err != nil {
		t.Fatalf("the heir: %v", err)
	}
	t.names(o, heir, "the holder transferred the key", nil, withdrawn, closed, resigned, giver)
}
