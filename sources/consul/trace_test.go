package consul

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/consul/api"

	"github.com/leadership-go/leadership"
)

const idThree = "33333333-3333-3333-3333-333333333333"

// showed is a transaction that was carried out, and showed traces on its way to the key.
func showed(pair api.KVPair, traces ...api.KVPair) answer {
	pair.Key = key
	var results api.TxnResults
	for _, entry := range append(traces, pair) {
		results = append(results, &api.TxnResult{KV: &entry})
	}
	return answer{body: api.TxnResponse{Results: results}}
}

func traceBy(session string) api.KVPair {
	return api.KVPair{Key: traceOf(key, session), Session: session, ModifyIndex: 5}
}

func TestWhoTakesTheKeyLearnsWhoHeldIt(t *testing.T) {
	dead := api.KVPair{Key: traceOf(key, idThree), ModifyIndex: 4}
	won := api.KVPair{ModifyIndex: 8, CreateIndex: 8, LockIndex: 1}
	for _, c := range []struct {
		name    string
		shown   []api.KVPair
		earlier []string
		kinds   string
	}{
		{"nobody", nil, nil, "get txn"},
		{"who was deposed", []api.KVPair{traceBy(idTwo), traceBy(idOne)}, []string{idTwo}, "get txn"},
		{"several", []api.KVPair{traceBy(idTwo), traceBy(idThree)}, []string{idTwo, idThree}, "get txn"},
		{"not a dead session, whose trace is removed", []api.KVPair{dead, traceBy(idTwo)}, []string{idTwo}, "get txn delete"},
		{"not the keys of other elections", []api.KVPair{
			{Key: key + "/holders/x/leader", Session: idTwo}, {Key: key + "/" + idTwo, Session: idTwo}, {Key: traceOf(key, idThree), Session: idTwo},
		}, nil, "get txn"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, a := with(t, map[string][]answer{"get": {missing(7), found(8, api.KVPair{Session: idOne, ModifyIndex: 8, CreateIndex: 8, LockIndex: 1})}, "txn": {showed(won, c.shown...)}, "delete": {{body: true}}})
			s := ours(b)
			o, err := s.Campaign(t.Context(), key, voteOf(idOne))
			if err != nil || o.Holder.Session != idOne || o.Holder.Token != 8 || !slices.Equal(o.Earlier, c.earlier) {
				t.Errorf("%+v, %v; want the earlier holders %q", o, err, c.earlier)
			}
			if got := a.kinds(); got != c.kinds {
				t.Errorf("requests %s; want %s", got, c.kinds)
			}
			for _, op := range []string{
				`"Verb":"get-tree","Key":"services/app/leader/holders/"`, `"Verb":"lock","Key":"services/app/leader/holders/` + idOne + `"`,
			} {
				if body := a.got("txn")[0].body; !strings.Contains(body, op) {
					t.Errorf("transaction %s; want %s in it", body, op)
				}
			}
			if o, err = s.Campaign(t.Context(), key, voteOf(idOne)); err != nil || !slices.Equal(o.Earlier, c.earlier) {
				t.Errorf("asked again: %+v, %v; want the earlier holders %q", o, err, c.earlier)
			}
		})
	}
}

func TestWhoFindsItselfHoldingLooksForTraces(t *testing.T) {
	mine := found(8, api.KVPair{Session: idOne, ModifyIndex: 8})
	list := answer{index: "8", body: []api.KVPair{traceBy(idOne), traceBy(idTwo)}}
	b, a := with(t, map[string][]answer{"get": {mine}, "list": {list}})
	o, err := ours(b).Campaign(t.Context(), key, voteOf(idOne))
	if err != nil || !slices.Equal(o.Earlier, []string{idTwo}) {
		t.Errorf("%+v, %v; want the earlier holder %s", o, err, idTwo)
	}
	if _, ok := a.got("list")[0].query["consistent"]; !ok {
		t.Error("the read was not linearizable")
	}

	for _, c := range []struct {
		name string
		list answer
		want error
		text string
	}{
		{"bad input 12: a denied list is not nobody", answer{status: http.StatusForbidden, body: "Permission denied"}, leadership.ErrDenied, "who held key"},
		{"nor is a filtered one", answer{status: 404, index: "8", header: map[string]string{"X-Consul-Results-Filtered-By-ACLs": "true"}, body: ""}, leadership.ErrDenied, "who held key"},
		{"nor is any web server's 404", answer{status: 404, body: ""}, errTransient, "404"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, _ := with(t, map[string][]answer{"get": {mine}, "list": {c.list}})
			_, err := ours(b).Campaign(t.Context(), key, voteOf(idOne))
			check(t, err, c.want, c.text)
		})
	}
}

