package consul

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/leadership-go/leadership"
)

// store is a Consul agent that works: sessions, which expire, one key, blocking queries and transactions.
type store struct {
	mu       sync.Mutex
	index    uint64
	made     int
	sessions map[string]time.Time // when each expires
	pair     *api.KVPair
	changed  chan struct{}
}

// storeTTL is how long a session lives after its renewal: Consul waits for twice the TTL.
const storeTTL = 2 * memberTTL

func newStore() *store {
	return &store{index: 10, sessions: make(map[string]time.Time), changed: make(chan struct{})}
}

// touch is a write; the store is locked.
func (s *store) touch() uint64 {
	s.index++
	close(s.changed)
	s.changed = make(chan struct{})
	return s.index
}

// end ends a session, and with it the key that it holds; the store is locked.
func (s *store) end(id string) {
	delete(s.sessions, id)
	if s.pair != nil && s.pair.Session == id {
		s.pair = nil
		s.touch()
	}
}

func (s *store) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body := readAll(r)
	if k := kind(r); k == "get" {
		s.read(r).write(w)
	} else {
		s.answer(k, r, body).write(w)
	}
}

func (s *store) answer(kind string, r *http.Request, body string) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expire()
	parts := strings.Split(r.URL.Path, "/")
	id := parts[len(parts)-1]
	switch kind {
	case "create":
		s.made++
		id = fmt.Sprintf("00000000-0000-0000-0000-%012d", s.made)
		s.sessions[id] = time.Now().Add(storeTTL)
		return answer{body: map[string]string{"ID": id}}
	case "renew":
		if _, ok := s.sessions[id]; !ok {
			return notFound(id)
		}
		s.sessions[id] = time.Now().Add(storeTTL)
		return answer{body: []api.SessionEntry{{ID: id, TTL: memberTTL.String()}}}
	case "info":
		if _, ok := s.sessions[id]; !ok {
			return unknownSession()
		}
		return live(id, memberTTL.String())
	case "own", "list": // who stands is not kept: whoever lives does
		if _, ok := s.sessions[id]; !ok {
			return missing(s.index)
		}
		return answer{index: fmt.Sprint(s.index), body: []api.KVPair{{Key: candidacyOf(key, id), Session: id, ModifyIndex: s.index}}}
	case "destroy":
		s.end(id)
		return answer{body: true}
	case "delete":
		if s.pair != nil && strconv.FormatUint(s.pair.ModifyIndex, 10) == r.URL.Query().Get("cas") {
			s.pair = nil
			s.touch()
		}
		return answer{body: true}
	case "txn":
		return s.transact(body)
	}
	return answer{status: http.StatusTeapot, body: kind}
}

// expire ends the sessions that were not renewed; the store is locked.
func (s *store) expire() {
	for id, at := range s.sessions {
		if !time.Now().Before(at) {
			s.end(id)
		}
	}
}

// read answers a blocking query.
func (s *store) read(r *http.Request) answer {
	since, _ := strconv.ParseUint(r.URL.Query().Get("index"), 10, 64)
	wait, _ := time.ParseDuration(r.URL.Query().Get("wait"))
	for until := time.Now().Add(wait); ; {
		s.mu.Lock()
		s.expire()
		now, pair, changed := s.index, s.pair, s.changed
		s.mu.Unlock()
		if now > since || !time.Now().Before(until) || r.Context().Err() != nil {
			if pair == nil {
				return missing(now)
			}
			return found(now, *pair)
		}
		timer := time.NewTimer(time.Second)
		select {
		case <-changed:
		case <-timer.C:
		case <-r.Context().Done():
		}
		timer.Stop()
	}
}

