package consul

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/leadership-go/leadership"
)

// errTransient stands for any error that is neither of the sentinels.
var errTransient = errors.New("transient")

// check compares err with a sentinel, errTransient or nil, and with a part of its text.
func check(t *testing.T, err, want error, text string) {
	t.Helper()
	sentinels := []error{leadership.ErrSessionLost, leadership.ErrDenied, leadership.ErrKeyConflict}
	switch {
	case want == nil:
		if err != nil {
			t.Errorf("error %v; want none", err)
		}
		return
	case err == nil:
		t.Errorf("no error; want %v with the text %q", want, text)
		return
	}
	for _, sentinel := range sentinels {
		if errors.Is(err, sentinel) != (want == sentinel) { //nolint:errorlint // which one is wanted
			t.Errorf("error %v; want %v", err, want)
		}
	}
	if !strings.Contains(err.Error(), text) {
		t.Errorf("error %v; want the text %q", err, text)
	}
}

func TestBadAnswers(t *testing.T) {
	observe := func(ctx context.Context, b *backend) error { _, err := b.Observe(ctx, key); return err }
	campaign := func(ctx context.Context, b *backend) error {
		_, err := ours(b).Campaign(ctx, key, voteOf(idOne))
		return err
	}
	watch := func(ctx context.Context, b *backend) error {
		return ours(b).Watch(ctx, key, leadership.Observation{Revision: 5})
	}
	renew := func(ctx context.Context, b *backend) error { return ours(b).Renew(ctx) }
	resign := func(ctx context.Context, b *backend) error { return holder(b).Resign(ctx, key, voteOf("")) }
	shut := func(ctx context.Context, b *backend) error { return ours(b).Close(ctx) }
	open := func(ctx context.Context, b *backend) error { _, err := b.Open(ctx, 15*time.Second); return err }
	attach := func(ctx context.Context, b *backend) error {
		_, err := b.Attach(ctx, idTwo, 15*time.Second)
		return err
	}
	lifetime := func(ctx context.Context, b *backend) error { _, err := b.Lifetime(ctx, idTwo); return err }

	status := func(code int, text string) answer { return answer{status: code, body: text} }
	denied := status(http.StatusForbidden, `Permission denied: token with AccessorID 'x' lacks permission 'key:read' on "services/app/leader"`)
	failed := func(what string) answer { return rolledBack(&api.TxnError{OpIndex: 1, What: what}) }
	type row struct {
		name    string
		call    func(context.Context, *backend) error
		answers map[string][]answer
		want    error
		text    string
	}
	rows := []row{
		{"6: a missing key is no error", observe, map[string][]answer{"get": {missing(7)}}, nil, ""},
		{"9: renewal of a session that is gone: 404, and the read shows none", renew, map[string][]answer{"renew": {notFound(idOne)}, "info": {unknownSession()}}, leadership.ErrSessionLost, "404"},
		{"9: a 404 that the session's read does not confirm", renew, map[string][]answer{"renew": {status(404, "<html>not here</html>")}, "info": {live(idOne, "10s")}}, errTransient, "the session lives"},
		{"9: a 404 while the session's read fails", renew, map[string][]answer{"renew": {notFound(idOne)}, "info": {status(500, "No cluster leader")}}, errTransient, "No cluster leader"},
		{"9: a 404 while the session's read is denied", renew, map[string][]answer{"renew": {notFound(idOne)}, "info": {status(403, "ACL not found")}}, leadership.ErrDenied, "ACL not found"},
		{"9: an adopted session that is gone", attach, map[string][]answer{"renew": {notFound(idTwo)}, "info": {unknownSession()}}, leadership.ErrSessionLost, idTwo},
		{"9: the answer shows another session", renew, map[string][]answer{"renew": {live(idTwo, "10s")}}, errTransient, "another session"},
		{"9: the answer shows no session", renew, map[string][]answer{"renew": {{body: "[]"}}}, errTransient, "or none"},
		{"10: campaign with a dead session", campaign, map[string][]answer{"get": {missing(7)}, "txn": {failed(`invalid session "` + idOne + `"`)}}, leadership.ErrSessionLost, "invalid session"},
		{"10: campaign with a dead session while somebody holds", campaign, map[string][]answer{"get": {found(7, api.KVPair{Session: idTwo, ModifyIndex: 7})}, "own": {missing(9)}, "publish": {failed("invalid session \"" + idOne + "\"")}}, leadership.ErrSessionLost, idOne},
		{"10: campaign with a dead session during a lock-delay", campaign, map[string][]answer{"get": {missing(7)}, "txn": {failed(`failed to lock key "services/app/leader" due to lock delay`)}, "own": {missing(9)}, "publish": {failed("invalid session \"" + idOne + "\"")}}, leadership.ErrSessionLost, idOne},
		{"10: a key that is called like the error", campaign, map[string][]answer{"get": {missing(7)}, "txn": {failed(`failed to lock key "invalid session Permission denied", for a new reason`)}}, errTransient, "for a new reason"},
		{"11: write denied within the transaction", campaign, map[string][]answer{"get": {missing(7)}, "txn": {failed(`Permission denied: token with AccessorID 'x' lacks permission 'key:write'`)}}, leadership.ErrDenied, "key:write"},
		{"11: resignation denied", resign, map[string][]answer{"txn": {rolledBack(&api.TxnError{What: "Permission denied: …"})}}, leadership.ErrDenied, "Permission denied"},
		{"11: session denied", open, map[string][]answer{"create": {status(403, "Permission denied: lacks 'session:write'")}}, leadership.ErrDenied, "session:write"},
		{"11: a server's refusal that was forwarded as a 500", open, map[string][]answer{"create": {status(500, "rpc error making call: Permission denied")}}, leadership.ErrDenied, "rpc error"},
		{"12: read denied", observe, map[string][]answer{"get": {denied}}, leadership.ErrDenied, "key:read"},
		{"12: read hidden by an ACL", observe, map[string][]answer{"get": {{status: 404, index: "7", body: "", header: map[string]string{"X-Consul-Results-Filtered-By-ACLs": "true"}}}}, leadership.ErrDenied, "hidden by an ACL"},
		{"12: a 404 of some other web server", observe, map[string][]answer{"get": {status(404, "404 page not found")}}, errTransient, "not an answer of Consul's"},
		{"12: a 404 of an agent without a leader", observe, map[string][]answer{"get": {{status: 404, index: "7", body: "", header: map[string]string{"X-Consul-KnownLeader": "false"}}}}, errTransient, "has a leader"},
		{"12: a session hidden by an ACL", lifetime, map[string][]answer{"info": {{index: "7", body: "[]", header: map[string]string{"X-Consul-Results-Filtered-By-ACLs": "true"}}}}, leadership.ErrDenied, "hidden by an ACL"},
		{"12: an empty answer of some other web server", lifetime, map[string][]answer{"info": {{body: "[]"}}}, errTransient, "not an answer of Consul's"},
		{"12: a session read without a token under a policy that denies", lifetime, map[string][]answer{"info": {{index: "7", body: "[]", header: map[string]string{"X-Consul-Default-ACL-Policy": "deny"}}}}, leadership.ErrDenied, "without a token"},
		{"12: watch denied", watch, map[string][]answer{"get": {denied}}, leadership.ErrDenied, "key:read"},
		{"13: bad credentials", open, map[string][]answer{"create": {status(403, "ACL not found")}}, leadership.ErrDenied, "ACL not found"},
		{"13: bad credentials for a proxy before the agent", open, map[string][]answer{"create": {status(401, "who are you")}}, leadership.ErrDenied, "who are you"},
		{"17: a TTL that the server refuses", open, map[string][]answer{"create": {status(500, "Invalid Session TTL '15000000000', must be between [20s=24h0m0s]")}}, errTransient, "Invalid Session TTL"},
		{"another key than the one asked for", observe, map[string][]answer{"get": {{index: "7", body: []api.KVPair{{Key: "other"}}}}}, errTransient, `got key "other"`},
		{"an answer that is no JSON", observe, map[string][]answer{"get": {{index: "7", body: "<html>"}}}, errTransient, "invalid character"},
		{"a session without an id", open, map[string][]answer{"create": {{body: "{}"}}}, errTransient, `got id ""`},
		{"a session with a TTL that makes no sense", lifetime, map[string][]answer{"info": {live(idTwo, "soon")}}, errTransient, "soon"},
		{"a session with a negative TTL", lifetime, map[string][]answer{"info": {live(idTwo, "-5s")}}, errTransient, "negative TTL"},
		{"a transaction without a result", campaign, map[string][]answer{"get": {missing(7)}, "txn": {{body: "{}"}}}, errTransient, "no result for lock"},
		{"a rollback without a reason", campaign, map[string][]answer{"get": {missing(7)}, "txn": {status(409, "{}")}}, errTransient, "409"},
		{"data of somebody else in a free key", campaign, map[string][]answer{"get": {found(7, api.KVPair{Value: []byte("mine!"), ModifyIndex: 7})}}, leadership.ErrKeyConflict, "malformed vote"},
	}
	for _, code := range []int{429, 500, 502, 503} {
		text := fmt.Sprint(code)
		for name, call := range map[string]struct {
			kind string
			f    func(context.Context, *backend) error
		}{
			"Observe": {"get", observe}, "Campaign": {"get", campaign}, "Watch": {"get", watch}, "Renew": {"renew", renew}, "Resign": {"txn", resign},
			"Close": {"destroy", shut}, "Open": {"create", open}, "Attach": {"renew", attach}, "Lifetime": {"info", lifetime},
		} {
			rows = append(rows, row{"14: " + text + " to " + name, call.f, map[string][]answer{call.kind: {status(code, "slow down")}}, errTransient, text})
		}
		rows = append(rows, row{"14: " + text + " to Campaign's write", campaign, map[string][]answer{"get": {missing(7)}, "txn": {status(code, "slow down")}}, errTransient, text})
	}
	for _, r := range rows {
		t.Run("bad input "+r.name, func(t *testing.T) {
			b, a := with(t, r.answers)
			check(t, r.call(t.Context(), b), r.want, r.text)
			if n := len(a.got("")); n > 5 {
				t.Errorf("one call made %d requests: %s", n, a.kinds())
			}
		})
	}
}

