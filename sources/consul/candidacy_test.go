package consul

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/leadership-go/leadership"
)

func TestACandidacyIsPublishedOnce(t *testing.T) {
	taken := found(7, api.KVPair{ModifyIndex: 7, Session: idTwo})
	profile := leadership.Profile{Version: "2.1.0", Priority: 3}
	about := `"Value":"` + base64.StdEncoding.EncodeToString(leadership.Candidate{ServiceID: "node", Profile: profile}.Encode()) + `"`
	t.Run("by who waits", func(t *testing.T) {
		b, a := with(t, map[string][]answer{"get": {taken}, "publish": {publication()}})
		b.profile = profile
		s := newcomer(b)
		for range 2 {
			if o, err := s.Campaign(t.Context(), key, voteOf(idOne)); err != nil || o.Holder.Session != idTwo {
				t.Fatal(o, err)
			}
		}
		if got := a.kinds(); got != "get publish get own" {
			t.Errorf("requests %s", got)
		}
		if body := a.got("publish")[0].body; !strings.Contains(body, about) || !strings.Contains(body, `"Verb":"lock"`) || !strings.Contains(body, `"Session":"`+idOne) {
			t.Errorf("published: %s", body)
		}
	})
	t.Run("with the key, by who takes that at once", func(t *testing.T) {
		b, a := with(t, map[string][]answer{"get": {missing(7), found(8, api.KVPair{ModifyIndex: 8, Session: idOne})}, "txn": {committed(api.KVPair{ModifyIndex: 8})}})
		b.profile = profile
		s := newcomer(b)
		for range 2 {
			if o, err := s.Campaign(t.Context(), key, voteOf(idOne)); err != nil || o.Holder.Session != idOne {
				t.Fatal(o, err)
			}
		}
		if got := a.kinds(); got != "get txn get" {
			t.Errorf("requests %s", got)
		}
		if body := a.got("txn")[0].body; !strings.Contains(body, about) {
			t.Errorf("published: %s", body)
		}
	})
	t.Run("but again, where it is gone", func(t *testing.T) {
		for _, own := range []answer{missing(9), {index: "9", body: []api.KVPair{{Key: candidacyOf(key, idOne)}}}} {
			b, a := with(t, map[string][]answer{"get": {taken}, "own": {own}, "publish": {publication()}})
			if _, err := ours(b).Campaign(t.Context(), key, voteOf(idOne)); err != nil {
				t.Fatal(err)
			}
			if got := a.kinds(); got != "get own publish" {
				t.Errorf("requests %s", got)
			}
		}
	})
	t.Run("which a session that is gone can't do", func(t *testing.T) {
		lost := rolledBack(&api.TxnError{What: `invalid session "` + idOne + `"`})
		b, _ := with(t, map[string][]answer{"get": {taken}, "publish": {lost}})
		_, err := newcomer(b).Campaign(t.Context(), key, voteOf(idOne))
		check(t, err, leadership.ErrSessionLost, "stand for key")
	})
}

func TestACandidacyIsTakenBack(t *testing.T) {
	released := committed(api.KVPair{ModifyIndex: 9})
	for _, c := range []struct {
		name     string
		change   func(*session)
		requests string
	}{
		{"with the key", func(*session) {}, "txn"},
		{"with the key, where the session is somebody else's", func(s *session) { s.attached = true }, "look txn"},
		{"with the key, where sessions leave their keys", func(s *session) { s.backend.behavior = api.SessionBehaviorRelease }, "txn"},
		{"by itself, where it waits with somebody else's session", func(s *session) {
			s.attached = true
			s.backend.forget(place{idOne, key})
		}, "look publish"},
		{"not where it never stood", func(s *session) {
			s.attached = true
			s.stands(key, false)
			s.backend.forget(place{idOne, key})
		}, "look"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, a := with(t, map[string][]answer{
				"look": {looked(api.KVPair{Session: idOne, ModifyIndex: 8, CreateIndex: 8, LockIndex: 1}, traceBy(idOne))}, "txn": {released},
			})
			s := holder(b)
			if c.change(s); b.holding(place{idOne, key}) == nil {
				a.answers["look"] = []answer{looked(api.KVPair{Session: idTwo, ModifyIndex: 9})}
			}
			if err := s.Resign(t.Context(), key, voteOf("")); err != nil {
				t.Fatal(err)
			}
			if got := a.kinds(); got != c.requests {
				t.Errorf("requests %s; want %s", got, c.requests)
			}
			all := a.got("")
			deleted := strings.Contains(all[len(all)-1].body, `"Verb":"delete","Key":"`+candidacyOf(key, idOne))
			if never := strings.Contains(c.name, "never"); deleted == never {
				t.Errorf("it was deleted: %v", deleted)
			}
		})
	}
}

