package http_test

import (
	"context"
	"errors"
	"io"
	nethttp "net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/internal/grammar"
	"github.com/leadership-go/leadership/sources/http"
)

// oracle is what the URL answers.
type oracle struct {
	mu     sync.Mutex
	status int
	body   string
	err    error
	hangs  bool
	asked  int
}

func (o *oracle) says(status int, body string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.status, o.body, o.err, o.hangs = status, body, nil, false
}

func (o *oracle) names(name string) { o.says(nethttp.StatusOK, `{"name":"`+name+`"}`) }

func (o *oracle) fails(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.err = err
}

func (o *oracle) count() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.asked
}

func (o *oracle) RoundTrip(r *nethttp.Request) (*nethttp.Response, error) {
	o.mu.Lock()
	o.asked++
	status, body, err, hangs := o.status, o.body, o.err, o.hangs
	o.mu.Unlock()
	switch {
	case hangs:
		<-r.Context().Done()
		return nil, r.Context().Err()
	case err != nil:
		return nil, err
	}
	return &nethttp.Response{
		StatusCode: status, Header: nethttp.Header{}, Body: io.NopCloser(strings.NewReader(body)), Request: r,
	}, nil
}

// follower is a member that asks an oracle.
type follower struct {
	*leadership.Member
	mu       sync.Mutex
	messages []leadership.ElectionMessage
}

func follow(t *testing.T, o *oracle, id string) *follower {
	t.Helper()
	m, err := http.NewClusterFactory("https://user:secret@leader.example/check?token=secret", http.WithClient(&nethttp.Client{Transport: o})).
		Configure(leadership.Config{ServiceID: id}).Build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	f := &follower{Member: m}
	var g grammar.Checker
	m.AsObservable().Subscribe(func(msg leadership.ElectionMessage) {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.messages = append(f.messages, msg)
		if err := g.Next(string(msg.Status), msg.Term, msg.Err); err != nil {
			t.Error(err)
		}
		if strings.Contains(msg.String(), "secret") {
			t.Errorf("a secret is told: %v", msg)
		}
	})
	t.Cleanup(func() { _ = m.Close() })
	synctest.Wait()
	return f
}

func (f *follower) last(s leadership.Status) (leadership.ElectionMessage, bool) {
	synctest.Wait()
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, m := range slices.Backward(f.messages) {
		if m.Status == s {
			return m, true
		}
	}
	return leadership.ElectionMessage{}, false
}

func (f *follower) leads(t *testing.T, want bool) {
	t.Helper()
	synctest.Wait()
	if f.IsLeader() != want {
		t.Fatalf("it leads: %v", !want)
	}
}

func TestMemberFollowsTheURL(t *testing.T) {
	for _, c := range []struct {
		name string
		test func(t *testing.T, o *oracle)
	}{
		{"whom it names from the beginning leads at once", func(t *testing.T, o *oracle) {
			o.names("a")
			a, b := follow(t, o, "a"), follow(t, o, "b")
			a.leads(t, true)
			b.leads(t, false)
			if m, ok := b.last(leadership.StatusNotElected); !ok || m.Vote == nil || m.Vote.ServiceID != "a" {
				t.Errorf("b was told of %v", m)
			}
		}},
		{"leadership moves with the name, and not before the old leader has stopped", func(t *testing.T, o *oracle) {
			o.names("a")
			a, b := follow(t, o, "a"), follow(t, o, "b")
			o.names("b")
			for range 40_000 {
				time.Sleep(time.Millisecond)
				if a.IsLeader() && b.IsLeader() {
					t.Fatal("two leaders")
				}
			}
			a.leads(t, false)
			b.leads(t, true)
			if m, _ := a.last(leadership.StatusRelegation); !errors.Is(m.Err, leadership.ErrKeyLost) {
				t.Errorf("relegated for %v", m.Err)
			}
		}},
		{"a name that comes back leads in a new term", func(t *testing.T, o *oracle) {
			o.names("a")
			a := follow(t, o, "a")
			first := a.Term().Token()
			o.names("")
			time.Sleep(8 * time.Second)
			a.leads(t, false)
			o.names("a")
			time.Sleep(11 * time.Second)
			a.leads(t, true)
			if now := a.Term().Token(); now <= first {
				t.Errorf("token %d after %d", now, first)
			}
		}},
		{"without an answer it stops before its TTL is over, says why, and goes on when there is one again", func(t *testing.T, o *oracle) {
			o.names("a")
			a := follow(t, o, "a")
			o.fails(errors.New("no route to host"))
			cut := time.Now()
			for a.IsLeader() {
				time.Sleep(time.Millisecond)
			}
			if took := time.Since(cut); took >= 15*time.Second {
				t.Errorf("it believed for %v", took)
			}
			m, _ := a.last(leadership.StatusRelegation)
			if !errors.Is(m.Err, leadership.ErrLeaseExpired) || !strings.Contains(m.Err.Error(), "no route to host") {
				t.Errorf("relegated for %v", m.Err)
			}
			o.names("a")
			time.Sleep(5 * time.Second)
			a.leads(t, true)
		}},
		{"an answer that never comes is bounded", func(t *testing.T, o *oracle) {
			o.hangs = true
			a := follow(t, o, "a")
			time.Sleep(time.Minute)
			if _, ok := a.last(leadership.StatusError); !ok || o.count() < 5 {
				t.Errorf("told %v, asked %d times", ok, o.count())
			}
		}},
		{"a resignation moves nothing: it leads again a vote period later", func(t *testing.T, o *oracle) {
			o.names("a")
			a := follow(t, o, "a")
			if err := a.Resign(t.Context()); err != nil {
				t.Fatal(err)
			}
			a.leads(t, false)
			time.Sleep(11 * time.Second)
			a.leads(t, true)
		}},
		{"it asks every refresh while it leads, and every vote period while it does not", func(t *testing.T, o *oracle) {
			o.names("a")
			a := follow(t, o, "a")
			before := o.count()
			time.Sleep(70 * time.Second)
			a.leads(t, true)
			if n := o.count() - before; n < 10 || n > 11 {
				t.Errorf("the leader asked %d times in 70 s", n)
			}
			o.names("b")
			time.Sleep(15 * time.Second)
			a.leads(t, false)
			before = o.count()
			time.Sleep(100 * time.Second)
			if n := o.count() - before; n < 10 || n > 11 {
				t.Errorf("a waiter asked %d times in 100 s", n)
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { c.test(t, &oracle{}) })
		})
	}
}