func TestRule1EndedContext(t *testing.T) {
	why := errors.New("the caller has gone")
	block := make(chan struct{})
	b := serve(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-block:
		case <-r.Context().Done():
		}
	}))
	defer close(block)
	s := ours(b)
	for name, call := range map[string]func(context.Context) error{
		"Observe":  func(ctx context.Context) error { _, err := b.Observe(ctx, key); return err },
		"Lifetime": func(ctx context.Context) error { _, err := b.Lifetime(ctx, idTwo); return err },
		"Open":     func(ctx context.Context) error { _, err := b.Open(ctx, 15*time.Second); return err },
		"Attach":   func(ctx context.Context) error { _, err := b.Attach(ctx, idTwo, time.Minute); return err },
		"Renew":    s.Renew,
		"Campaign": func(ctx context.Context) error { _, err := s.Campaign(ctx, key, nil); return err },
		"Watch":    func(ctx context.Context) error { return s.Watch(ctx, key, leadership.Observation{Revision: 1}) },
		"Resign":   func(ctx context.Context) error { return s.Resign(ctx, key, nil) },
		"Close":    s.Close,
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			done := make(chan error, 1)
			go func() { done <- call(ctx) }()
			cancel(why)
			check(t, <-done, why, "gone")
			ctx, stop := context.WithTimeout(t.Context(), time.Millisecond)
			defer stop()
			check(t, call(ctx), context.DeadlineExceeded, "deadline")
		})
	}
}

