package consul

import (
	"encoding/pem"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/leadership-go/leadership"
)

func TestEnvironmentOfConsulsClient(t *testing.T) {
	a := &agent{t: t, answers: map[string][]answer{"get": {missing(3)}, "txn": {committed(api.KVPair{ModifyIndex: 4})}}}
	server := httptest.NewServer(a)
	defer server.Close()
	t.Setenv(api.HTTPAddrEnvName, server.URL)
	t.Setenv(api.HTTPTokenEnvName, "from the environment")
	t.Setenv(api.HTTPNamespaceEnvName, "space")
	t.Setenv(api.HTTPPartitionEnvName, "part")
	t.Setenv(api.HTTPAuthEnvName, "user:pass")
	b, err := NewBackend(leadership.ConsulConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close() //nolint:errcheck // idle connections
	if _, err := b.Observe(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	got := a.got("get")[0]
	if got.token != "from the environment" || got.query["ns"] != "space" || got.query["partition"] != "part" {
		t.Errorf("the request was %+v", got)
	}
	o, err := NewBackend(leadership.ConsulConfig{}, WithToken("option"), WithNamespace("space 2"), WithPartition("part 2"), WithDatacenter("dc2"))
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close() //nolint:errcheck // idle connections
	if _, err := ours(o.(*backend)).Campaign(t.Context(), key, voteOf(idOne)); err != nil {
		t.Fatal(err)
	}
	for _, got := range a.got("")[1:] {
		if got.token != "option" || got.query["ns"] != "space 2" || got.query["partition"] != "part 2" || got.query["dc"] != "dc2" {
			t.Errorf("with options the request was %+v", got)
		}
	}
}

func TestEnvironmentIsOverriddenByTheConfiguration(t *testing.T) {
	a := &agent{t: t, answers: map[string][]answer{"get": {missing(3)}}}
	server := httptest.NewServer(a)
	defer server.Close()
	t.Setenv(api.HTTPAddrEnvName, "127.0.0.1:1")
	addr := server.Listener.Addr().(*net.TCPAddr)
	b, err := NewBackend(leadership.ConsulConfig{Host: "127.0.0.1", Port: addr.Port})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close() //nolint:errcheck // idle connections
	if _, err := b.Observe(t.Context(), key); err != nil {
		t.Fatal(err)
	}
}

func TestTokenFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	write := func(token string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(token+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, opts := range map[string][]Option{
		"named by an option":          {WithTokenFile(file)},
		"named by the environment":    nil,
		"is not used beside a token ": {WithToken("fixed")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(api.HTTPTokenEnvName, "not this one")
			t.Setenv(api.HTTPTokenFileEnvName, file)
			write("first")
			denied := answer{status: http.StatusForbidden, body: "ACL not found"}
			b, a := with(t, map[string][]answer{"get": {missing(3), denied, denied, missing(3)}}, opts...)
			var sent []string
			for range 4 {
				_, err := b.Observe(t.Context(), key)
				all := a.got("get")
				sent = append(sent, all[len(all)-1].token)
				if len(all) == 2 {
					// failure 17: a token that expired is replaced by a new one in the file. Until then it is unreadable.
					if err := os.Remove(file); err != nil {
						t.Fatal(err)
					}
				}
				if len(all) == 3 {
					write("second")
				}
				if wantErr := len(all) == 2 || len(all) == 3; errors.Is(err, leadership.ErrDenied) != wantErr {
					t.Errorf("request %d: error %v", len(all), err)
				}
			}
			want := "first first first second"
			if len(opts) == 1 && strings.Contains(name, "not used") {
				want = "fixed fixed fixed fixed"
			}
			if got := strings.Join(sent, " "); got != want {
				t.Errorf("tokens sent: %s; want %s", got, want)
			}
		})
	}
}

func TestGivenClientStaysOpen(t *testing.T) {
	a := &agent{t: t, answers: map[string][]answer{"get": {missing(3)}}}
	server := httptest.NewServer(a)
	defer server.Close()
	client, err := api.NewClient(&api.Config{Address: server.URL, Token: "its own", Transport: api.DefaultNonPooledConfig().Transport})
	if err != nil {
		t.Fatal(err)
	}
	b, err := NewBackend(leadership.ConsulConfig{Host: "127.0.0.1", Port: 1}, WithClient(client), WithNamespace("space"))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := b.Observe(t.Context(), key); err != nil {
			t.Fatal(err)
		}
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if got := a.got("get")[1]; got.token != "its own" || got.query["ns"] != "space" {
		t.Errorf("the request was %+v", got)
	}
}

func TestUnixSocket(t *testing.T) {
	dir, err := os.MkdirTemp("", "consul") //nolint:usetesting // t.TempDir's name is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a temporary folder
	path := filepath.Join(dir, "s")
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "unix", path)
	if err != nil {
		t.Fatal(err)
	}
	a := &agent{t: t, answers: map[string][]answer{"get": {missing(3)}}}
	server := &httptest.Server{Listener: l, Config: &http.Server{Handler: a}} //nolint:gosec // a test's
	server.Start()
	defer server.Close()
	b, err := NewBackend(leadership.ConsulConfig{}, WithAddress("unix://"+path))
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close() //nolint:errcheck // idle connections
	if _, err := b.Observe(t.Context(), key); err != nil {
		t.Fatal(err)
	}
}

func TestTLS(t *testing.T) {
	a := &agent{t: t, answers: map[string][]answer{"get": {missing(3)}}}
	protocols := make(chan string, 10)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		protocols <- r.Proto
		a.ServeHTTP(w, r)
	}))
	server.EnableHTTP2 = true
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	host := strings.TrimPrefix(server.URL, "https://")
	b, err := NewBackend(leadership.ConsulConfig{}, WithAddress(host), WithTLS(api.TLSConfig{CAPem: ca}))
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close() //nolint:errcheck // idle connections
	if _, err := b.Observe(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	if p := <-protocols; p != "HTTP/1.1" {
		t.Errorf("spoke %s; a dead HTTP/2 connection would be used again", p)
	}
	t.Run("an unknown authority is an error", func(t *testing.T) {
		b, err := NewBackend(leadership.ConsulConfig{}, WithAddress(host), WithTLS(api.TLSConfig{}))
		if err != nil {
			t.Fatal(err)
		}
		defer b.Close() //nolint:errcheck // idle connections
		if _, err := b.Observe(t.Context(), key); err == nil || !strings.Contains(err.Error(), "certificate") {
			t.Errorf("error %v", err)
		}
	})
}