// A slow link may have time for one request at a time.
func TestWhoMayHoldTheKeyLooksForBothAtOnce(t *testing.T) {
	lost := answer{status: 500, body: "lost"}
	denied := answer{status: http.StatusForbidden, body: "Permission denied: token lacks permission 'key:read'"}
	mine := api.KVPair{Key: key, Session: idOne, ModifyIndex: 8}
	for _, c := range []struct {
		name string
		look answer
		want error
		text string
	}{
		{"both", answer{body: api.TxnResponse{Results: api.TxnResults{{KV: &mine}, {KV: &api.KVPair{Key: traceOf(key, idTwo), Session: idTwo}}}}}, nil, ""},
		{"refused", denied, leadership.ErrDenied, "read key"},
		{"refused in part", rolledBack(&api.TxnError{OpIndex: 1, What: "Permission denied: token lacks permission 'key:read'"}), leadership.ErrDenied, "read key"},
		{"not of Consul's", answer{body: "{}"}, errTransient, "does not show it"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, a := with(t, map[string][]answer{"get": {missing(7)}, "txn": {lost}, "look": {c.look}})
			s := ours(b)
			if _, err := s.Campaign(t.Context(), key, voteOf(idOne)); err == nil {
				t.Fatal("a lost answer is no error")
			}
			o, err := s.Campaign(t.Context(), key, voteOf(idOne))
			if c.want != nil {
				check(t, err, c.want, c.text)
			} else if err != nil || o.Holder.Session != idOne || !slices.Equal(o.Earlier, []string{idTwo}) {
				t.Errorf("%+v, %v", o, err)
			}
			if got := a.kinds(); got != "get txn look" {
				t.Errorf("requests %s", got)
			}
			if _, ok := a.got("look")[0].query["consistent"]; !ok {
				t.Error("the read was not linearizable")
			}
		})
	}
}

func TestTheTraceGoesWithTheKey(t *testing.T) {
	untrace := `"Verb":"delete","Key":"services/app/leader/holders/` + idOne + `"`
	notHeld := rolledBack(&api.TxnError{OpIndex: 1, What: `failed to unlock key "services/app/leader", lock isn't held, or is held by another session`})
	won, released := committed(api.KVPair{ModifyIndex: 8}), committed(api.KVPair{ModifyIndex: 9})
	done := answer{body: api.TxnResponse{}}
	t.Run("at a resignation", func(t *testing.T) {
		b, a := with(t, map[string][]answer{"get": {missing(7)}, "txn": {won, released}})
		s := ours(b)
		if _, err := s.Campaign(t.Context(), key, voteOf(idOne)); err != nil {
			t.Fatal(err)
		}
		if err := s.Resign(t.Context(), key, voteOf("")); err != nil {
			t.Fatal(err)
		}
		if body := a.got("txn")[1].body; !strings.Contains(body, untrace) || !strings.Contains(body, `"Verb":"unlock"`) {
			t.Errorf("transaction %s; want %s in it", body, untrace)
		}
	})
	t.Run("alone, once an operator has deleted the key", func(t *testing.T) {
		b, a := with(t, map[string][]answer{"get": {missing(7)}, "txn": {won, notHeld, done}})
		s := ours(b)
		if _, err := s.Campaign(t.Context(), key, voteOf(idOne)); err != nil {
			t.Fatal(err)
		}
		if err := s.Resign(t.Context(), key, nil); err != nil {
			t.Fatal(err)
		}
		if got := a.got("txn"); len(got) != 3 || !strings.Contains(got[2].body, untrace) || strings.Contains(got[2].body, "unlock") {
			t.Errorf("%d transactions; want a third one that is %s", len(got), untrace)
		}
	})
	t.Run("not where there is none", func(t *testing.T) {
		b, a := with(t, map[string][]answer{"txn": {notHeld}})
		if err := ours(b).Resign(t.Context(), key, nil); err != nil {
			t.Fatal(err)
		}
		if got := a.kinds(); got != "txn" {
			t.Errorf("requests %s", got)
		}
	})
	t.Run("of an attached session only while the key is as it was read", func(t *testing.T) {
		b, a := with(t, map[string][]answer{"get": {found(9, api.KVPair{Session: idTwo, ModifyIndex: 9})}, "txn": {done}})
		s := b.newSession(idOne, storeTTL, true)
		if err := s.Resign(t.Context(), key, nil); err != nil {
			t.Fatal(err)
		}
		if got := a.got("txn"); len(got) != 1 || !strings.Contains(got[0].body, `"Verb":"check-index"`) || !strings.Contains(got[0].body, untrace) {
			t.Errorf("%+v", got)
		}
	})
}