func TestLifetime(t *testing.T) {
	for _, c := range []struct {
		name    string
		id      string
		answers map[string][]answer
		opts    []Option
		want    time.Duration
	}{
		{"is the whole TTL of a live session", idTwo, map[string][]answer{"info": {live(idTwo, "15s")}}, nil, 15 * time.Second},
		{"is nothing for a session that is gone", idTwo, map[string][]answer{"info": {unknownSession()}}, nil, 0},
		{"is the lock-delay of a session without a TTL", idTwo, map[string][]answer{"info": {{index: "9", body: []api.SessionEntry{{ID: idTwo, LockDelay: 15 * time.Second}}}}}, nil, 15 * time.Second},
		{"is above zero for a live session without a TTL and a lock-delay", idTwo, map[string][]answer{"info": {live(idTwo, "")}}, nil, time.Millisecond},
		{"is nothing for what is no session id, and asks nobody", "../../kv/secret", nil, nil, 0},
		{"is nothing for no session, and asks nobody", "", nil, nil, 0},
		{"is nothing under a policy that denies, for a token to which Consul shows what it hides", idTwo, map[string][]answer{"info": {{index: "9", body: "[]", header: map[string]string{"X-Consul-Default-ACL-Policy": "deny"}}}}, []Option{WithToken("x")}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, _ := with(t, c.answers, c.opts...)
			if got, err := b.Lifetime(t.Context(), c.id); err != nil || got != c.want {
				t.Errorf("%v, %v; want %v", got, err, c.want)
			}
		})
	}
	t.Run("is nothing without a token when a session of ours is shown", func(t *testing.T) {
		deny := map[string]string{"X-Consul-Default-ACL-Policy": "deny"}
		b, a := with(t, map[string][]answer{"info": {{index: "9", body: "[]", header: deny}, live(idOne, "10s")}})
		ours(b)
		if got, err := b.Lifetime(t.Context(), idTwo); err != nil || got != 0 || len(a.got("info")) != 2 {
			t.Errorf("%v, %v after %s", got, err, a.kinds())
		}
	})
}