func TestAnswersThatAreNone(t *testing.T) {
	for _, c := range []struct {
		name   string
		status int
		body   string
		text   string
		is     error
	}{
		{"not JSON", 200, "<html>", "the answer is no JSON object", nil},
		{"an array", 200, "[]", "the answer is no JSON object", nil},
		{"null", 200, "null", "the answer has no name", nil},
		{"no name", 200, `{"leader":"a"}`, "the answer has no name", nil},
		{"a name that is no string", 200, `{"name":1}`, "the name in the answer is no string", nil},
		{"cut short", 200, `{"name":"a`, "the answer is no JSON object", nil},
		{"huge", 200, `{"name":"a","more":"` + strings.Repeat("x", 70_000) + `"}`, "the answer has more than 65536 bytes", nil},
		{"an error of the server", 500, `{"name":"a"}`, "status 500", nil},
		{"no content", 204, "", "status 204", nil},
		{"unauthorized", 401, `{"name":"a"}`, "status 401", leadership.ErrDenied},
		{"forbidden", 403, `{"name":"a"}`, "status 403", leadership.ErrDenied},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := &oracle{}
				o.says(c.status, c.body)
				a := follow(t, o, "a")
				time.Sleep(15 * time.Second) // the first error may have come before anybody listened; it is told again after a vote period
				a.leads(t, false)
				m, ok := a.last(leadership.StatusError)
				if !ok || !strings.Contains(m.Err.Error(), c.text) || c.is != nil && !errors.Is(m.Err, c.is) {
					t.Errorf("told %v", m.Err)
				}
				if !strings.Contains(m.Err.Error(), "https://leader.example/check") {
					t.Errorf("it does not say who was asked: %v", m.Err)
				}
			})
		})
	}
}

func TestNamesThatAreNobodys(t *testing.T) {
	for _, body := range []string{`{"name":""}`, `{"name":null}`} {
		synctest.Test(t, func(t *testing.T) {
			o := &oracle{}
			o.says(nethttp.StatusOK, body)
			a := follow(t, o, "a")
			time.Sleep(time.Minute)
			a.leads(t, false)
			if m, ok := a.last(leadership.StatusError); ok {
				t.Errorf("%s: told %v", body, m.Err)
			}
		})
	}
}

func TestSettingsAreChecked(t *testing.T) {
	for _, c := range []struct {
		url  string
		opts []http.Option
		want string
	}{
		{"", nil, "leadership: invalid config: http check URL must be absolute, with the scheme http or https"},
		{"leader.example/check", nil, "leadership: invalid config: http check URL must be absolute, with the scheme http or https"},
		{"ftp://leader.example", nil, "leadership: invalid config: http check URL must be absolute, with the scheme http or https"},
		{"http://a b.example:secret", nil, "leadership: invalid config: http check URL must be absolute, with the scheme http or https"},
		{"http://leader.example", []http.Option{http.WithClient(nil)}, "leadership: invalid config: http client nil must be given, or left out"},
	} {
		_, err := http.NewClusterFactory(c.url, c.opts...).Build(t.Context())
		if err == nil || err.Error() != c.want || !errors.Is(err, leadership.ErrInvalidConfig) {
			t.Errorf("%q: %v", c.url, err)
		}
	}
}

func TestASessionToAttachIsReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &oracle{}
		o.names("a")
		m, err := http.NewClusterFactory("http://leader.example", http.WithClient(&nethttp.Client{Transport: o})).
			Configure(leadership.Config{ServiceID: "a"}).Session("e11b6ace", 15*time.Second).Build(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if !m.IsLeader() {
			t.Error("it does not lead")
		}
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
}