func (s *store) transact(body string) answer {
	var ops []struct{ KV api.KVTxnOp }
	if err := json.Unmarshal([]byte(body), &ops); err != nil {
		return answer{status: http.StatusBadRequest, body: err.Error()}
	}
	fail := func(what string) answer { return rolledBack(&api.TxnError{OpIndex: len(ops) - 1, What: what}) }
	for _, op := range ops {
		if op.KV.Key == candidacyOf(key, op.KV.Session) && len(ops) == 1 {
			if _, lives := s.sessions[op.KV.Session]; !lives {
				return fail(fmt.Sprintf("invalid session %q", op.KV.Session))
			}
			return answer{body: api.TxnResponse{Results: api.TxnResults{{KV: &api.KVPair{Key: op.KV.Key, ModifyIndex: max(s.index, 1)}}}}}
		}
		if op.KV.Key != key { // a trace, or a candidacy: nobody deletes the key of a session that lives on
			continue
		}
		_, lives := s.sessions[op.KV.Session]
		switch op.KV.Verb { //nolint:exhaustive // what members use
		case api.KVGetOrEmpty:
			if s.pair == nil {
				return committed(api.KVPair{})
			}
		case api.KVCheckNotExists:
			if s.pair != nil {
				return fail(fmt.Sprintf("key %q exists", key))
			}
		case api.KVCheckIndex:
			if s.pair == nil || s.pair.ModifyIndex != op.KV.Index {
				return fail("current modify index differs")
			}
		case api.KVLock:
			switch {
			case !lives:
				return fail(fmt.Sprintf("invalid session %q", op.KV.Session))
			case s.pair != nil && s.pair.Session != "":
				return fail(fmt.Sprintf("failed to lock key %q, lock is already held", key))
			}
			index := s.touch()
			s.pair = &api.KVPair{Key: key, Session: op.KV.Session, Value: op.KV.Value, CreateIndex: index, ModifyIndex: index, LockIndex: 1}
		case api.KVUnlock:
			if s.pair == nil || s.pair.Session != op.KV.Session {
				return fail(fmt.Sprintf("failed to unlock key %q, lock isn't held, or is held by another session", key))
			}
			free := *s.pair // what readers have stays as it is
			free.Session, free.Value, free.ModifyIndex = "", op.KV.Value, s.touch()
			s.pair = &free
		}
	}
	return committed(*s.pair)
}

// way is how the store takes a connection.
type way func(net.Conn)

// network is the way from members to a store. It may be changed while members run.
type network struct {
	pipes
	served chan error
	server *http.Server
	beside map[string]*network // other hosts, by host and port

	mu    sync.Mutex
	way   way
	open  []net.Conn
	bad   sync.WaitGroup // ways other than the server's
	asked atomic.Int64   // connections and requests
}

// over has handler answer over pipes, until the end of the bubble.
func over(t *testing.T, handler http.Handler) *network {
	t.Helper()
	n := &network{pipes: pipes{conns: make(chan net.Conn), closed: make(chan struct{})}, served: make(chan error, 1)}
	n.way = n.toServer
	n.server = &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { //nolint:gosec // no network
		n.asked.Add(1)
		handler.ServeHTTP(w, r)
	}), ErrorLog: quiet()}
	go func() { n.served <- n.server.Serve(n) }()
	t.Cleanup(func() {
		n.take(func(c net.Conn) { _ = c.Close() })
		_ = n.server.Close()
		if err := <-n.served; !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
		n.bad.Wait()
	})
	return n
}

func (n *network) toServer(c net.Conn) {
	select {
	case n.conns <- c:
	case <-n.closed:
		_ = c.Close()
	}
}

// take ends all connections and has w take those to come.
func (n *network) take(w way) {
	n.mu.Lock()
	open := n.open
	n.way, n.open = w, nil
	n.mu.Unlock()
	for _, c := range open {
		_ = c.Close()
	}
}

func (n *network) dial(ctx context.Context, kind, address string) (net.Conn, error) {
	if other := n.beside[address]; other != nil {
		return other.dial(ctx, kind, address)
	}
	ours, theirs := net.Pipe()
	n.mu.Lock()
	defer n.mu.Unlock()
	n.open = append(n.open, ours, theirs)
	n.asked.Add(1)
	w := n.way
	n.bad.Go(func() { w(theirs) })
	return ours, nil
}

// factory makes members that stand at the other end of n.
func (n *network) factory(opts ...Option) *leadership.ClusterFactory {
	return leadership.NewClusterFactory(func(cfg leadership.Config) (leadership.Backend, error) {
		made, err := connect(cfg, append([]Option{WithAddress("consul.test:8500"), WithMinTTL(memberTTL)}, opts...))
		if err != nil {
			return nil, err
		}
		b := made.(*backend)
		b.transport.Proxy = nil
		b.transport.DialContext = n.dial
		return b, nil
	})
}
