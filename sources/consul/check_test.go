package consul

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/leadership-go/leadership"
)

const checkedTTL = 1500 * time.Millisecond

func tcp() api.AgentServiceCheck { return api.AgentServiceCheck{TCP: "127.0.0.1:8080", Interval: "1s"} }

// What a fake agent says about a session check.
func done() answer { return answer{body: ""} }

func made() answer { return answer{body: map[string]string{"ID": idOne}} }

// withCheck is a backend with that check and the answers of [with]. In an answer's text ID stands for the check's.
func withCheck(t *testing.T, check api.AgentServiceCheck, answers map[string][]answer, opts ...Option) (*backend, *agent) {
	t.Helper()
	b, a := with(t, answers, append([]Option{WithSessionCheck(check), WithSessionName("leadership services/app/leader web-3")}, opts...)...)
	for _, list := range answers {
		for i := range list {
			if text, ok := list[i].body.(string); ok {
				list[i].body = strings.ReplaceAll(text, "ID", b.check.id())
			}
		}
	}
	return b, a
}

// registered is what the agent was told, the nth time.
func (a *agent) registered(t *testing.T, n int) api.AgentServiceRegistration {
	t.Helper()
	var service api.AgentServiceRegistration
	if err := json.Unmarshal([]byte(a.got("register")[n].body), &service); err != nil || len(service.Checks) != 1 {
		t.Fatalf("registered %s: %v", a.got("register")[n].body, err)
	}
	return service
}

func TestOpenRegistersTheCheckAndMakesASessionWithIt(t *testing.T) {
	missing := answer{status: http.StatusInternalServerError, body: "rpc error making call: Missing check 'ID' registration"}
	b, a := withCheck(t, tcp(), map[string][]answer{"register": {done()}, "create": {missing, missing, made()}, "deregister": {done()}},
		WithServiceChecks(api.ServiceCheck{ID: "web"}), WithToken("secret"))
	s, err := b.Open(t.Context(), checkedTTL)
	if err != nil {
		t.Fatal(err)
	}
	if s.TTL() != checkedTTL {
		t.Errorf("a holder is to believe for %v", s.TTL())
	}
	if got := a.kinds(); got != "register create create create" {
		t.Errorf("requests: %s", got)
	}
	service := a.registered(t, 0)
	c := service.Checks[0]
	if service.Name != "leadership" || service.ID != b.check.id() || c.CheckID != service.ID || c.Name != "leadership services/app/leader web-3" ||
		c.TCP != "127.0.0.1:8080" || c.Interval != "1s" || c.Timeout != "1s" || c.Status != api.HealthPassing || c.DeregisterCriticalServiceAfter != "1m0s" {
		t.Errorf("registered %s", a.got("register")[0].body)
	}
	want := `"TTL":"10s","Behavior":"delete","LockDelay":"1500ms","NodeChecks":[],"ServiceChecks":[{"ID":"web","Namespace":""},{"ID":"` + service.ID + `","Namespace":""}]}`
	if got := strings.TrimSpace(a.got("create")[0].body); !strings.HasSuffix(got, want) {
		t.Errorf("sent %s\nwant …%s", got, want)
	}
	for _, r := range a.got("") {
		if r.token != "secret" {
			t.Errorf("%s with token %q", r.kind, r.token)
		}
	}
	if len(b.serviceChecks) != 1 {
		t.Errorf("the option was changed: %v", b.serviceChecks)
	}
}

