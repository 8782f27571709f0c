package consul

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/leadership-go/leadership"
)

const (
	idOne = "11111111-1111-1111-1111-111111111111"
	idTwo = "22222222-2222-2222-2222-222222222222"
	key   = "services/app/leader"
)

// answer is what a fake agent says to one request.
type answer struct {
	status int // 0 means 200
	index  string
	header map[string]string
	body   any // a string as it is, all else as JSON
}

func (a answer) write(w http.ResponseWriter) {
	if a.index != "" {
		w.Header().Set("X-Consul-Index", a.index)
		w.Header().Set("X-Consul-KnownLeader", "true")
		w.Header().Set("X-Consul-LastContact", "0")
	}
	for name, value := range a.header {
		w.Header().Set(name, value)
	}
	if a.status != 0 {
		w.WriteHeader(a.status)
	}
	if text, ok := a.body.(string); ok {
		_, _ = fmt.Fprint(w, text)
		return
	}
	_ = json.NewEncoder(w).Encode(a.body)
}

// The usual answers.
func found(index uint64, pair api.KVPair) answer {
	pair.Key = key
	return answer{index: fmt.Sprint(index), body: []api.KVPair{pair}}
}

func missing(index uint64) answer {
	return answer{status: http.StatusNotFound, index: fmt.Sprint(index), body: ""}
}

func live(id, ttl string) answer {
	return answer{index: "9", body: []api.SessionEntry{{ID: id, TTL: ttl}}}
}

func unknownSession() answer { return answer{index: "9", body: "[]"} }

func notFound(id string) answer {
	return answer{status: http.StatusNotFound, body: fmt.Sprintf("Session id '%s' not found", id)}
}

func committed(pair api.KVPair) answer {
	pair.Key = key
	return answer{body: api.TxnResponse{Results: api.TxnResults{{KV: &pair}}}}
}

func rolledBack(errs ...*api.TxnError) answer {
	return answer{status: http.StatusConflict, body: api.TxnResponse{Errors: errs}}
}

// stands is the candidacy of a session.
func stands(session string) answer {
	return answer{index: "9", body: []api.KVPair{{Key: candidacyOf(key, session), Session: session, ModifyIndex: 9}}}
}

// publication is the answer to who publishes its candidacy.
func publication() answer {
	return answer{body: api.TxnResponse{Results: api.TxnResults{{KV: &api.KVPair{Key: candidacyOf(key, idOne), ModifyIndex: 9}}}}}
}

// agent is a fake Consul agent: for each kind of request a list of answers, of which the last one is repeated.
type agent struct {
	t *testing.T

	mu       sync.Mutex
	answers  map[string][]answer
	requests []request
}

// request is what the agent got.
type request struct {
	kind  string
	query map[string]string
	token string
	body  string
}

// kind names a request: "get", "own" for the own candidacy, "list", "keys" for a list of names, "txn", or "look" if that only reads, and "publish" if it is about a candidacy alone, "delete", "create", "renew", "info", "destroy", and of the agent's own "services", "register", "deregister", "update".
func kind(r *http.Request) string {
	switch path := r.URL.Path; {
	case path == "/v1/txn":
		return "txn"
	case strings.HasPrefix(path, "/v1/kv/") && r.URL.Query().Has("recurse"):
		return "list"
	case strings.HasPrefix(path, "/v1/kv/") && r.URL.Query().Has("keys"):
		return "keys"
	case strings.HasPrefix(path, "/v1/kv/"+candidaciesOf(key)) && r.Method == http.MethodGet:
		return "own"
	case strings.HasPrefix(path, "/v1/kv/") && r.Method == http.MethodGet:
		return "get"
	case strings.HasPrefix(path, "/v1/kv/") && r.Method == http.MethodDelete:
		return "delete"
	case strings.HasPrefix(path, "/v1/session/"):
		return strings.Split(path, "/")[3]
	case path == "/v1/agent/services":
		return "services"
	case strings.HasPrefix(path, "/v1/agent/"):
		return strings.Split(path, "/")[4]
	default:
		return r.Method + " " + path
	}
}

func (a *agent) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	query := make(map[string]string)
	for name, values := range r.URL.Query() {
		query[name] = values[0]
	}
	var body strings.Builder
	_, _ = fmt.Fprint(&body, readAll(r))
	a.mu.Lock()
	k := kind(r)
	if k == "txn" && strings.Contains(body.String(), `"Verb":"get-or-empty"`) {
		k = "look"
	}
	if k == "txn" && strings.Count(body.String(), "Verb") == 1 && strings.Contains(body.String(), candidaciesOf(key)) {
		k = "publish"
	}
	a.requests = append(a.requests, request{k, query, r.Header.Get("X-Consul-Token"), body.String()})
	list := a.answers[k]
	if len(list) > 1 {
		a.answers[k] = list[1:]
	}
	a.mu.Unlock()
	if usual := map[string]answer{"own": stands(idOne), "publish": publication()}; len(list) == 0 && usual[k].body != nil {
		list = []answer{usual[k]}
	}
	if len(list) == 0 {
		a.t.Errorf("unexpected request %s %s", r.Method, r.URL)
		w.WriteHeader(http.StatusTeapot)
		return
	}
	list[0].write(w)
}

func readAll(r *http.Request) string {
	var b strings.Builder
	buf := make([]byte, 4096)
	for {
		n, err := r.Body.Read(buf)
		b.Write(buf[:n])
		if err != nil {
			return b.String()
		}
	}
}

// got returns the requests of one kind, or all.
func (a *agent) got(k string) []request {
	a.mu.Lock()
	defer a.mu.Unlock()
	var out []request
	for _, r := range a.requests {
		if k == "" || r.kind == k {
			out = append(out, r)
		}
	}
	return out
}

// kinds is the order of requests.
func (a *agent) kinds() string {
	var all []string
	for _, r := range a.got("") {
		all = append(all, r.kind)
	}
	return strings.Join(all, " ")
}

// with starts a fake agent and a backend for it.
func with(t *testing.T, answers map[string][]answer, opts ...Option) (*backend, *agent) {
	t.Helper()
	a := &agent{t: t, answers: answers}
	return serve(t, a, opts...), a
}

func serve(t *testing.T, h http.Handler, opts ...Option) *backend {
	t.Helper()
	server := httptest.NewServer(h)
	b, err := NewBackend(leadership.ConsulConfig{}, append([]Option{WithAddress(server.URL)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
		server.Close()
	})
	return b.(*backend)
}

// pipes is a listener whose connections never leave the process, so that virtual time passes while they are idle.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}
func (p *pipes) Close() error   { p.once.Do(func() { close(p.closed) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "pipe"} }

// ours is a session of b that was opened with idOne, and whose candidacy is published.
func ours(b *backend) *session {
	s := newcomer(b)
	s.stands(key, true)
	return s
}

// newcomer has not said yet that it stands.
func newcomer(b *backend) *session { return b.newSession(idOne, 10*time.Second, false) }

// holder is ours that holds the key, at index 8.
func holder(b *backend) *session {
	b.remember(place{idOne, key}, holding{token: 8, createIndex: 8, lockIndex: 1})
	return ours(b)
}

func voteOf(id string) []byte {
	return leadership.Vote{SessionID: id, ServiceName: "app", ServiceID: "node"}.Encode()
}
