package sourcetest

import (
	"bytes"
	"context"
	"time"

	"github.com/leadership-go/leadership"
)

func campaignChecks() []Check {
	return []Check{
		{"Observe: nobody holds a key that was never used", freshKey},
		{"Campaign: who stands for a free key holds it", winsFreeKey},
		{"Campaign: standing again changes nothing", campaignIsIdempotent},
		{"Campaign: a second candidate sees the holder", secondSeesHolder},
		{"Campaign: one session holds several keys, each for itself", severalKeys},
		{"Campaign: failure 22: keys that are prefixes of one another do not interfere", prefixes},
		{"Campaign: every waiter's turn comes", everyTurnComes},
	}
}

func freshKey(tt T, h Harness) {
	t := begin(tt, h)
	o := t.free(t.connect(), t.key)
	if o.Resigned || o.Delayed {
		t.Errorf("a key that was never used is observed as %+v", o)
	}
}

func winsFreeKey(tt T, h Harness) {
	t := begin(tt, h)
	s, other := t.candidate(), t.connect()
	o := t.campaign(s, t.key)
	if o.Holder.Session != s.ID() {
		t.Fatalf("session %q stood for a free key, and this was returned: %s", s.ID(), show(o.Holder))
	}
	if o.Holder.Token == 0 {
		t.Errorf("rule 4: a holding has the token 0")
	}
	if !bytes.Equal(o.Holder.Value, vote(s)) {
		t.Errorf("stood with the value %q, holds with %q", vote(s), o.Holder.Value)
	}
	if o.Resigned || o.Delayed {
		t.Errorf("the first holder of a key is told resigned=%v, delayed=%v", o.Resigned, o.Delayed)
	}
	if seen := t.observe(other, t.key); !sameHolding(seen.Holder, o.Holder) {
		t.Errorf("the holder was told %s, others observe %s", show(o.Holder), show(seen.Holder))
	}
}

func campaignIsIdempotent(tt T, h Harness) {
	t := begin(tt, h)
	holder, first, second := t.candidate(), t.candidate(), t.candidate()
	held := t.elect(holder, t.key)
	t.campaign(first, t.key)
	t.campaign(second, t.key)
	for _, value := range [][]byte{vote(holder), []byte(`{"sessionId":"","serviceName":"other","serviceId":"value"}`)} {
		o, err := t.tryCampaign(holder, t.key, value)
		if err != nil {
			t.Fatalf("Campaign by the holder: %v", err)
		}
		if !sameHolding(o.Holder, held.Holder) {
			t.Fatalf("the holder stood again and now holds as %s; before as %s", show(o.Holder), show(held.Holder))
		}
	}
	t.campaign(first, t.key)
	if n := t.candidates(t.key); n > 3 {
		t.Errorf("three sessions stand, but the store has %d candidacies", n)
	}
	t.resign(holder, t.key)
	t.elect(first, t.key)
	t.resign(first, t.key)
	t.elect(second, t.key)
	t.resign(second, t.key)
	t.free(t.connect(), t.key)
}

func secondSeesHolder(tt T, h Harness) {
	t := begin(tt, h)
	holder, second := t.candidate(), t.candidate()
	held := t.elect(holder, t.key)
	for range 3 {
		if o := t.campaign(second, t.key); !sameHolding(o.Holder, held.Holder) {
			t.Fatalf("rule 3: the second candidate is told %s, while this one holds: %s", show(o.Holder), show(held.Holder))
		}
		if o := t.campaign(holder, t.key); !sameHolding(o.Holder, held.Holder) {
			t.Fatalf("rule 3: the holder is told %s, while it holds as %s", show(o.Holder), show(held.Holder))
		}
	}
}

func severalKeys(tt T, h Harness) {
	t := begin(tt, h)
	one, other := t.key, t.h.Key()
	b := t.connect()
	s := t.open(b)
	t.elect(s, one)
	held := t.elect(s, other)
	t.resign(s, one)
	t.free(b, one)
	if o := t.holds(b, s, other); !sameHolding(o.Holder, held.Holder) {
		t.Errorf("resigning from one key changed the other from %s to %s", show(held.Holder), show(o.Holder))
	}
	next := t.candidate()
	t.elect(next, one)
	t.holds(b, s, other)
}

func prefixes(tt T, h Harness) {
	t := begin(tt, h)
	for _, keys := range [][]string{
		{t.key, t.key + "x", t.key + "/x"},
		{t.key + "/x", t.key + "x", t.key},
	} {
		b := t.connect()
		sessions := make([]leadership.Session, len(keys))
		for i, key := range keys {
			t.free(b, key)
			sessions[i] = t.candidate()
			if o := t.campaign(sessions[i], key); o.Holder.Session != sessions[i].ID() {
				t.Fatalf("%q is free, %q is held, but who stands for the first is told %s", key, keys[:i], show(o.Holder))
			}
		}
		for i, key := range keys {
			t.holds(b, sessions[i], key)
		}
		for i, key := range keys {
			t.resign(sessions[i], key)
			t.free(b, key)
			for j := i + 1; j < len(keys); j++ {
				t.holds(b, sessions[j], keys[j])
			}
		}
	}
}

func everyTurnComes(tt T, h Harness) {
	t := begin(tt, h)
	const waiters = 5
	type turn struct {
		s   leadership.Session
		err error
	}
	turns := make(chan turn, waiters)
	current := t.candidate()
	t.elect(current, t.key)
	for range waiters {
		s := t.candidate()
		t.start(func(ctx context.Context) (leadership.Observation, error) {
			o, err := stand(ctx, s, t.key)
			turns <- turn{s, err}
			return o, err
		})
	}
	for n := range waiters {
		t.resign(current, t.key)
		late := time.NewTimer(t.h.Prompt)
		select {
		case next := <-turns:
			if next.err != nil {
				t.Fatalf("waiter %s gave up: %v", next.s.ID(), next.err)
			}
			current = next.s
		case <-late.C:
			t.Fatalf("the key was given back, %d candidates wait, and none was elected within %v", waiters-n, t.h.Prompt)
		}
		late.Stop()
	}
}