// The check of a process that crashed would look at the port that the next one has, and pass.
func TestCheckOfAnEarlierProcessIsRemoved(t *testing.T) {
	owned := func(key, id string) Option { return func(s *settings) { s.checkOwner = key + " " + id } }
	meta := func(check api.AgentServiceCheck, key, id, process string) map[string]string {
		s, err := collect([]Option{WithSessionCheck(check), owned(key, id)})
		if err != nil {
			t.Fatal(err)
		}
		m := newSessionCheck(s).service.Meta
		m[metaProcess] = process
		return m
	}
	other := tcp()
	other.TCP = "127.0.0.1:9090"
	left := map[string]*api.AgentService{
		"left":             {ID: "left", Meta: meta(tcp(), "key", "web-3", "earlier")},
		"of this process":  {ID: "of this process", Meta: meta(tcp(), "key", "web-3", process)},
		"another port":     {ID: "another port", Meta: meta(other, "key", "web-3", "earlier")},
		"another instance": {ID: "another instance", Meta: meta(tcp(), "key", "web-4", "earlier")},
		"another election": {ID: "another election", Meta: meta(tcp(), "other key", "web-3", "earlier")},
		"somebody else's":  {ID: "somebody else's"},
		"null":             nil,
	}
	t.Run("before the own one is registered", func(t *testing.T) {
		b, a := withCheck(t, tcp(), map[string][]answer{
			"services": {{body: left}}, "deregister": {{status: http.StatusNotFound, body: "Unknown service ID"}}, "register": {done()}, "create": {made()},
		}, owned("key", "web-3"))
		for range 2 {
			if _, err := b.Open(t.Context(), checkedTTL); err != nil {
				t.Fatal(err)
			}
		}
		if got := a.kinds(); got != "services deregister register create register create" {
			t.Errorf("requests: %s", got)
		}
		if asked := a.got("services")[0].query["filter"]; !strings.Contains(asked, left["left"].Meta[metaOwner]) {
			t.Errorf("it asked for %s", asked)
		}
	})
	for name, answers := range map[string]map[string][]answer{
		"that can't be listed is an error":  {"services": {{status: http.StatusInternalServerError, body: "no"}}},
		"that can't be removed is an error": {"services": {{body: left}}, "deregister": {{status: http.StatusForbidden, body: "Permission denied"}}},
	} {
		t.Run(name, func(t *testing.T) {
			b, a := withCheck(t, tcp(), answers, owned("key", "web-3"))
			if _, err := b.Open(t.Context(), checkedTTL); err == nil || !strings.Contains(err.Error(), "remove the session checks of an earlier process") {
				t.Errorf("%v", err)
			}
			if len(a.got("register")) > 0 {
				t.Error("it registered its own")
			}
		})
	}
	t.Run("a check with a TTL is passed by its own process only, and ends by itself", func(t *testing.T) {
		b, a := withCheck(t, api.AgentServiceCheck{TTL: "2s"},
			map[string][]answer{"register": {done()}, "update": {done()}, "create": {made()}, "deregister": {done()}}, owned("key", "web-3"))
		if _, err := b.Open(t.Context(), checkedTTL); err != nil {
			t.Fatal(err)
		}
		if got := a.kinds(); got != "register update create" {
			t.Errorf("requests: %s", got)
		}
	})
}

func TestServiceOfTheCheckIsNamedAfterTheElectionsService(t *testing.T) {
	cfg := leadership.Config{ServiceName: "app", Session: leadership.SessionConfig{TTL: checkedTTL}, Election: leadership.ElectionConfig{EnvelopeTemplate: "services/%s/leader"}}
	var ids []string
	for range 2 {
		made, err := connect(cfg, []Option{WithSessionCheck(tcp())})
		if err != nil {
			t.Fatal(err)
		}
		b := made.(*backend)
		if b.check.service.Name != "leadership-app" {
			t.Errorf("it is %s", b.check.service.Name)
		}
		ids = append(ids, b.check.id())
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	}
	if ids[0] == ids[1] {
		t.Errorf("two members share %s", ids[0])
	}
}