// A leader that resigns names who is next, as long as that one is there.
func TestALeaderNamesTheNext(t *testing.T) {
	waiting := answer{index: "9", body: []api.KVPair{
		candidacyBy(idThree, 30, leadership.Candidate{ServiceID: "c"}), candidacyBy(idTwo, 20, leadership.Candidate{ServiceID: "b"}), candidacyBy(idOne, 10, leadership.Candidate{ServiceID: "a"}),
	}}
	named := fmt.Sprintf(`"Flags":%d`, flagsOf(idTwo))
	gone := rolledBack(&api.TxnError{OpIndex: 1, What: `failed session check for key "x", ...`})
	resign := func(t *testing.T, list answer, vote []byte, txns ...answer) *agent {
		t.Helper()
		b, a := with(t, map[string][]answer{
			"get": {found(12, api.KVPair{ModifyIndex: 12, Session: idTwo})}, "list": {list}, "txn": txns,
			"look": {looked(api.KVPair{Session: idOne, ModifyIndex: 8, CreateIndex: 8, LockIndex: 1}, traceBy(idOne))},
		})
		s := holder(b)
		if err := s.Watch(t.Context(), key, leadership.Observation{Holder: leadership.Holder{Session: idOne, Token: 8}, Revision: 8}); err != nil {
			t.Fatal(err)
		}
		if err := s.Resign(t.Context(), key, vote); err != nil {
			t.Fatal(err)
		}
		return a
	}
	done := committed(api.KVPair{ModifyIndex: 9})
	t.Run("in the transaction that gives the key back", func(t *testing.T) {
		a := resign(t, waiting, voteOf(""), done)
		body := a.got("txn")[0].body
		if !strings.Contains(body, named) || !strings.Contains(body, `"Verb":"check-session","Key":"`+candidacyOf(key, idTwo)) {
			t.Errorf("it names nobody: %s", body)
		}
		if got := a.kinds(); got != "list get txn" {
			t.Errorf("requests %s", got)
		}
	})
	t.Run("but not who has gone", func(t *testing.T) {
		a := resign(t, waiting, voteOf(""), gone, done)
		if body := a.got("txn")[1].body; strings.Contains(body, `"Flags":1`) || strings.Contains(body, named) {
			t.Errorf("it names somebody: %s", body)
		}
		if got := a.kinds(); got != "list get txn look txn" {
			t.Errorf("requests %s", got)
		}
	})
	for name, list := range map[string]answer{"nobody waits": missing(9), "the list can't be read": {status: http.StatusForbidden, body: "Permission denied"}} {
		t.Run("nor anybody where "+name, func(t *testing.T) {
			if body := resign(t, list, voteOf(""), done).got("txn")[0].body; strings.Contains(body, "check-session") {
				t.Errorf("it names somebody: %s", body)
			}
		})
	}
	t.Run("nor where it never led", func(t *testing.T) {
		if body := resign(t, waiting, nil, done).got("txn")[0].body; strings.Contains(body, "check-session") {
			t.Errorf("it names somebody: %s", body)
		}
	})
}

