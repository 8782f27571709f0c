package consul

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/consul/api"

	"github.com/leadership-go/leadership"
)

func TestCampaignNamesWhatItRead(t *testing.T) {
	for _, c := range []struct {
		name  string
		state answer
		guard string
		want  leadership.Observation
	}{
		{
			"no key", missing(7),
			`{"Verb":"check-not-exists","Key":"services/app/leader",`,
			leadership.Observation{},
		},
		{
			"a key with nothing in it", found(7, api.KVPair{ModifyIndex: 6}),
			`{"Verb":"check-index","Key":"services/app/leader","Value":null,"Flags":0,"Index":6,`,
			leadership.Observation{},
		},
		{
			"the sign of a member that resigned", found(7, api.KVPair{ModifyIndex: 6, Value: voteOf("")}),
			`"Index":6,`,
			leadership.Observation{Resigned: true},
		},
		{
			"the vote of a member that did not", found(7, api.KVPair{ModifyIndex: 6, Value: voteOf(idTwo)}),
			`"Index":6,`,
			leadership.Observation{Earlier: []string{idTwo}},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, a := with(t, map[string][]answer{"get": {c.state}, "txn": {committed(api.KVPair{ModifyIndex: 8, CreateIndex: 8, LockIndex: 1})}})
			o, err := ours(b).Campaign(t.Context(), key, voteOf(idOne))
			if err != nil {
				t.Fatal(err)
			}
			if o.Holder.Session != idOne || o.Holder.Token != 8 || string(o.Holder.Value) != string(voteOf(idOne)) || o.Revision != 8 ||
				o.Resigned != c.want.Resigned || !slices.Equal(o.Earlier, c.want.Earlier) || o.Delayed {
				t.Errorf("%+v", o)
			}
			if _, ok := a.got("get")[0].query["consistent"]; !ok {
				t.Error("the read was not linearizable")
			}
			if body := a.got("txn")[0].body; !strings.Contains(body, c.guard) || !strings.Contains(body, `"Verb":"lock"`) || !strings.Contains(body, `"Flags":0`) {
				t.Errorf("transaction %s; want the guard %s", body, c.guard)
			}
		})
	}
}

func TestCampaignStartsAnewWhenSomebodyWroteMeanwhile(t *testing.T) {
	moved := rolledBack(&api.TxnError{What: `failed to check index, key "services/app/leader" doesn't exist`})
	held := rolledBack(
		&api.TxnError{What: `key "services/app/leader" exists`},
		&api.TxnError{OpIndex: 1, What: `failed to lock key "services/app/leader", lock is already held`})
	sign := found(6, api.KVPair{ModifyIndex: 6, Value: voteOf("")})
	t.Run("the sign was removed", func(t *testing.T) {
		b, a := with(t, map[string][]answer{"get": {sign, missing(7)}, "txn": {moved, committed(api.KVPair{ModifyIndex: 8})}})
		o, err := ours(b).Campaign(t.Context(), key, voteOf(idOne))
		if err != nil || o.Holder.Token != 8 || o.Resigned {
			t.Errorf("%+v, %v", o, err)
		}
		if got := a.kinds(); got != "get txn get txn" {
			t.Errorf("requests: %s", got)
		}
	})
	t.Run("somebody else was faster", func(t *testing.T) {
		b, _ := with(t, map[string][]answer{"get": {missing(7), found(8, api.KVPair{ModifyIndex: 8, Session: idTwo})}, "txn": {held}})
		o, err := ours(b).Campaign(t.Context(), key, voteOf(idOne))
		if err != nil || o.Holder.Session != idTwo || o.Holder.Token != 8 || o.Revision != 8 {
			t.Errorf("%+v, %v", o, err)
		}
	})
	t.Run("somebody wrote data of their own", func(t *testing.T) {
		b, _ := with(t, map[string][]answer{"get": {missing(7), found(8, api.KVPair{ModifyIndex: 8, Value: []byte("data")})}, "txn": {moved}})
		if _, err := ours(b).Campaign(t.Context(), key, voteOf(idOne)); !errors.Is(err, leadership.ErrKeyConflict) {
			t.Errorf("error %v; want %v", err, leadership.ErrKeyConflict)
		}
	})
	t.Run("but not for ever", func(t *testing.T) {
		b, a := with(t, map[string][]answer{"get": {missing(7)}, "txn": {moved}})
		_, err := ours(b).Campaign(t.Context(), key, voteOf(idOne))
		check(t, err, errTransient, "changes too fast")
		if n := len(a.got("txn")); n != maxRaces {
			t.Errorf("%d attempts", n)
		}
	})
}

func TestCampaignIsToldOfALockDelay(t *testing.T) {
	delay := rolledBack(&api.TxnError{OpIndex: 1, What: `failed to lock key "services/app/leader" due to lock delay`})
	b, _ := with(t, map[string][]answer{"get": {found(7, api.KVPair{ModifyIndex: 6, Value: voteOf(idTwo)})}, "txn": {delay}})
	o, err := ours(b).Campaign(t.Context(), key, voteOf(idOne))
	if err != nil || !o.Delayed || o.Holder.Session != "" || !slices.Equal(o.Earlier, []string{idTwo}) || o.Revision != 7 {
		t.Errorf("%+v, %v", o, err)
	}
}