func TestOpenWithACheckThatIsCritical(t *testing.T) {
	critical := answer{status: http.StatusInternalServerError, body: "Check 'ID' is in critical state"}
	other := answer{status: http.StatusInternalServerError, body: "Missing check 'serfHealth' registration"}
	for _, c := range []struct {
		name    string
		check   api.AgentServiceCheck
		creates []answer
		want    string // requests
		says    string // the error, "" for none
	}{
		{"is an error, after one request", tcp(), []answer{critical, made()}, "register create", "is in critical state"},
		{"is waited for where it was just passed", api.AgentServiceCheck{TTL: "2s"}, []answer{critical, critical, made()}, "register update create create create", ""},
		{"another one that is missing is an error", tcp(), []answer{other}, "register create", "Missing check 'serfHealth'"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, a := withCheck(t, c.check, map[string][]answer{"register": {done()}, "update": {done()}, "create": c.creates, "deregister": {done()}})
			_, err := b.Open(t.Context(), checkedTTL)
			if c.says == "" && err != nil {
				t.Fatal(err)
			}
			if c.says != "" {
				check(t, err, errTransient, c.says)
			}
			if got := a.kinds(); got != c.want {
				t.Errorf("requests: %s; want %s", got, c.want)
			}
		})
	}
}

func TestOpenWaitsForTheCheckWithinItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &agent{t: t, answers: map[string][]answer{"register": {done()}, "deregister": {done()}}}
		b, end := bubbleWith(t, a, WithSessionCheck(tcp()))
		defer end()
		a.answers["create"] = []answer{{status: http.StatusInternalServerError, body: "Missing check '" + b.check.id() + "' registration"}}
		cause := errors.New("enough")
		ctx, cancel := context.WithTimeoutCause(t.Context(), 10*time.Second, cause)
		defer cancel()
		start := time.Now()
		_, err := b.Open(ctx, checkedTTL)
		if !errors.Is(err, cause) || !strings.Contains(err.Error(), "Missing check") || time.Since(start) != 10*time.Second {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
		if n := len(a.got("create")); n < 90 || n > 120 { // one in 100 ms, and some more at first
			t.Errorf("%d requests", n)
		}
	})
}

func TestRenewalAndTheCheck(t *testing.T) {
	ttl := api.AgentServiceCheck{TTL: "2s"}
	failed := answer{status: http.StatusNotFound, body: `Unknown check ID "ID". Ensure that the check ID is passed, not the check name.`}
	for _, c := range []struct {
		name     string
		check    api.AgentServiceCheck
		attached bool
		answers  map[string][]answer
		want     string // requests
		is       error  // nil for none
		says     string
	}{
		{"leaves a TCP check to the agent", tcp(), false, map[string][]answer{"renew": {live(idOne, "10s")}}, "renew", nil, ""},
		{"passes a TTL check", ttl, false, map[string][]answer{"update": {done()}, "renew": {live(idOne, "10s")}}, "update renew", nil, ""},
		{"of a session that is somebody else's passes nothing", ttl, true, map[string][]answer{"renew": {live(idOne, "10s")}}, "renew", nil, ""},
		{"fails where the agent has lost the check", ttl, false, map[string][]answer{"update": {failed}, "renew": {live(idOne, "10s")}}, "update renew", errTransient, "pass session check"},
		{"of a lost session says so", ttl, false, map[string][]answer{"update": {failed}, "renew": {notFound(idOne)}, "info": {unknownSession()}}, "update renew info", leadership.ErrSessionLost, "renew session"},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.answers["deregister"] = []answer{done()}
			b, a := withCheck(t, c.check, c.answers)
			err := b.newSession(idOne, checkedTTL, c.attached).Renew(t.Context())
			if c.is == nil && err != nil {
				t.Fatal(err)
			}
			if c.is != nil {
				check(t, err, c.is, c.says)
			}
			if got := a.kinds(); got != c.want {
				t.Errorf("requests: %s; want %s", got, c.want)
			}
			for _, r := range a.got("update") {
				if want := `{"Status":"passing","Output":"the session was renewed"}`; strings.TrimSpace(r.body) != want {
					t.Errorf("passed with %s; want %s", r.body, want)
				}
			}
		})
	}
}