func TestAnswersAreBounded(t *testing.T) {
	t.Run("a huge answer is an error", func(t *testing.T) {
		b := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Consul-Index", "1")
			_, _ = w.Write([]byte(`[{"Key":"`))
			chunk := []byte(strings.Repeat("x", 64<<10))
			for range 2 * maxAnswer / len(chunk) {
				if _, err := w.Write(chunk); err != nil {
					return
				}
			}
		}))
		if _, err := b.Observe(t.Context(), key); err == nil || !strings.Contains(err.Error(), "the answer can't be read: more than 1048576 bytes") {
			t.Errorf("error %v", err)
		}
	})
	t.Run("a huge refusal is cut", func(t *testing.T) {
		b, _ := with(t, map[string][]answer{"get": {{status: http.StatusBadGateway, body: strings.Repeat("x", maxAnswer)}}})
		_, err := b.Observe(t.Context(), key)
		if err == nil || len(err.Error()) > 2*maxComplaint || !strings.Contains(err.Error(), "502") {
			t.Errorf("an error of %d bytes", len(err.Error()))
		}
	})
	t.Run("a redirect is not followed", func(t *testing.T) {
		b := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
		}))
		if _, err := b.Observe(t.Context(), key); err == nil || !strings.Contains(err.Error(), "307") {
			t.Errorf("error %v", err)
		}
	})
}

func TestOpenSendsWhatWasSet(t *testing.T) {
	b, a := with(t, map[string][]answer{"create": {{body: map[string]string{"ID": idOne}}}},
		WithSessionName("leadership services/app/leader web-3"), WithNode("db-1"), WithKeptKeys(),
		WithServiceChecks(api.ServiceCheck{ID: "web", Namespace: "n"}))
	s, err := b.Open(t.Context(), 15*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if s.ID() != idOne || s.TTL() != 15*time.Second {
		t.Errorf("session %s with TTL %v", s.ID(), s.TTL())
	}
	want := `{"Name":"leadership services/app/leader web-3","Node":"db-1","TTL":"15s","Behavior":"release","LockDelay":"15000ms",` +
		`"NodeChecks":[],"ServiceChecks":[{"ID":"web","Namespace":"n"}]}`
	if got := strings.TrimSpace(a.got("create")[0].body); got != want {
		t.Errorf("sent %s\nwant %s", got, want)
	}
	if _, err := b.Open(t.Context(), 0); !errors.Is(err, leadership.ErrInvalidConfig) {
		t.Errorf("bad input 17: a TTL below the least: %v", err)
	}
}