func TestCampaignWhileSomebodyHoldsOnlyReads(t *testing.T) {
	b, a := with(t, map[string][]answer{"get": {found(7, api.KVPair{ModifyIndex: 7, Session: idTwo, Value: []byte("\xff no vote")})}})
	o, err := ours(b).Campaign(t.Context(), key, voteOf(idOne))
	if err != nil || o.Holder.Session != idTwo || string(o.Holder.Value) != "\xff no vote" {
		t.Errorf("bad input 1: %+v, %v", o, err)
	}
	if got := a.kinds(); got != "get own" {
		t.Errorf("requests: %s", got)
	}
}

// A new session may not be known yet where a stale read looks.
func TestCampaignDoesNotTrustAStaleReadOfItsSession(t *testing.T) {
	b, _ := with(t, map[string][]answer{
		"get": {found(7, api.KVPair{ModifyIndex: 7, Session: idTwo})}, "own": {missing(9)}, "publish": {publication()},
	})
	if o, err := ours(b).Campaign(t.Context(), key, voteOf(idOne)); err != nil || o.Holder.Session != idTwo {
		t.Errorf("%+v, %v", o, err)
	}
}

func TestTokenOfAHolding(t *testing.T) {
	at := func(create, modify, lock uint64) answer {
		return found(modify, api.KVPair{CreateIndex: create, ModifyIndex: modify, LockIndex: lock, Session: idOne})
	}
	won := committed(api.KVPair{CreateIndex: 8, ModifyIndex: 8, LockIndex: 1})
	for _, c := range []struct {
		name  string
		then  answer
		token uint64
	}{
		{"failure 7: stays while nothing changes", at(8, 8, 1), 8},
		{"bad input 7: stays when somebody writes over the key", at(8, 12, 0), 8},
		{"is new after the key was deleted and taken again", at(12, 12, 1), 12},
		{"is new after the key was released and taken again", at(8, 12, 2), 12},
		{"is new where an index went backwards", at(8, 7, 1), 7},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, _ := with(t, map[string][]answer{"get": {missing(7), c.then}, "txn": {won}, "list": {{index: "7", body: []api.KVPair{traceBy(idOne)}}}})
			s := ours(b)
			if o, err := s.Campaign(t.Context(), key, voteOf(idOne)); err != nil || o.Holder.Token != 8 {
				t.Fatalf("%+v, %v", o, err)
			}
			for range 2 {
				seen, err := b.Observe(t.Context(), key)
				if err != nil || seen.Holder.Token != c.token {
					t.Errorf("observed %+v, %v; want the token %d", seen, err, c.token)
				}
				o, err := s.Campaign(t.Context(), key, voteOf(idOne))
				if err != nil || o.Holder.Token != c.token || o.Holder.Session != idOne {
					t.Errorf("%+v, %v; want the token %d", o, err, c.token)
				}
			}
		})
	}
	t.Run("is that of the first sight when the answer was lost", func(t *testing.T) {
		b, _ := with(t, map[string][]answer{"get": {missing(7), at(8, 12, 0)}, "look": {looked(api.KVPair{CreateIndex: 8, ModifyIndex: 8, LockIndex: 1, Session: idOne}, traceBy(idOne))}, "txn": {{status: 500, body: "lost"}}})
		s := ours(b)
		if _, err := s.Campaign(t.Context(), key, voteOf(idOne)); err == nil {
			t.Fatal("a lost answer is no error")
		}
		for range 2 {
			if o, err := s.Campaign(t.Context(), key, voteOf(idOne)); err != nil || o.Holder.Token != 8 {
				t.Errorf("%+v, %v; want the token 8", o, err)
			}
		}
	})
	t.Run("is forgotten once somebody else held the key", func(t *testing.T) {
		b, _ := with(t, map[string][]answer{
			"get":  {missing(7), found(10, api.KVPair{CreateIndex: 8, ModifyIndex: 10, LockIndex: 0, Session: idTwo})},
			"txn":  {won},
			"look": {looked(api.KVPair{CreateIndex: 8, ModifyIndex: 14, LockIndex: 0, Session: idOne}, traceBy(idOne))},
		})
		s := ours(b)
		var tokens []uint64
		for range 3 {
			o, err := s.Campaign(t.Context(), key, voteOf(idOne))
			if err != nil {
				t.Fatal(err)
			}
			tokens = append(tokens, o.Holder.Token)
		}
		if tokens[0] != 8 || tokens[1] != 10 || tokens[2] != 14 {
			t.Errorf("tokens %v", tokens)
		}
	})
	t.Run("does not go back when answers overtake one another", func(t *testing.T) {
		b, _ := with(t, nil)
		p := place{idOne, key}
		b.remember(p, holding{token: 14, createIndex: 8, lockIndex: 2})
		b.remember(p, holding{token: 8, createIndex: 8, lockIndex: 1})
		if h, ok := b.recall(&api.KVPair{Key: key, Session: idOne, CreateIndex: 8, ModifyIndex: 14, LockIndex: 2}); !ok || h.token != 14 {
			t.Errorf("%+v, %v", h, ok)
		}
	})
}