// The agent tells the servers of a check with the token that it was registered with: a new one has to get there.
func TestNewTokenIsToldToTheAgent(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	write := func(token string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(token), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("old")
	refused := answer{status: http.StatusForbidden, body: "ACL not found"}
	b, a := withCheck(t, tcp(), map[string][]answer{
		"register": {done()}, "create": {made()}, "renew": {live(idOne, "10s"), refused, live(idOne, "10s")}, "deregister": {done()},
	}, WithTokenFile(file))
	s, err := b.Open(t.Context(), checkedTTL)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Renew(t.Context()); err != nil {
		t.Fatal(err)
	}
	write("new")
	check(t, s.Renew(t.Context()), leadership.ErrDenied, "renew session")
	for range 2 {
		if err := s.Renew(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if got := a.kinds(); got != "register create renew renew register renew renew" {
		t.Errorf("requests: %s", got)
	}
	if token := a.got("register")[1].token; token != "new" {
		t.Errorf("registered with the token %q", token)
	}
}

// A check that the agent has lost says nothing about the process until it has run.
func TestCheckIsCriticalWhenItIsRegisteredAgain(t *testing.T) {
	b, a := withCheck(t, tcp(), map[string][]answer{
		"register": {{status: http.StatusServiceUnavailable}, done()}, "create": {made()}, "deregister": {done()},
	})
	if _, err := b.Open(t.Context(), checkedTTL); err == nil {
		t.Fatal("opened")
	}
	for range 2 {
		if _, err := b.Open(t.Context(), checkedTTL); err != nil {
			t.Fatal(err)
		}
	}
	for i, want := range []string{api.HealthPassing, api.HealthPassing, api.HealthCritical} {
		if got := a.registered(t, i); got.Checks[0].Status != want || got.ID != b.check.id() {
			t.Errorf("registered %s with status %s, want %s with %s", got.ID, got.Checks[0].Status, b.check.id(), want)
		}
	}
}

func TestCloseRemovesTheCheck(t *testing.T) {
	denied := answer{status: http.StatusForbidden, body: "Permission denied"}
	for _, c := range []struct {
		name     string
		register answer
		removals []answer
		closes   []string // what each Close says, "" for nothing
		want     int      // removals
	}{
		{"once", done(), []answer{done()}, []string{"", ""}, 1},
		{"that the agent has lost", done(), []answer{{status: http.StatusNotFound, body: `Unknown service ID "ID"`}}, []string{"", ""}, 1},
		{"and may be repeated where it failed", done(), []answer{{status: http.StatusInternalServerError}, done()}, []string{"remove session check", "", ""}, 2},
		{"and says that it may not", done(), []answer{denied, done()}, []string{"denied", ""}, 2},
		{"not where none was registered", denied, []answer{done()}, []string{"", ""}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, a := withCheck(t, tcp(), map[string][]answer{"register": {c.register}, "create": {made()}, "deregister": c.removals})
			_, err := b.Open(t.Context(), checkedTTL)
			if c.register.status != 0 {
				check(t, err, leadership.ErrDenied, "register session check")
			}
			for i, says := range c.closes {
				if err := b.Close(); (err != nil) != (says != "") || err != nil && !strings.Contains(err.Error(), says) {
					t.Errorf("Close number %d: %v; want %q", i+1, err, says)
				}
			}
			if n := len(a.got("deregister")); n != c.want {
				t.Errorf("%d removals, want %d", n, c.want)
			}
		})
	}
	t.Run("whose registration has got no answer, if it is there", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			hang := make(chan struct{})
			var removals atomic.Int32
			b, end := bubbleWith(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				if kind(r) == "deregister" {
					removals.Add(1)
				}
				<-hang
			}), WithSessionCheck(tcp()))
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			if _, err := b.Open(ctx, checkedTTL); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("Open: %v", err)
			}
			start := time.Now()
			if err := b.Close(); err != nil || time.Since(start) != removalTimeout || removals.Load() != 1 {
				t.Errorf("Close: %v after %v, %d removals", err, time.Since(start), removals.Load())
			}
			b.check.asked = false // or it would try again
			close(hang)
			end()
		})
	})
}

