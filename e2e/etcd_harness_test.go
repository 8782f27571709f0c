package e2e

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/e2e/etcdserver"
	"github.com/leadership-go/leadership/sources/etcd"
)

// etcdStore is an etcd cluster with an operator's hands on it.
type etcdStore struct {
	*etcdserver.Cluster
	client *clientv3.Client
	local  *clientv3.Client // to the first server alone
}

func startEtcd(t *testing.T, o etcdserver.Options) *etcdStore {
	t.Helper()
	c := etcdserver.Start(t, o)
	return &etcdStore{c, c.Dial(t), c.Dial(t, c.Endpoints()[0])}
}

// candidate opens a session on a client of its own, as another process has one.
func (s *etcdStore) candidate(t *testing.T, ttl time.Duration) (leadership.Backend, leadership.Session) {
	t.Helper()
	b := etcd.NewBackend(s.Dial(t))
	return b, s.open(t, b, ttl)
}

func (s *etcdStore) open(t *testing.T, b leadership.Backend, ttl time.Duration) leadership.Session {
	t.Helper()
	session, err := b.Open(etcdSoon(t), ttl)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 5*time.Second)
		defer cancel()
		_ = session.Close(ctx) // the test may have ended the server
	})
	return session
}

// etcdSoon is a context for calls that answer at once.
func etcdSoon(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func etcdVote(s leadership.Session) []byte {
	return leadership.Vote{SessionID: s.ID(), ServiceName: "e2e", ServiceID: s.ID()}.Encode()
}

func etcdSign() []byte { return leadership.Vote{ServiceName: "e2e", ServiceID: "gone"}.Encode() }

func etcdCampaign(t *testing.T, s leadership.Session, key string) leadership.Observation {
	t.Helper()
	o, err := s.Campaign(etcdSoon(t), key, etcdVote(s))
	if err != nil {
		t.Fatalf("campaign: %v", err)
	}
	return o
}

// etcdLead campaigns and expects to hold the key at once.
func etcdLead(t *testing.T, s leadership.Session, key string) leadership.Observation {
	t.Helper()
	o := etcdCampaign(t, s, key)
	if o.Holder.Session != s.ID() {
		t.Fatalf("the key is held by %q, not by %q", o.Holder.Session, s.ID())
	}
	return o
}

// etcdHeld fails the test unless o says of earlier holders whether the last one resigned, and that these may believe.
func etcdHeld(t *testing.T, o leadership.Observation, resigned bool, earlier ...leadership.Session) {
	t.Helper()
	var ids []string
	for _, s := range earlier {
		ids = append(ids, s.ID())
	}
	slices.Sort(ids)
	if got := slices.Sorted(slices.Values(o.Earlier)); o.Resigned != resigned || !slices.Equal(got, ids) {
		t.Errorf("P1: resigned %v, earlier holders %q; want %v, %q", o.Resigned, got, resigned, ids)
	}
}

func etcdObserve(t *testing.T, b leadership.Backend, key string) leadership.Observation {
	t.Helper()
	o, err := b.Observe(etcdSoon(t), key)
	if err != nil {
		t.Fatalf("observe: %v", err)
	}
	return o
}

// etcdWatching starts a watch and returns once it is in place.
func etcdWatching(t *testing.T, s leadership.Session, key string, seen leadership.Observation) <-chan error {
	t.Helper()
	done := make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	go func() { done <- s.Watch(ctx, key, seen) }()
	select {
	case err := <-done:
		done <- err
	case <-time.After(100 * time.Millisecond):
	}
	return done
}

func etcdReturns(t *testing.T, watch <-chan error, what string) error {
	t.Helper()
	select {
	case err := <-watch:
		return err
	case <-time.After(10 * time.Second):
		t.Fatalf("the watch did not return after %s", what)
		return nil
	}
}

func etcdStays(t *testing.T, watch <-chan error, what string) {
	t.Helper()
	select {
	case err := <-watch:
		t.Fatalf("the watch returned %v after %s", err, what)
	case <-time.After(150 * time.Millisecond):
	}
}

// line is the keys below the election's prefix, the first candidate first.
func (s *etcdStore) line(ctx context.Context, key string) ([]string, error) {
	resp, err := s.client.Get(ctx, key+"/", clientv3.WithPrefix(), clientv3.WithKeysOnly(),
		clientv3.WithSort(clientv3.SortByCreateRevision, clientv3.SortAscend))
	if err != nil {
		return nil, err
	}
	var keys []string
	for _, kv := range resp.Kvs {
		if !strings.Contains(string(kv.Key)[len(key)+1:], "/") {
			keys = append(keys, string(kv.Key))
		}
	}
	return keys, nil
}

func (s *etcdStore) candidates(ctx context.Context, key string) (int, error) {
	line, err := s.line(ctx, key)
	return len(line), err
}

// sessions counts the leases. A server lists those that it has heard of: a linearizable read brings it up to date before.
func (s *etcdStore) sessions(ctx context.Context) (int, error) {
	if _, err := s.local.Get(ctx, "up to date"); err != nil {
		return 0, err
	}
	resp, err := s.local.Leases(ctx)
	if err != nil {
		return 0, err
	}
	return len(resp.Leases), nil
}

func leaseHex(id clientv3.LeaseID) string { return strconv.FormatInt(int64(id), 16) }

func (s *etcdStore) destroySession(ctx context.Context, id string) error {
	var lease clientv3.LeaseID
	if _, err := fmt.Sscanf(id, "%x", &lease); err != nil {
		return err
	}
	if _, err := s.client.Revoke(ctx, lease); err != nil && !errors.Is(err, rpctypes.ErrLeaseNotFound) {
		return err
	}
	return nil
}

// deleteKey deletes the leader's key alone.
func (s *etcdStore) deleteKey(ctx context.Context, key string) error {
	line, err := s.line(ctx, key)
	if err != nil || len(line) == 0 {
		return err
	}
	_, err = s.client.Delete(ctx, line[0])
	return err
}

// overwrite puts a value over the leader's key. Where nobody leads, a vote is left as a member's key whose lease is gone, and other data under
// a name that is no lease's.
func (s *etcdStore) overwrite(ctx context.Context, key string, value []byte) error {
	line, err := s.line(ctx, key)
	if err != nil {
		return err
	}
	target := key + "/written-by-hand"
	switch _, noVote := leadership.ParseVote(value); {
	case len(line) > 0:
		target = line[0]
	case noVote == nil || len(value) == 0:
		target = key + "/dead1ea5e"
	}
	_, err = s.client.Put(ctx, target, string(value))
	return err
}

func (s *etcdStore) revision(t *testing.T) int64 {
	t.Helper()
	resp, err := s.client.Get(etcdSoon(t), "revision")
	if err != nil {
		t.Fatal(err)
	}
	return resp.Header.Revision
}

// newClient makes a client that the test does not end.
func (s *etcdStore) newClient(user, password string, endpoints ...string) (*clientv3.Client, error) {
	return clientv3.New(clientv3.Config{
		Endpoints: endpoints, Username: user, Password: password, TLS: s.TLS(), Logger: zap.NewNop(), DialTimeout: 10 * time.Second,
	})
}

// user makes a user who may do everything below sourcetest/, until it is denied.
func (s *etcdStore) user(ctx context.Context) (name string, deny func(), err error) {
	const prefix = "sourcetest/"
	name = strings.ToLower(rand.Text())
	end := clientv3.GetPrefixRangeEnd(prefix)
	if _, err := s.client.RoleAdd(ctx, name); err != nil {
		return "", nil, err
	}
	if _, err := s.client.RoleGrantPermission(ctx, name, prefix, end, clientv3.PermissionType(clientv3.PermReadWrite)); err != nil {
		return "", nil, err
	}
	if _, err := s.client.UserAdd(ctx, name, name); err != nil {
		return "", nil, err
	}
	if _, err := s.client.UserGrantRole(ctx, name, name); err != nil {
		return "", nil, err
	}
	return name, func() { _, _ = s.client.RoleRevokePermission(context.WithoutCancel(ctx), name, prefix, end) }, nil
}

// cable carries connections to a server. Cut, it carries nothing any more, either way, and all stays open. Muted, it still carries
// what clients send, but no answers. Reset ends all connections; the next ones work.
type cable struct {
	listener net.Listener
	target   string
	cut      atomic.Bool
	muted    atomic.Bool
	mu       sync.Mutex
	open     []net.Conn
}

func newCable(ctx context.Context, target string) (*cable, error) {
	ctx = context.WithoutCancel(ctx) // it is closed by itself
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	c := &cable{listener: l, target: target}
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := (&net.Dialer{}).DialContext(ctx, "tcp", target)
			if err != nil {
				_ = in.Close()
				continue
			}
			c.mu.Lock()
			c.open = append(c.open, in, out)
			c.mu.Unlock()
			go c.carry(in, out, func() bool { return c.cut.Load() })
			go c.carry(out, in, func() bool { return c.cut.Load() || c.muted.Load() })
		}
	}()
	return c, nil
}

func (c *cable) carry(from, to net.Conn, silent func() bool) {
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if silent() {
			if err != nil {
				return // the other end is not told
			}
			continue
		}
		if err != nil {
			_ = to.Close()
			return
		}
		if _, err := to.Write(buf[:n]); err != nil {
			_ = from.Close()
			return
		}
	}
}

func (c *cable) Cut() { c.cut.Store(true) }

func (c *cable) Mute() { c.muted.Store(true) }

func (c *cable) Reset() {
	c.muted.Store(false)
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, conn := range c.open {
		_ = conn.Close()
	}
	c.open = nil
}

func (c *cable) Close() error {
	c.Reset()
	return c.listener.Close()
}

func (c *cable) Endpoint(scheme string) string { return scheme + "://" + c.listener.Addr().String() }
