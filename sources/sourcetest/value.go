package sourcetest

import (
	"bytes"
	"errors"

	"github.com/leadership-go/leadership"
)

func valueChecks() []Check {
	return []Check{
		{"Campaign: a key with data that is no vote is left untouched", conflict},
		{"Campaign: an empty value or a vote that nobody holds is replaced", replaceable},
		{"Observe: an overwritten value is shown, and frees nothing behind the holder's back", overwritten},
		{"Observe: an overwritten key is free once its holder resigned", overwrittenThenResigned},
		{"Observe: an overwritten key is free once its holder's session ended", overwrittenThenDestroyed},
	}
}

func conflict(tt T, h Harness) {
	t := begin(tt, h)
	b := t.connect()
	s := t.open(b)
	for _, data := range []string{"not JSON", `{"some":"config"}`, "\xff\xfe", "[]"} {
		t.overwrite(t.key, []byte(data))
		t.free(t.connect(), t.key)
		_, err := t.tryCampaign(s, t.key, vote(s))
		switch {
		case t.h.NoConflict && err != nil:
			t.Fatalf("Campaign where the key holds %q: %v", data, err)
		case t.h.NoConflict:
			t.resign(s, t.key)
		case !errors.Is(err, leadership.ErrKeyConflict):
			t.Fatalf("Campaign where the key holds %q: %v; want %v", data, err, leadership.ErrKeyConflict)
		default:
			// Still there, so a second attempt is refused as well.
			if _, err := t.tryCampaign(s, t.key, vote(s)); !errors.Is(err, leadership.ErrKeyConflict) {
				t.Fatalf("Campaign again where the key holds %q: %v; want %v", data, err, leadership.ErrKeyConflict)
			}
		}
	}
	t.renew(s)
	t.deleteKey(t.key)
	t.elect(s, t.key)
}

func replaceable(tt T, h Harness) {
	t := begin(tt, h)
	s := t.candidate()
	for _, data := range [][]byte{{}, farewell(), vote(s)} {
		t.overwrite(t.key, data)
		t.free(t.connect(), t.key)
		if o := t.elect(s, t.key); !bytes.Equal(o.Holder.Value, vote(s)) {
			t.Errorf("stood where the key held %q: holds as %s", data, show(o.Holder))
		}
		t.resign(s, t.key)
	}
}

// An overwritten holder either goes on holding, with the value that was written, or is reported as gone.
func overwritten(tt T, h Harness) {
	t := begin(tt, h)
	b := t.connect()
	holder, waiter := t.candidate(), t.candidate()
	held := t.elect(holder, t.key)
	highest := held.Holder.Token
	for _, value := range [][]byte{[]byte("scribble"), farewell(), vote(waiter), {}} {
		t.overwrite(t.key, value)
		o := t.observe(b, t.key)
		if o.Holder.Session != holder.ID() {
			// Taken from the holder: its watch must say so, and it must not be told that it holds.
			if _, err := t.noticing(b, holder, t.key, held).within(t.h.Prompt, "the holder's notice that its key was taken"); err != nil && !errors.Is(err, leadership.ErrSessionLost) {
				t.Fatalf("Watch of a holder whose key was overwritten: %v", err)
			}
			return
		}
		if !bytes.Equal(o.Holder.Value, value) {
			t.Errorf("%q was written into the key, and %q is observed", value, o.Holder.Value)
		}
		if o := t.campaign(waiter, t.key); o.Holder.Session != holder.ID() {
			t.Fatalf("rule 3: %q was written into the key that session %q holds; a candidate is told %s", value, holder.ID(), show(o.Holder))
		}
		again := t.campaign(holder, t.key)
		if again.Holder.Session != holder.ID() {
			t.Fatalf("%q was written into the key: observed is %s, but the holder is told %s", value, show(o.Holder), show(again.Holder))
		}
		// The token should stay, and may rise in the eyes of others: a store may have no other trace of the holding than the write.
		if low := min(o.Holder.Token, again.Holder.Token); low < held.Holder.Token {
			t.Fatalf("rule 4: %q was written into the key, and its token went from %d back to %d", value, held.Holder.Token, low)
		}
		highest = max(highest, o.Holder.Token, again.Holder.Token)
	}
	t.resign(holder, t.key)
	if next := t.elect(waiter, t.key); next.Holder.Token <= highest {
		t.Errorf("rule 4: the key was overwritten and its token seen as %d; that of the next holding is %d", highest, next.Holder.Token)
	}
}

func overwrittenThenResigned(tt T, h Harness) {
	t := begin(tt, h)
	holder, waiter := t.candidate(), t.candidate()
	t.elect(holder, t.key)
	t.campaign(waiter, t.key)
	t.overwrite(t.key, vote(waiter))
	t.resign(holder, t.key)
	t.elect(waiter, t.key)
}

func overwrittenThenDestroyed(tt T, h Harness) {
	t := begin(tt, h)
	holder, waiter := t.candidate(), t.candidate()
	t.elect(holder, t.key)
	t.campaign(waiter, t.key)
	t.overwrite(t.key, vote(holder))
	t.destroy(holder)
	t.elect(waiter, t.key)
}