func TestWhoWaitsForTheCheckGivesUpWithItsContext(t *testing.T) {
	b, _ := withCheck(t, tcp(), map[string][]answer{"renew": {live(idOne, "10s")}})
	b.check.turn <- struct{}{} // somebody registers
	cause := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	if _, err := b.Open(ctx, checkedTTL); !errors.Is(err, cause) {
		t.Errorf("Open: %v", err)
	}
	if err := ours(b).Renew(ctx); !errors.Is(err, cause) {
		t.Errorf("Renew: %v", err)
	}
	<-b.check.turn
}

func TestCheckIsSafeForConcurrentUse(t *testing.T) {
	b, _ := withCheck(t, api.AgentServiceCheck{TTL: "2s"}, map[string][]answer{
		"register": {done()}, "update": {done()}, "create": {made()}, "renew": {live(idOne, "10s")}, "deregister": {done()}, "info": {unknownSession()},
	})
	var running sync.WaitGroup
	for range 8 {
		running.Go(func() {
			s, err := b.Open(t.Context(), checkedTTL)
			if err == nil {
				err = s.Renew(t.Context())
			}
			if _, known := b.Lifetime(t.Context(), idTwo); err != nil || known != nil {
				t.Errorf("%v, %v", err, known)
			}
			if err := b.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	running.Wait()
}

// A session with checks may end while its holder believes: then its end proves nothing.
func TestLifetimeWhereChecksEndSessions(t *testing.T) {
	with := func(entry api.SessionEntry) answer {
		entry.ID = idTwo
		return answer{index: "9", body: []api.SessionEntry{entry}}
	}
	checks := []api.ServiceCheck{{ID: "x"}}
	for _, c := range []struct {
		name string
		ttl  time.Duration // of our session with a check, 0 for none
		info answer
		want time.Duration
	}{
		{"without checks a session that is gone has no believer", 0, unknownSession(), 0},
		{"with checks it may have one for our TTL", checkedTTL, unknownSession(), checkedTTL},
		{"one like ours is believed in for its lock-delay", checkedTTL, with(api.SessionEntry{TTL: "10s", LockDelay: 2 * time.Second, ServiceChecks: checks}), 2 * time.Second},
		{"or for its TTL, where that is less", checkedTTL, with(api.SessionEntry{TTL: "10s", LockDelay: 15 * time.Second, NodeChecks: []string{"serfHealth"}}), 10 * time.Second},
		{"never for less than our TTL", 12 * time.Second, with(api.SessionEntry{TTL: "10s", LockDelay: time.Second, ServiceChecks: checks}), 12 * time.Second},
		{"one without checks for its TTL", checkedTTL, with(api.SessionEntry{TTL: "10s", LockDelay: time.Second}), 10 * time.Second},
		{"and so one with checks, where ours have none", 0, with(api.SessionEntry{TTL: "10s", LockDelay: time.Second, ServiceChecks: checks}), 10 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, _ := withCheck(t, tcp(), map[string][]answer{"register": {done()}, "create": {made()}, "info": {c.info}, "deregister": {done()}})
			for _, ttl := range []time.Duration{c.ttl, c.ttl / 2} {
				if ttl == 0 {
					continue
				}
				if _, err := b.Open(t.Context(), ttl); err != nil {
					t.Fatal(err)
				}
			}
			if got, err := b.Lifetime(t.Context(), idTwo); err != nil || got != c.want {
				t.Errorf("%v, %v; want %v", got, err, c.want)
			}
		})
	}
	t.Run("an attached session with checks counts, too", func(t *testing.T) {
		b, _ := withCheck(t, tcp(), map[string][]answer{
			"renew": {with(api.SessionEntry{TTL: "10s", LockDelay: checkedTTL, ServiceChecks: checks})}, "info": {unknownSession()},
		})
		s, err := b.Attach(t.Context(), idTwo, time.Minute)
		if err != nil || s.TTL() != checkedTTL {
			t.Fatalf("%v, %v", s, err)
		}
		if got, err := b.Lifetime(t.Context(), idOne); err != nil || got != checkedTTL {
			t.Errorf("%v, %v", got, err)
		}
	})
}