func TestAttachTakesTheStoresTTL(t *testing.T) {
	for _, c := range []struct {
		name        string
		entry       api.SessionEntry
		given, want time.Duration
	}{
		{"when it is shorter", api.SessionEntry{TTL: "10s"}, time.Minute, 10 * time.Second},
		{"when it is longer", api.SessionEntry{TTL: "30s"}, 15 * time.Second, 30 * time.Second},
		{"but the caller's for a session without one", api.SessionEntry{LockDelay: time.Minute}, 15 * time.Second, 15 * time.Second},
		{"and no more than the lock-delay where only that bounds a session without one", api.SessionEntry{LockDelay: 15 * time.Second}, time.Minute, 15 * time.Second},
		{"and no more than the lock-delay where a check may end the session", api.SessionEntry{TTL: "60s", LockDelay: 15 * time.Second, NodeChecks: []string{"serfHealth"}}, time.Minute, 15 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.entry.ID = idTwo
			b, _ := with(t, map[string][]answer{"renew": {{index: "9", body: []api.SessionEntry{c.entry}}}})
			s, err := b.Attach(t.Context(), idTwo, c.given)
			if err != nil || s.TTL() != c.want || s.ID() != idTwo {
				t.Errorf("%+v, %v; want a TTL of %v", s, err, c.want)
			}
		})
	}
	b, _ := with(t, map[string][]answer{"renew": {live(idTwo, "")}})
	if _, err := b.Attach(t.Context(), idTwo, 0); !errors.Is(err, leadership.ErrInvalidConfig) {
		t.Errorf("no TTL at all: %v", err)
	}
	if _, err := b.Attach(t.Context(), "no/session", time.Minute); !errors.Is(err, leadership.ErrSessionLost) {
		t.Errorf("no session id: %v", err)
	}
}

func FuzzJudge(f *testing.F) {
	for _, what := range []string{
		`invalid session "x"`, `failed to lock key "a" due to lock delay`, `failed to lock key "a", lock is already held`,
		`failed to unlock key "a", lock isn't held, or is held by another session`, "Permission denied: x", "ACL not found", `key "a" exists`, "",
	} {
		f.Add(fmt.Sprintf(`{"Errors":[{"OpIndex":1,"What":%q}]}`, what), 2)
	}
	f.Add(`{"Errors":[null]}`, 1)
	f.Add(`{"Errors":[{"OpIndex":-1}]}`, -3)
	f.Fuzz(func(t *testing.T, body string, n int) {
		v := judge(api.StatusError{Code: 409, Body: body}, n)
		if v < verdictMoved || v > verdictUnknown {
			t.Errorf("verdict %d", v)
		}
		if v == verdictLost && !strings.Contains(body, "invalid session") && !strings.Contains(body, `\u`) {
			t.Errorf("%q costs a session", body)
		}
	})
}

func FuzzSessionID(f *testing.F) {
	for _, id := range []string{idOne, "", "../../../kv/services/app/leader?raw", strings.Repeat("-", 36), "ABCDEF01-2345-6789-abcd-ef0123456789"} {
		f.Add(id)
	}
	f.Fuzz(func(t *testing.T, id string) {
		if isSessionID(id) && (len(id) != 36 || strings.Trim(id, "0123456789abcdefABCDEF-") != "" || strings.Count(id, "-") != 4) {
			t.Errorf("%q passes for a session id", id)
		}
	})
}
