package consul

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/consul/api"

	"github.com/leadership-go/leadership"
)

const (
	idThree = "33333333-3333-3333-3333-333333333333"
	idFour  = "44444444-4444-4444-4444-444444444444"
	idFive  = "55555555-5555-5555-5555-555555555555"
)

// showed is a transaction that was carried out, and showed traces on its way to the key.
func showed(pair api.KVPair, traces ...api.KVPair) answer {
	pair.Key = key
	var results api.TxnResults
	for _, entry := range append(traces, pair) {
		results = append(results, &api.TxnResult{KV: &entry})
	}
	return answer{body: api.TxnResponse{Results: results}}
}

// looked is a transaction that only reads: the key, and then traces.
func looked(pair api.KVPair, traces ...api.KVPair) answer {
	pair.Key = key
	var results api.TxnResults
	for _, entry := range append([]api.KVPair{pair}, traces...) {
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
		{"a dead session with kept keys, whose member may believe where a check ended it", []api.KVPair{dead, traceBy(idTwo)}, []string{idThree, idTwo}, "get txn"},
		{"not the keys of other elections", []api.KVPair{
			{Key: key + "/holders/x/leader", Session: idTwo}, {Key: key + "/" + idTwo, Session: idTwo}, {Key: traceOf(key, idThree), Session: idTwo},
		}, nil, "get txn"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, a := with(t, map[string][]answer{"get": {missing(7), found(8, api.KVPair{Session: idOne, ModifyIndex: 8, CreateIndex: 8, LockIndex: 1})}, "txn": {showed(won, c.shown...)}})
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

func TestWhoResignedIsNotNamedThoughItsSessionHasNotEnded(t *testing.T) {
	sign := found(7, api.KVPair{ModifyIndex: 6, Value: voteOf("")})
	b, a := with(t, map[string][]answer{"get": {sign}, "txn": {committed(api.KVPair{ModifyIndex: 8})}})
	o, err := ours(b).Campaign(t.Context(), key, voteOf(idOne))
	if err != nil || !o.Resigned || len(o.Earlier) > 0 {
		t.Errorf("%+v, %v; want resigned, and no earlier holder", o, err)
	}
	if body := a.got("txn")[0].body; strings.Contains(body, "get-tree") {
		t.Errorf("transaction %s asks for traces", body)
	}
}

func TestWhoFindsItselfHoldingLooksForTraces(t *testing.T) {
	mine := found(8, api.KVPair{Session: idOne, ModifyIndex: 8})
	list := answer{index: "8", body: []api.KVPair{traceBy(idOne), traceBy(idTwo)}}
	t.Run("and leaves its own where somebody else got the key for it", func(t *testing.T) {
		left := answer{body: api.TxnResponse{Results: api.TxnResults{{KV: &api.KVPair{Key: traceOf(key, idOne), ModifyIndex: 9}}}}}
		b, a := with(t, map[string][]answer{"get": {mine}, "list": {{index: "8", body: []api.KVPair{traceBy(idTwo)}}}, "txn": {left}})
		o, err := ours(b).Campaign(t.Context(), key, voteOf(idOne))
		if err != nil || !slices.Equal(o.Earlier, []string{idTwo}) {
			t.Errorf("%+v, %v; want the earlier holder %s", o, err, idTwo)
		}
		if got := a.got("txn"); len(got) != 1 || !strings.Contains(got[0].body, `"Verb":"check-index"`) || !strings.Contains(got[0].body, `"Verb":"lock","Key":"`+traceOf(key, idOne)) {
			t.Errorf("%+v", got)
		}
	})
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
		{"nor is nothing", answer{index: "8", body: "[null]"}, errTransient, "null entry"},
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
		{"both", looked(mine, traceBy(idOne), traceBy(idTwo)), nil, ""},
		{"refused", denied, leadership.ErrDenied, "read key"},
		{"refused by a server that it was passed on to", answer{status: 500, body: "rpc error making call: ACL not found"}, leadership.ErrDenied, "read key"},
		{"hidden", answer{body: api.TxnResponse{}}, leadership.ErrDenied, "read key"},
		{"refused in part", rolledBack(&api.TxnError{OpIndex: 1, What: "Permission denied: token lacks permission 'key:read'"}), leadership.ErrDenied, "read key"},
		{"of another key", answer{body: api.TxnResponse{Results: api.TxnResults{{KV: &api.KVPair{Key: "x"}}}}}, errTransient, "does not show it"},
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
	for _, c := range []struct {
		name string
		sign []byte
		opts []Option
		want string
	}{
		{"without a sign", nil, nil, untrace},
		{"where keys are kept", voteOf(""), []Option{WithKeptKeys()}, untrace},
		{"with a sign, by the end of the session", voteOf(""), nil, `"Verb":"check-index","Key":"services/app/leader","Value":null,"Flags":0,"Index":8`},
	} {
		t.Run("at a resignation, "+c.name, func(t *testing.T) {
			b, a := with(t, map[string][]answer{"get": {missing(7)}, "txn": {won, released}}, c.opts...)
			s := ours(b)
			if _, err := s.Campaign(t.Context(), key, voteOf(idOne)); err != nil {
				t.Fatal(err)
			}
			if err := s.Resign(t.Context(), key, c.sign); err != nil {
				t.Fatal(err)
			}
			if body := a.got("txn")[1].body; !strings.Contains(body, c.want) || !strings.Contains(body, `"Verb":"unlock"`) {
				t.Errorf("transaction %s; want %s in it", body, c.want)
			} else if strings.Contains(body, untrace) != (c.want == untrace) {
				t.Errorf("transaction %s deletes the trace, or does not", body)
			}
		})
	}
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
	t.Run("of an attached session as it was read, while the key is as it was read", func(t *testing.T) {
		b, a := with(t, map[string][]answer{"look": {looked(api.KVPair{Session: idTwo, ModifyIndex: 9}, traceBy(idOne))}, "txn": {done}})
		if err := b.newSession(idOne, storeTTL, true).Resign(t.Context(), key, nil); err != nil {
			t.Fatal(err)
		}
		want := `"Verb":"delete-cas","Key":"services/app/leader/holders/` + idOne + `","Value":null,"Flags":0,"Index":5`
		if got := a.got("txn"); len(got) != 1 || !strings.Contains(got[0].body, `"Verb":"check-index"`) || !strings.Contains(got[0].body, want) {
			t.Errorf("%+v; want %s", got, want)
		}
	})
	t.Run("of an attached session nothing is asked for where it left none", func(t *testing.T) {
		b, a := with(t, map[string][]answer{"look": {looked(api.KVPair{Session: idTwo, ModifyIndex: 9}, traceBy(idTwo))}})
		if err := b.newSession(idOne, storeTTL, true).Resign(t.Context(), key, nil); err != nil {
			t.Fatal(err)
		}
		if got := a.kinds(); got != "look" {
			t.Errorf("requests %s", got)
		}
	})
	t.Run("and a holding that was never believed in is given back without a sign, and to no heir", func(t *testing.T) {
		later := looked(api.KVPair{Session: idOne, CreateIndex: 10, ModifyIndex: 10, LockIndex: 1}, traceBy(idOne))
		moved := rolledBack(&api.TxnError{What: `failed index check for key "services/app/leader", current modify index 10 != 8`})
		for _, attached := range []bool{false, true} {
			answers := map[string][]answer{"look": {later}, "txn": {moved, released}}
			if attached {
				answers["txn"] = []answer{released}
			}
			b, a := with(t, answers)
			s := holder(b)
			s.attached = attached
			if err := s.Resign(t.Context(), key, voteOf("")); err != nil {
				t.Fatal(err)
			}
			last := a.got("txn")[len(a.got("txn"))-1].body
			if !strings.Contains(last, `"Verb":"unlock","Key":"services/app/leader","Value":null`) || !strings.Contains(last, `"Index":10`) {
				t.Errorf("attached %v: transaction %s", attached, last)
			}
		}
		b, a := with(t, map[string][]answer{"look": {later}, "txn": {moved}})
		err := holder(b).Transfer(t.Context(), key, voteOf(""), leadership.Vote{SessionID: idTwo})
		check(t, err, leadership.ErrNoCandidate, "does not hold")
		if got := a.kinds(); got != "txn look" {
			t.Errorf("requests %s", got)
		}
	})
	t.Run("once another one is seen to hold the key, after an attempt of which the answer was lost", func(t *testing.T) {
		theirs := looked(api.KVPair{Session: idTwo, ModifyIndex: 9}, traceBy(idOne), traceBy(idTwo))
		b, a := with(t, map[string][]answer{"get": {missing(7), found(9, api.KVPair{Session: idTwo, ModifyIndex: 9})}, "txn": {{status: 500, body: "lost"}, done}, "look": {theirs}})
		s := ours(b)
		if _, err := s.Campaign(t.Context(), key, voteOf(idOne)); err == nil {
			t.Fatal("a lost answer is no error")
		}
		for range 2 {
			if o, err := s.Campaign(t.Context(), key, voteOf(idOne)); err != nil || o.Holder.Session != idTwo {
				t.Fatal(o, err)
			}
		}
		if got := a.kinds(); got != "get txn look txn own get own" {
			t.Errorf("requests %s", got)
		}
	})
	t.Run("and those of dead sessions go with the sign of who led after them", func(t *testing.T) {
		dead := api.KVPair{Key: traceOf(key, idThree), ModifyIndex: 4}
		for _, sign := range [][]byte{voteOf(""), nil} {
			b, a := with(t, map[string][]answer{"get": {missing(7)}, "txn": {showed(api.KVPair{ModifyIndex: 8}, dead), released, done}})
			s := ours(b)
			if _, err := s.Campaign(t.Context(), key, voteOf(idOne)); err != nil {
				t.Fatal(err)
			}
			if err := s.Resign(t.Context(), key, sign); err != nil {
				t.Fatal(err)
			}
			got := a.got("txn")
			if swept := len(got) == 3 && strings.Contains(got[2].body, `"Verb":"delete-cas","Key":"`+dead.Key); swept != (sign != nil) {
				t.Errorf("with the sign %q: %d transactions", sign, len(got))
			}
		}
	})
}
