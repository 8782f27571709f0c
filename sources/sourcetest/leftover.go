package sourcetest

import "github.com/leadership-go/leadership"

func leftoverChecks() []Check {
	return []Check{
		{"Campaign: failure 13: a thousand lost attempts leave at most one session", lostAttempts},
		{"Session.Close: nothing is left afterwards", nothingLeft},
	}
}

func lostAttempts(tt T, h Harness) {
	t := begin(tt, h)
	b := t.connect()
	before := t.sessions()
	holder := t.candidate()
	held := t.elect(holder, t.key)
	loser := t.open(b)
	for n := range t.h.LostAttempts {
		if o := t.campaign(loser, t.key); !sameHolding(o.Holder, held.Holder) {
			t.Fatalf("rule 3: attempt %d of a second candidate: told %s, while this one holds: %s", n, show(o.Holder), show(held.Holder))
		}
	}
	t.countSessions(before+2, "one session holds, another stood in vain many times")
	if n := t.candidates(t.key); n > 2 {
		t.Errorf("one session holds, another stood in vain %d times, and the store has %d candidacies", t.h.LostAttempts, n)
	}
	t.resign(loser, t.key)
	t.must("Session.Close", loser.Close)
	t.countSessions(before+1, "the loser closed its session")
	if n := t.candidates(t.key); n > 1 {
		t.Errorf("the loser closed its session, and the store has %d candidacies", n)
	}
	t.holds(b, holder, t.key)
}

func nothingLeft(tt T, h Harness) {
	t := begin(tt, h)
	b := t.connect()
	before := t.sessions()
	var all []leadership.Session
	for range 4 {
		s := t.candidate()
		t.campaign(s, t.key)
		all = append(all, s)
	}
	// The first two leave as a member does, the others without resigning.
	for i, s := range all {
		if i < 2 {
			t.resign(s, t.key)
		}
		t.must("Session.Close", s.Close)
		if left := t.lifetime(b, s.ID()); left != 0 {
			t.Errorf("session %q was closed, and is said to live another %v", s.ID(), left)
		}
	}
	t.free(b, t.key)
	t.countSessions(before, "all sessions were closed")
	if n := t.candidates(t.key); n != 0 {
		t.Errorf("all sessions were closed, and the store has %d candidacies", n)
	}
}

// countSessions fails the check when the store has more sessions than allowed.
func (t *trial) countSessions(most int, why string) {
	t.Helper()
	if n := t.sessions(); n > most {
		t.Errorf("%s, and the store has %d sessions; want at most %d", why, n, most)
	}
}
