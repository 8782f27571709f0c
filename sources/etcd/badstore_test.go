package etcd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc"

	"github.com/leadership-go/leadership"
)

// This file shows what members make of stores that misbehave, on virtual time.

const (
	memberTTL   = 10 * time.Second
	memberDrift = memberTTL / 20
	// badFor is how long a store misbehaves: longer than a term.
	badFor = time.Minute
	// realTime is by how much a deadline may be told too early: in a bubble the boot clock is the real one, and shows the real time since the proof
	// where no virtual time has passed.
	realTime = time.Second
)

// way is how the store takes a connection.
type way func(net.Conn)

// network is the way from members to a store. It may be changed while members run.
type network struct {
	pipes
	*store
	server *grpc.Server
	fault  atomic.Pointer[func() error] // what each call ends with; nil: as it should

	mu    sync.Mutex
	way   way
	open  []net.Conn
	ways  sync.WaitGroup
	asked atomic.Int64 // connections and calls
}

// over has a store answer over pipes, until the end of the bubble.
func over(t *testing.T) *network {
	t.Helper()
	n := &network{pipes: pipes{conns: make(chan net.Conn), closed: make(chan struct{})}, store: newStore()}
	n.way = n.toServer
	n.server = grpc.NewServer(
		grpc.UnaryInterceptor(func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
			n.asked.Add(1)
			if f := n.fault.Load(); f != nil {
				return nil, (*f)()
			}
			return handle(ctx, req)
		}),
		grpc.StreamInterceptor(func(srv any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, handle grpc.StreamHandler) error {
			n.asked.Add(1)
			if f := n.fault.Load(); f != nil {
				return (*f)()
			}
			return handle(srv, stream)
		}))
	n.register(n.server)
	served := make(chan error, 1)
	go func() { served <- n.server.Serve(n) }()
	t.Cleanup(func() {
		n.take(func(c net.Conn) { _ = c.Close() })
		n.server.Stop()
		if err := <-served; err != nil && !errors.Is(err, grpc.ErrServerStopped) {
			t.Error(err)
		}
		n.ways.Wait()
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

// dial makes a connection with a buffer in between, which pipes lack: both ends may write at a time.
func (n *network) dial(context.Context, string) (net.Conn, error) {
	ours, near := net.Pipe()
	far, theirs := net.Pipe()
	carry := func(to, from net.Conn) {
		_, _ = io.Copy(to, from)
		_ = to.Close()
		_ = from.Close()
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.open = append(n.open, ours, theirs)
	n.asked.Add(1)
	w := n.way
	n.ways.Go(func() { carry(near, far) })
	n.ways.Go(func() { carry(far, near) })
	n.ways.Go(func() { w(theirs) })
	return ours, nil
}

// factory makes members that stand at the other end of n.
func (n *network) factory() *leadership.ClusterFactory {
	return leadership.NewClusterFactory(n.connect)
}

func (n *network) connect(cfg leadership.Config) (leadership.Backend, error) {
	s := settings{endpoints: []string{"etcd.test:2379"}}
	client, err := s.clientConfig(cfg, variables())
	if err != nil {
		return nil, err
	}
	client.DialOptions = append(client.DialOptions, grpc.WithContextDialer(n.dial))
	l := dialled(client, nil, s.namespace)
	if err := l.prepare(); err != nil {
		return nil, err
	}
	a := l.ready.Load()
	a.watch = plainWatcher{a.client.ActiveConnection()}
	return &backend{link: l}, nil
}

// plainWatcher watches without etcd's own watcher, which waits on a channel of its package, so that virtual time would stand still. It tries nothing
// twice, and closes the channel where that one tells an error.
type plainWatcher struct{ conn *grpc.ClientConn }

func (w plainWatcher) Watch(ctx context.Context, key string, opts ...clientv3.OpOption) clientv3.WatchChan {
	op := clientv3.OpGet(key, opts...)
	responses := make(chan clientv3.WatchResponse)
	go func() {
		defer close(responses)
		stream, err := pb.NewWatchClient(w.conn).Watch(ctx, grpc.WaitForReady(true))
		if err != nil {
			return
		}
		create := &pb.WatchCreateRequest{Key: op.KeyBytes(), RangeEnd: op.RangeBytes(), StartRevision: op.Rev()}
		if err := stream.Send(&pb.WatchRequest{RequestUnion: &pb.WatchRequest_CreateRequest{CreateRequest: create}}); err != nil {
			return
		}
		for {
			r, err := stream.Recv()
			if err != nil {
				return
			}
			out := clientv3.WatchResponse{Created: r.Created}
			out.Events = append(out.Events, r.Events...)
			select {
			case responses <- out:
			case <-ctx.Done():
				return
			}
		}
	}()
	return responses
}

func (w plainWatcher) RequestProgress(context.Context) error { return nil }
func (w plainWatcher) Close() error                          { return nil }

// said is what a member has said. It is safe for concurrent use.
type said struct {
	mu   sync.Mutex
	list []leadership.ElectionMessage
}

func (s *said) add(m leadership.ElectionMessage) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.list = append(s.list, m)
}

// of are the messages with a status.
func (s *said) of(status leadership.Status) []leadership.ElectionMessage {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []leadership.ElectionMessage
	for _, m := range s.list {
		if m.Status == status {
			list = append(list, m)
		}
	}
	return list
}

// texts are those of the error messages.
func (s *said) texts() string {
	var b strings.Builder
	for _, m := range s.of(leadership.StatusError) {
		fmt.Fprintln(&b, m.Err)
	}
	return b.String()
}

// enter builds a member that is closed with the bubble.
func enter(t *testing.T, f *leadership.ClusterFactory) (*leadership.Member, *said) {
	t.Helper()
	m, err := f.Configure(leadership.Config{
		ServiceName: "app", ServiceID: "node",
		Session: leadership.SessionConfig{TTL: memberTTL, Drift: memberDrift},
	}).Build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	all := new(said)
	m.AsObservable().Subscribe(all.add)
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
		synctest.Wait()
	})
	return m, all
}

