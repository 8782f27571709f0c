package consul

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/leadership-go/leadership"
)

func TestResignAndClose(t *testing.T) {
	released := committed(api.KVPair{ModifyIndex: 20, CreateIndex: 8})
	notHeld := rolledBack(&api.TxnError{What: `failed to unlock key "services/app/leader", lock isn't held, or is held by another session`})
	lost := answer{status: http.StatusInternalServerError, body: "the answer was lost"}
	yes := answer{body: "true"}
	sign := api.KVPair{ModifyIndex: 20, Value: voteOf("")}
	for _, c := range []struct {
		name    string
		resigns int
		answers map[string][]answer
		want    string // the requests
		cas     string // the index that guards the deletion
	}{
		{"release, then destroy, then remove the sign", 1, map[string][]answer{"txn": {released}, "destroy": {yes}, "delete": {yes}}, "txn destroy delete", "20"},
		{"without standing nothing is left to remove", 1, map[string][]answer{"txn": {notHeld}, "destroy": {yes}}, "txn destroy", ""},
		{"resigned twice, the sign is still removed", 2, map[string][]answer{"txn": {released}, "look": {looked(api.KVPair{ModifyIndex: 20})}, "destroy": {yes}, "delete": {yes}}, "txn look destroy delete", "20"},
		{"whose answer was lost: the sign is looked for", 1, map[string][]answer{"txn": {lost}, "destroy": {yes}, "get": {found(21, sign)}, "delete": {yes}}, "txn destroy get delete", "20"},
		{"whose answer was lost and that is repeated", 2, map[string][]answer{"txn": {lost, notHeld}, "destroy": {yes}, "get": {found(21, sign)}, "delete": {yes}}, "txn txn destroy get delete", "20"},
		{"whose answer was lost: somebody has taken the key", 1, map[string][]answer{"txn": {lost}, "destroy": {yes}, "get": {found(22, api.KVPair{ModifyIndex: 22, Session: idTwo, Value: voteOf("")})}}, "txn destroy get", ""},
		{"whose answer was lost: somebody else's data is there", 1, map[string][]answer{"txn": {lost}, "destroy": {yes}, "get": {found(22, api.KVPair{ModifyIndex: 22, Value: []byte("x")})}}, "txn destroy get", ""},
		{"whose answer was lost: nothing is there", 1, map[string][]answer{"txn": {lost}, "destroy": {yes}, "get": {missing(22)}}, "txn destroy get", ""},
		{"somebody has taken the key: the deletion does nothing", 1, map[string][]answer{"txn": {released}, "destroy": {yes}, "delete": {{body: "false"}}}, "txn destroy delete", "20"},
		{"without resigning", 0, map[string][]answer{"destroy": {yes}}, "destroy", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, a := with(t, c.answers)
			s := holder(b)
			for range c.resigns {
				err := s.Resign(t.Context(), key, voteOf(""))
				if failed := err != nil; failed != (c.answers["txn"] != nil && strings.Contains(c.name, "lost") && len(a.got("txn")) == 1) {
					t.Errorf("Resign: %v", err)
				}
			}
			if err := s.Close(t.Context()); err != nil {
				t.Errorf("Close: %v", err)
			}
			if got := a.kinds(); got != c.want {
				t.Errorf("requests: %s; want %s", got, c.want)
			}
			for _, r := range a.got("delete") {
				if r.query["cas"] != c.cas {
					t.Errorf("deleted with %v; want the guard %s", r.query, c.cas)
				}
			}
			if err := s.Close(t.Context()); err != nil {
				t.Errorf("Close again: %v", err)
			}
			if n := len(a.got("delete")) + len(a.got("get")); n > 2 {
				t.Errorf("Close again looked for the sign again: %s", a.kinds())
			}
		})
	}
}

func TestCloseReportsWhatFailedAndMayBeRepeated(t *testing.T) {
	bad, yes := answer{status: http.StatusServiceUnavailable, body: "later"}, answer{body: "true"}
	b, a := with(t, map[string][]answer{
		"txn": {committed(api.KVPair{ModifyIndex: 20})}, "destroy": {bad, yes}, "delete": {bad, yes},
	})
	s := holder(b)
	if err := s.Resign(t.Context(), key, voteOf("")); err != nil {
		t.Fatal(err)
	}
	err := s.Close(t.Context())
	check(t, err, errTransient, "destroy session "+idOne)
	check(t, err, errTransient, "remove the sign in key "+key)
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if got := a.kinds(); got != "txn destroy delete destroy delete" {
		t.Errorf("requests: %s", got)
	}
}