func TestWhoIsNext(t *testing.T) {
	c := func(session, id string) leadership.Candidate {
		return leadership.Candidate{Session: session, ServiceID: id}
	}
	for _, tt := range []struct {
		name string
		list []leadership.Candidate
		want string
	}{
		{"nobody", nil, ""},
		{"not oneself", []leadership.Candidate{c("me", "a")}, ""},
		{"who waits longest", []leadership.Candidate{c("me", "a"), c("s1", "b"), c("s2", "c")}, "s1"},
		{"not an instance's session of before a crash", []leadership.Candidate{c("s1", "b"), c("s2", "c"), c("s3", "b")}, "s2"},
		{"who does not say which instance it is counts as any", []leadership.Candidate{c("s1", ""), c("s2", "")}, "s1"},
	} {
		if got := firstOf(tt.list, "me"); got != tt.want {
			t.Errorf("%s: %q; want %q", tt.name, got, tt.want)
		}
	}
}

// A waiter that sees the key free while another one is next holds back for a moment.
func TestTheOthersHoldBack(t *testing.T) {
	free := func(index, flags uint64) answer {
		return found(index, api.KVPair{ModifyIndex: index, Value: voteOf(""), Flags: flags})
	}
	taken := found(10, api.KVPair{ModifyIndex: 10, Session: idTwo})
	for _, c := range []struct {
		name      string
		gets      []answer
		late      bool
		requests  string
		holdsBack bool
		leads     bool
	}{
		{"whose turn it is takes the key at once", []answer{free(9, flagsOf(idOne))}, false, "get txn", false, true},
		{"even if it was too late the last time", []answer{free(9, flagsOf(idOne))}, true, "get txn", false, true},
		{"the others see who took it, and ask nothing", []answer{free(9, flagsOf(idTwo)), taken}, false, "get get", true, false},
		{"they take it where that one does not", []answer{free(9, flagsOf(idTwo)), free(9, flagsOf(idTwo))}, false, "get get txn", true, true},
		{"where nobody is named everybody tries", []answer{free(9, 0)}, false, "get txn", false, true},
		{"flags of another kind name nobody", []answer{free(9, 0x2ddccbc058a50c18)}, false, "get txn", false, true},
		{"nor does a key that was given away", []answer{free(9, flagGiven)}, false, "get txn", false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, a := with(t, map[string][]answer{"get": c.gets, "txn": {committed(api.KVPair{ModifyIndex: 11})}})
			s := ours(b)
			s.seized(key, !c.late)
			if err := s.Watch(t.Context(), key, held); err != nil {
				t.Fatal(err)
			}
			gets := a.got("get")
			waited, err := time.ParseDuration(gets[len(gets)-1].query["wait"])
			if held := waited >= leastGrace && waited < mostGrace; err != nil || held != c.holdsBack {
				t.Errorf("it waited %v", waited)
			}
			o, err := s.Campaign(t.Context(), key, voteOf(idOne))
			if err != nil || (o.Holder.Session == idOne) != c.leads {
				t.Errorf("%+v, %v", o, err)
			}
			if got := a.kinds(); got != c.requests {
				t.Errorf("requests %s; want %s", got, c.requests)
			}
		})
	}
}

// The holder looks for the next one before each query while nobody waits, and after that once in a while.
func TestALeaderLooksForTheNext(t *testing.T) {
	alone, two := missing(9), answer{index: "9", body: []api.KVPair{candidacyBy(idTwo, 20, leadership.Candidate{ServiceID: "b"})}}
	b, a := with(t, map[string][]answer{"list": {alone, two, alone}})
	s := holder(b)
	for range 3 {
		s.lookForNext(t.Context(), key)
	}
	if got := len(a.got("list")); got != 2 || s.next(key).session != idTwo {
		t.Errorf("%d looks, next %+v", got, s.next(key))
	}
	s.setNext(key, next{idTwo, time.Now().Add(-nextFor)})
	s.lookForNext(t.Context(), key)
	if got := s.next(key).session; got != "" {
		t.Errorf("next is %s, who has gone", got)
	}
}
