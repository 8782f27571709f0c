package sourcetest

import (
	"github.com/leadership-go/leadership"
)

func tokenChecks() []Check {
	return []Check{
		{"Rule 4: tokens grow from one holding to the next, however the last one ended", tokensGrow},
		{"Rule 4: the token stays during a holding", tokenStays},
		{"Rule 4: a session that gives the key back and wins it again has a new token", tokenOfSameSession},
	}
}

// ending is a way in which a holding ends.
type ending struct {
	name string
	do   func(t *trial, holder leadership.Session)
	// resigned says that the holder gave the key back by itself.
	resigned bool
	// dead says that the holder's session is gone afterwards.
	dead bool
}

// endings are all but expiry, which takes its time.
func endings() []ending {
	return []ending{
		{name: "the holder resigned", resigned: true, do: func(t *trial, holder leadership.Session) { t.resign(holder, t.key) }},
		{name: "the holder's session was closed", dead: true, do: func(t *trial, holder leadership.Session) { t.must("Session.Close", holder.Close) }},
		{name: "an operator destroyed the holder's session", dead: true, do: func(t *trial, holder leadership.Session) { t.destroy(holder) }},
		{name: "an operator deleted the key", do: func(t *trial, _ leadership.Session) { t.deleteKey(t.key) }},
	}
}

func tokensGrow(tt T, h Harness) {
	t := begin(tt, h)
	b := t.connect()
	var last leadership.Holder
	before := "nobody held the key"
	for range 2 {
		for _, e := range endings() {
			s := t.open(b)
			o := t.elect(s, t.key)
			if o.Holder.Token <= last.Token {
				t.Fatalf("after %s the token is %d, before it was %d", before, o.Holder.Token, last.Token)
			}
			last, before = o.Holder, e.name
			e.do(t, s)
		}
	}
	expiring := t.openFor(b, t.h.TTL)
	o := t.elect(expiring, t.key)
	if o.Holder.Token <= last.Token {
		t.Fatalf("after %s the token is %d, before it was %d", before, o.Holder.Token, last.Token)
	}
	next := t.electWithin(t.outlived(), t.open(b), t.key)
	if next.Holder.Token <= o.Holder.Token {
		t.Fatalf("after the holder's session expired the token is %d, before it was %d", next.Holder.Token, o.Holder.Token)
	}
}

func tokenStays(tt T, h Harness) {
	t := begin(tt, h)
	b := t.connect()
	holder, waiter := t.candidate(), t.candidate()
	held := t.elect(holder, t.key)
	stays := func(when string) {
		t.Helper()
		if o := t.holds(b, holder, t.key); !sameHolding(o.Holder, held.Holder) {
			t.Fatalf("%s the holding changed from %s to %s", when, show(held.Holder), show(o.Holder))
		}
	}
	t.renew(holder)
	stays("at a renewal")
	t.campaign(holder, t.key)
	stays("when the holder stood again")
	t.campaign(waiter, t.key)
	stays("when a waiter came")
	t.renew(waiter)
	stays("when the waiter renewed its session")
	t.resign(waiter, t.key)
	stays("when the waiter resigned")
	t.campaign(waiter, t.key)
	t.destroy(waiter)
	stays("when the waiter's session was destroyed")
}

func tokenOfSameSession(tt T, h Harness) {
	t := begin(tt, h)
	s := t.candidate()
	var last uint64
	for range 5 {
		o := t.elect(s, t.key)
		if o.Holder.Token <= last {
			t.Fatalf("resigned and stood again: the token is %d, before it was %d", o.Holder.Token, last)
		}
		last = o.Holder.Token
		t.resign(s, t.key)
	}
	o := t.elect(s, t.key)
	t.deleteKey(t.key)
	if again := t.elect(s, t.key); again.Holder.Token <= o.Holder.Token {
		t.Fatalf("an operator deleted the key and the same session stood again: the token is %d, before it was %d", again.Holder.Token, o.Holder.Token)
	}
}