func TestWinningAgainKeepsTheKey(t *testing.T) {
	yes := answer{body: "true"}
	b, a := with(t, map[string][]answer{
		"txn":     {committed(api.KVPair{ModifyIndex: 20}), committed(api.KVPair{ModifyIndex: 21, CreateIndex: 8, LockIndex: 2})},
		"get":     {found(20, api.KVPair{ModifyIndex: 20, Value: voteOf("")})},
		"destroy": {yes},
	})
	s := holder(b)
	if err := s.Resign(t.Context(), key, voteOf("")); err != nil {
		t.Fatal(err)
	}
	if o, err := s.Campaign(t.Context(), key, voteOf(idOne)); err != nil || o.Holder.Token != 21 || !o.Resigned {
		t.Fatalf("%+v, %v", o, err)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := a.kinds(); got != "txn get txn destroy" {
		t.Errorf("requests: %s", got)
	}
	if n := len(b.holdings); n != 0 {
		t.Errorf("%d holdings of a closed session are remembered", n)
	}
}

// The session of an attached member lives on, so that only the sign tells that it resigned: somebody must have a chance to read it.
func TestAttachedSessionLeavesItsSignForAMoment(t *testing.T) {
	b, a := with(t, map[string][]answer{
		"renew": {live(idTwo, "10s")}, "txn": {committed(api.KVPair{ModifyIndex: 20})},
		"look":   {looked(api.KVPair{ModifyIndex: 19, Session: idTwo}, traceBy(idTwo))},
		"get":    {found(25, api.KVPair{ModifyIndex: 25, Session: idOne})},
		"delete": {{body: "false"}},
	})
	s, err := b.Attach(t.Context(), idTwo, leastLockDelay)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.Resign(t.Context(), key, voteOf("")), s.Close(t.Context())); err != nil {
		t.Fatal(err)
	}
	if got := a.kinds(); got != "renew look txn get delete" {
		t.Errorf("requests: %s", got)
	}
	q := a.got("get")[0].query
	if wait, err := time.ParseDuration(q["wait"]); err != nil || q["index"] != "20" || wait > sweepDelay || wait < sweepDelay/2 {
		t.Errorf("waited with %v", q)
	}
}

// Many signs wait together, and are removed many at a time. Those that somebody has taken are left alone.
func TestManySignsAreRemovedTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		signs := make(map[string]uint64) // what stands at the store
		requests := 0
		b, end := bubble(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			defer mu.Unlock()
			requests++
			key := strings.TrimPrefix(r.URL.Path, "/v1/kv/")
			switch r.Method {
			case http.MethodGet:
				answer{index: "20", body: []api.KVPair{{Key: key, ModifyIndex: signs[key], Value: voteOf("")}}}.write(w)
			case http.MethodDelete:
				delete(signs, key)
				answer{body: "true"}.write(w)
			default:
				var ops api.TxnOps
				if err := json.NewDecoder(r.Body).Decode(&ops); err != nil || len(ops) > mostSwept {
					t.Errorf("%d operations, %v", len(ops), err)
				}
				var errs []*api.TxnError
				for i, op := range ops {
					if op.KV.Verb != api.KVDeleteCAS || signs[op.KV.Key] != op.KV.Index {
						errs = append(errs, &api.TxnError{OpIndex: i, What: fmt.Sprintf("failed to delete key %q, index is stale", op.KV.Key)})
					}
				}
				if len(errs) > 0 {
					rolledBack(errs...).write(w)
					return
				}
				for _, op := range ops {
					delete(signs, op.KV.Key)
				}
				answer{body: api.TxnResponse{}}.write(w)
			}
		}))
		defer end()
		const many, taken, unknown = 1000, 150, 3
		s := b.newSession(idTwo, 10*time.Second, true)
		for i := range many {
			key, index := fmt.Sprint("key-", i), uint64(20)
			signs[key] = index
			switch {
			case i < taken:
				signs[key] = 21
			case i < taken+unknown: // the answer was lost
				index = 0
			}
			s.leave(key, sign{value: voteOf(""), index: index})
		}
		began := time.Now()
		if err := s.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if took := time.Since(began); took != sweepDelay {
			t.Errorf("it took %v", took)
		}
		if len(signs) != taken || len(s.left()) != 0 {
			t.Errorf("%d are there, of which %d are to stay; it would look again for %d", len(signs), taken, len(s.left()))
		}
		if most := 2*(many/mostSwept+1) + 2*unknown; requests > most {
			t.Errorf("%d requests, and %d are enough", requests, most)
		}
	})
}

// A resignation that is carried out late must not end a later holding of a session that lives on: it names the index of the one that it is about.
func TestResignationOfAnAttachedSessionNamesTheHolding(t *testing.T) {
	b, a := with(t, map[string][]answer{
		"renew": {live(idTwo, "10s")},
		"look":  {looked(api.KVPair{ModifyIndex: 19, Session: idTwo}, traceBy(idTwo)), looked(api.KVPair{ModifyIndex: 20, Session: idTwo}, traceBy(idTwo))},
		"txn": {
			rolledBack(&api.TxnError{OpIndex: 0, What: `key "services/app/leader" index is wrong`}), // an operator wrote meanwhile
			committed(api.KVPair{ModifyIndex: 21}),
		},
	})
	s, err := b.Attach(t.Context(), idTwo, leastLockDelay)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Resign(t.Context(), key, voteOf("")); err != nil {
		t.Fatal(err)
	}
	if got := a.kinds(); got != "renew look txn look txn" {
		t.Errorf("requests: %s", got)
	}
	for i, want := range []string{`"Index":19`, `"Index":20`} {
		if body := a.got("txn")[i].body; !strings.Contains(body, want) || !strings.Contains(body, "check-index") {
			t.Errorf("transaction %d has no guard %s: %s", i, want, body)
		}
	}
}

func TestKeysThatConsulWouldRedirectAreRefusedByEveryCall(t *testing.T) {
	b, _ := with(t, nil)
	s := holder(b)
	for name, call := range map[string]func(context.Context) error{
		"Observe":  func(ctx context.Context) error { _, err := b.Observe(ctx, "a//b"); return err },
		"Campaign": func(ctx context.Context) error { _, err := s.Campaign(ctx, "a//b", nil); return err },
		"Watch":    func(ctx context.Context) error { return s.Watch(ctx, "a//b", leadership.Observation{}) },
		"Resign":   func(ctx context.Context) error { return s.Resign(ctx, "a//b", nil) },
	} {
		if err := call(t.Context()); !errors.Is(err, leadership.ErrInvalidConfig) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
