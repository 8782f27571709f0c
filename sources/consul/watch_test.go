package consul

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/leadership-go/leadership"
)

var held = leadership.Observation{Holder: leadership.Holder{Session: idTwo, Token: 7}, Revision: 7}

func TestWatchReturnsWhenTheStandingChanged(t *testing.T) {
	same := found(7, api.KVPair{ModifyIndex: 7, Session: idTwo})
	for _, c := range []struct {
		name    string
		seen    leadership.Observation
		answers []answer
		indexes string // that the queries asked for
	}{
		{"another holder", held, []answer{found(9, api.KVPair{ModifyIndex: 9, Session: idOne})}, "7"},
		{"the key was released", held, []answer{found(9, api.KVPair{ModifyIndex: 9})}, "7"},
		{"bad input 8: the key was deleted", held, []answer{missing(9)}, "7"},
		{"bad input 7: the value was written over", held, []answer{found(9, api.KVPair{ModifyIndex: 9, Session: idTwo})}, "7"},
		{"the same session holds it anew", held, []answer{found(9, api.KVPair{ModifyIndex: 9, LockIndex: 2, Session: idTwo})}, "7"},
		{"a key appeared", leadership.Observation{Revision: 5}, []answer{found(9, api.KVPair{ModifyIndex: 9})}, "5"},
		{"the sign was removed", leadership.Observation{Resigned: true, Revision: 5}, []answer{missing(9)}, "5"},
		{"the last leader's vote was removed", leadership.Observation{Earlier: []string{idTwo}, Revision: 5}, []answer{missing(9)}, "5"},
		{"a return without a change is none", held, []answer{same, same, found(9, api.KVPair{ModifyIndex: 9})}, "7 7 7"},
		{"writes to other keys are none", leadership.Observation{Revision: 5}, []answer{missing(6), missing(8), found(9, api.KVPair{ModifyIndex: 9})}, "5 6 8"},
		{"bad input 15: an index of zero is never sent", leadership.Observation{}, []answer{missing(1), found(9, api.KVPair{ModifyIndex: 9})}, "1 1"},
		{
			"bad input 15: an index that went backwards starts anew",
			leadership.Observation{Holder: held.Holder, Revision: 900},
			[]answer{found(7, api.KVPair{ModifyIndex: 7, Session: idTwo}), found(7, api.KVPair{ModifyIndex: 7, Session: idTwo}), found(9, api.KVPair{ModifyIndex: 9, Session: idTwo})},
			"900 - 7",
		},
		{
			"bad input 15: an index that went backwards with another holder",
			leadership.Observation{Holder: held.Holder, Revision: 900},
			[]answer{found(7, api.KVPair{ModifyIndex: 7, Session: idOne})},
			"900",
		},
		{
			"bad input 15: an index far in the future",
			leadership.Observation{Holder: held.Holder, Revision: 1 << 63},
			[]answer{same, found(9, api.KVPair{ModifyIndex: 9})},
			"9223372036854775808 -",
		},
		{
			"bad input 15: an index that is no number", held,
			[]answer{{index: "x", body: []api.KVPair{{Key: key, ModifyIndex: 7, Session: idTwo}}}, same, found(9, api.KVPair{ModifyIndex: 9})},
			"7 - 7",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, a := with(t, map[string][]answer{"get": c.answers})
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			if err := ours(b).Watch(ctx, key, c.seen); err != nil {
				t.Fatal(err)
			}
			var indexes []string
			for _, r := range a.got("get") {
				index, ok := r.query["index"]
				if !ok {
					index = "-"
				}
				indexes = append(indexes, index)
				if r.query["wait"] != "15000ms" {
					t.Errorf("no bound was sent for the wait: %v", r.query)
				}
			}
			if got := strings.Join(indexes, " "); got != c.indexes {
				t.Errorf("asked for the indexes %s; want %s", got, c.indexes)
			}
		})
	}
}

func TestWatchOverTime(t *testing.T) {
	t.Run("failures 2 and 20: an agent that never answers ends it with an error", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b, end := bubble(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
			defer end()
			begin := time.Now()
			err := ours(b).Watch(t.Context(), key, held)
			if took := time.Since(begin); took != watchWait+watchWait/16+watchGrace {
				t.Errorf("it took %v", took)
			}
			check(t, err, errSilent, "no answer in time")
			if errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("error %v looks like the end of the caller's context", err)
			}
		})
	})
	t.Run("and so does every other call", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b, end := bubble(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
			defer end()
			begin := time.Now()
			check(t, ours(b).Renew(t.Context()), errSilent, "renew session")
			if took := time.Since(begin); took != requestTimeout {
				t.Errorf("it took %v", took)
			}
		})
	})
	t.Run("an agent that returns at once is not asked in a tight loop", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			n := 0
			b, end := bubble(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				n++
				found(uint64(7+n%2), api.KVPair{ModifyIndex: 7, Session: idTwo}).write(w)
			}))
			defer end()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			check(t, ours(b).Watch(ctx, key, held), context.DeadlineExceeded, "watch key")
			if n < 30 || n > 70 {
				t.Errorf("%d queries in a minute", n)
			}
		})
	})
	t.Run("six quiet hours", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			const quiet = 6 * time.Hour
			begin, n := time.Now(), 0
			b, end := bubble(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				n++
				wait, err := time.ParseDuration(r.URL.Query().Get("wait"))
				if index, _ := strconv.Atoi(r.URL.Query().Get("index")); err != nil || index != 7 {
					t.Errorf("query %s", r.URL)
				}
				left := max(quiet-time.Since(begin), 0)
				if sleep(r.Context(), min(wait+wait/20, left)) != nil {
					return
				}
				if left <= wait {
					missing(9).write(w)
					return
				}
				found(7, api.KVPair{ModifyIndex: 7, Session: idTwo}).write(w)
			}))
			defer end()
			if err := ours(b).Watch(t.Context(), key, held); err != nil {
				t.Error(err)
			}
			if took := time.Since(begin); took < quiet-watchWait || took > quiet+time.Second {
				t.Errorf("noticed after %v", took)
			}
			if most := int(quiet/watchWait) + 1; n > most {
				t.Errorf("%d queries; want at most %d", n, most)
			}
		})
	})
}
