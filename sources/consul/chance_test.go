package consul

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/leadership-go/leadership"
)

func TestWhoSawTheKeyFreeTakesItWithoutReadingItAgain(t *testing.T) {
	signed := found(9, api.KVPair{ModifyIndex: 9, Value: voteOf("")})
	taken := found(10, api.KVPair{ModifyIndex: 10, Session: idTwo})
	won := committed(api.KVPair{ModifyIndex: 11})
	moved := rolledBack(&api.TxnError{What: `failed to check index, it has changed`})
	delayed := rolledBack(&api.TxnError{OpIndex: 1, What: `failed to lock key "services/app/leader" due to lock delay`})
	for _, c := range []struct {
		name     string
		gets     []answer // the watch's is the first
		txn      answer
		wait     time.Duration // between Watch and Campaign
		requests string
		leads    bool
	}{
		{"a leader resigned", []answer{signed}, won, 0, "get txn", true},
		{"a leader's session ended", []answer{found(9, api.KVPair{ModifyIndex: 9, Value: voteOf(idTwo)})}, won, 0, "get txn", true},
		{"somebody else was faster", []answer{signed, taken}, moved, 0, "get txn get own", false},
		{"somebody else holds the key already", []answer{taken, taken}, won, 0, "get", false},
		{"the key was deleted, which tells nothing of what came since", []answer{missing(9), missing(9)}, won, 0, "get get txn", true},
		{"it was a while ago", []answer{signed, signed}, won, freshFor, "get get txn", true},
		{"it was a moment ago", []answer{signed}, won, freshFor - time.Millisecond, "get txn", true},
		{"the key is not free for long enough", []answer{signed}, delayed, 0, "get txn own", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := &agent{t: t, answers: map[string][]answer{"get": c.gets, "txn": {c.txn}}}
				b, end := bubble(t, a)
				defer end()
				s := ours(b)
				if err := s.Watch(t.Context(), key, held); err != nil {
					t.Fatal(err)
				}
				time.Sleep(c.wait)
				o, err := s.Campaign(t.Context(), key, voteOf(idOne))
				if err != nil || (o.Holder.Session == idOne) != c.leads {
					t.Errorf("%+v, %v", o, err)
				}
				if got := a.kinds(); got != c.requests {
					t.Errorf("requests: %s; want %s", got, c.requests)
				}
			})
		})
	}
	t.Run("who was too late reads first, until it holds the key", func(t *testing.T) {
		b, a := with(t, map[string][]answer{
			"get": {signed, taken, signed, signed, signed},
			"txn": {moved, won, won},
		})
		s := ours(b)
		for _, leads := range []bool{false, true, true} {
			if err := s.Watch(t.Context(), key, leadership.Observation{Holder: held.Holder, Revision: 7}); err != nil {
				t.Fatal(err)
			}
			if o, err := s.Campaign(t.Context(), key, voteOf(idOne)); err != nil || (o.Holder.Session == idOne) != leads {
				t.Errorf("%+v, %v", o, err)
			}
		}
		if got, want := a.kinds(), "get txn get own get get txn get txn"; got != want {
			t.Errorf("requests: %s; want %s", got, want)
		}
	})
}

// A lock-delay is nobody's being faster: at the next handover the member takes the key without reading it.
func TestWhoMetALockDelayWasNotTooLate(t *testing.T) {
	free := found(9, api.KVPair{ModifyIndex: 9, Value: voteOf(idTwo)})
	signed := found(12, api.KVPair{ModifyIndex: 12, Value: voteOf("")})
	b, a := with(t, map[string][]answer{
		"get": {free, signed},
		"txn": {rolledBack(&api.TxnError{OpIndex: 1, What: `failed to lock key "services/app/leader" due to lock delay`}), committed(api.KVPair{ModifyIndex: 13})},
	})
	s := ours(b)
	for _, leads := range []bool{false, true} {
		if err := s.Watch(t.Context(), key, leadership.Observation{Holder: held.Holder, Revision: 7}); err != nil {
			t.Fatal(err)
		}
		if o, err := s.Campaign(t.Context(), key, voteOf(idOne)); err != nil || (o.Holder.Session == idOne) != leads {
			t.Errorf("%+v, %v", o, err)
		}
	}
	if got, want := a.kinds(), "get txn own get txn"; got != want {
		t.Errorf("requests: %s; want %s", got, want)
	}
}