// allocated is how many bytes the process has allocated so far. It only grows.
func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}

// The bounds of a bad store: how much memory one call or connection may cost, both ends together, and how many of them there may be in badFor.
const (
	mostMemory = 32 << 20
	mostCalls  = 2000
)

// misbehaves checks a member whose store is bad from the start, and a leader whose store turns bad. turn makes it bad and good.
func misbehaves(t *testing.T, n *network, turn func(bad bool), text string) {
	t.Helper()
	turn(true)
	member, all := enter(t, n.factory())
	suffers(t, n, all, text)
	if member.IsLeader() || len(all.of(leadership.StatusElectedFirst)) > 0 {
		t.Error("elected by a bad store")
	}
	turn(false)
	time.Sleep(badFor)
	synctest.Wait()
	elected := all.of(leadership.StatusElectedFirst)
	if !member.IsLeader() || len(elected) != 1 {
		t.Fatalf("the store works, and the member does not lead: %d terms\n%s", len(elected), all.texts())
	}

	deadline, before := member.Term().Deadline(), len(all.of(leadership.StatusError))
	if left := time.Until(deadline); left <= 0 || left > memberTTL-memberDrift {
		t.Errorf("it may believe for %v without a proof", left)
	}
	turn(true)
	time.Sleep(time.Until(deadline) - time.Nanosecond)
	synctest.Wait()
	if !member.IsLeader() {
		t.Errorf("relegated before the deadline, though nothing has said that the key is lost:\n%s", all.texts())
	}
	time.Sleep(realTime)
	if member.IsLeader() {
		t.Error("still believes after the deadline")
	}
	synctest.Wait()
	ends := all.of(leadership.StatusRelegation)
	if len(ends) != 1 || ends[0].Time.After(deadline.Add(realTime)) || !errors.Is(ends[0].Err, leadership.ErrLeaseExpired) {
		t.Fatalf("relegations %v; want one by %v", ends, deadline)
	}
	suffers(t, n, all, text)
	if len(all.of(leadership.StatusError)) == before {
		t.Error("the leader's store is bad, and no message says so")
	}
	turn(false)
	time.Sleep(badFor)
	synctest.Wait()
	elected = all.of(leadership.StatusElectedFirst)
	if !member.IsLeader() || len(elected) != 2 || elected[1].Term <= elected[0].Term {
		t.Errorf("the store works again: %v\n%s", elected, all.texts())
	}
}

// suffers lets a bad store be bad for a while.
func suffers(t *testing.T, n *network, all *said, text string) {
	t.Helper()
	memory, asked := allocated(), n.asked.Load()
	time.Sleep(badFor)
	synctest.Wait()
	memory, asked = allocated()-memory, n.asked.Load()-asked
	t.Logf("%d calls and connections, %d KiB for each", asked, memory/uint64(max(asked, 1))>>10)
	if asked > mostCalls {
		t.Errorf("%d calls and connections within %v; want at most %d", asked, badFor, mostCalls)
	}
	if each := memory / uint64(max(asked, 1)); each > mostMemory {
		t.Errorf("each call cost %d MiB", each>>20)
	}
	if !strings.Contains(all.texts(), text) {
		t.Errorf("no error message with the text %q:\n%s", text, all.texts())
	}
	for _, m := range all.of(leadership.StatusError) {
		if len(m.Err.Error()) > 20<<10 {
			t.Errorf("an error message of %d bytes", len(m.Err.Error()))
		}
	}
}
