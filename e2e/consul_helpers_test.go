package e2e

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/e2e/consulserver"
	"github.com/leadership-go/leadership/sources/consul"
)

// newToken makes an ACL token with these rules.
func newToken(ctx context.Context, operator *api.Client, rules string) (*api.ACLToken, error) {
	write := new(api.WriteOptions).WithContext(ctx)
	policy, _, err := operator.ACL().PolicyCreate(&api.ACLPolicy{Name: "test-" + rand.Text(), Rules: rules}, write)
	if err != nil {
		return nil, err
	}
	token, _, err := operator.ACL().TokenCreate(&api.ACLToken{Policies: []*api.ACLLink{{ID: policy.ID}}}, write)
	return token, err
}

// revoke deletes a token, if that has not been done.
func revoke(ctx context.Context, t *testing.T, operator *api.Client, token *api.ACLToken) {
	t.Helper()
	_, err := operator.ACL().TokenDelete(token.AccessorID, new(api.WriteOptions).WithContext(ctx))
	if err != nil && !strings.Contains(err.Error(), "not find token") && !strings.Contains(err.Error(), "ACL not found") {
		t.Errorf("revoke token: %v", err)
	}
}

// connectConsul makes a backend that is closed with the test.
func connectConsul(t *testing.T, server *consulserver.Server, opts ...consul.Option) leadership.Backend {
	t.Helper()
	all := []consul.Option{consul.WithAddress(server.Addr), consul.WithMinTTL(time.Second)}
	if server.Token != "" {
		all = append(all, consul.WithToken(server.Token))
	}
	b, err := consul.NewBackend(leadership.ConsulConfig{}, append(all, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

// openConsul opens a session; it may end in any way.
func openConsul(t *testing.T, b leadership.Backend, ttl time.Duration) leadership.Session {
	t.Helper()
	s, err := b.Open(t.Context(), ttl)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// consulVote is the vote of s.
func consulVote(s leadership.Session) []byte {
	return leadership.Vote{SessionID: s.ID(), ServiceName: "e2e", ServiceID: "node-1"}.Encode()
}

// consulSign is what a member that resigns leaves behind.
func consulSign() []byte { return leadership.Vote{ServiceName: "e2e", ServiceID: "node-1"}.Encode() }

// electConsul campaigns and expects to win at once.
func electConsul(t *testing.T, s leadership.Session, key string) leadership.Observation {
	t.Helper()
	o, err := s.Campaign(t.Context(), key, consulVote(s))
	if err != nil {
		t.Fatal(err)
	}
	if o.Holder.Session != s.ID() {
		t.Fatalf("session %s campaigned, and this holds: %+v", s.ID(), o)
	}
	return o
}

// within polls until f returns nil, or fails with f's last error.
func within(t *testing.T, d time.Duration, f func(ctx context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	for {
		err := f(ctx)
		if err == nil {
			return
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			t.Fatalf("not within %v: %v", d, err)
		}
	}
}

// link is a TCP proxy that can be cut: then it carries nothing more, and closes nothing.
type link struct {
	addr string

	mu    sync.Mutex
	dead  bool
	conns []net.Conn
}

func newLink(ctx context.Context, t *testing.T, target string) (*link, error) {
	t.Helper()
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	whole := t.Context()
	k := &link{addr: l.Addr().String()}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			if !k.add(in) {
				continue
			}
			out, err := new(net.Dialer).DialContext(whole, "tcp", target)
			if err != nil {
				_ = in.Close()
				continue
			}
			k.add(out)
			wg.Go(func() { k.carry(out, in) })
			wg.Go(func() { k.carry(in, out) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		k.mu.Lock()
		for _, c := range k.conns {
			_ = c.Close()
		}
		k.mu.Unlock()
		wg.Wait()
	})
	return k, nil
}

// add keeps a connection until the end. It says whether it is to be used.
func (k *link) add(c net.Conn) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.conns = append(k.conns, c)
	return !k.dead
}

func (k *link) cut() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.dead = true
}

func (k *link) isDead() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.dead
}

func (k *link) carry(to, from net.Conn) {
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if k.isDead() {
			if err == nil {
				continue // swallow it
			}
			return
		}
		if n > 0 {
			if _, err := to.Write(buf[:n]); err != nil {
				_ = from.Close()
				return
			}
		}
		if err != nil {
			if !errors.Is(err, io.EOF) {
				_ = from.Close()
			}
			_ = to.Close()
			return
		}
	}
}
