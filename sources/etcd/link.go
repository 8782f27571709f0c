package etcd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/namespace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/leadership-go/leadership"
)

// api is etcd as the rest of this package uses it.
type api struct {
	client *clientv3.Client
	kv     clientv3.KV
	watch  clientv3.Watcher
}

func newAPI(client *clientv3.Client, prefix string) *api {
	if prefix == "" {
		return &api{client, client.KV, client.Watcher}
	}
	return &api{client, namespace.NewKV(client.KV, prefix), namespace.NewWatcher(client.Watcher, prefix)}
}

// refreshes reports whether the client gets itself a new token when one runs out.
func (a *api) refreshes() bool { return a.client.Username != "" }

// link is the way to the store. Where a user and a password are set, a client asks the store for a token before it exists: then
// it is made by the first call that needs it, within that call's bounds, and again after that has failed.
type link struct {
	ready  atomic.Pointer[api]
	slot   chan struct{} // held by who makes the client or ends the link
	dial   func(context.Context) (*api, error)
	stop   context.CancelFunc
	closed atomic.Bool
	own    bool
	broken atomic.Pointer[error] // why the last attempt at a call got no connection or was refused for the moment; nil: it went well
}

// given is a link over a client that is not ours to close.
func given(client *clientv3.Client, prefix string) *link {
	l := &link{slot: make(chan struct{}, 1), stop: func() {}, dial: func(context.Context) (*api, error) {
		return nil, leadership.InvalidConfig("client", "nil", "must be given")
	}}
	if client != nil {
		l.ready.Store(newAPI(client, prefix))
	}
	return l
}

// dialled is a link that makes its client from cfg, with the password from file unless that is nil.
func dialled(cfg clientv3.Config, file *passwordFile, prefix string) *link {
	life, stop := context.WithCancel(context.Background())
	l := &link{slot: make(chan struct{}, 1), stop: stop, own: true}
	cfg.DialOptions = append(slices.Clip(cfg.DialOptions), grpc.WithChainUnaryInterceptor(l.unary), grpc.WithChainStreamInterceptor(l.stream))
	l.dial = func(ctx context.Context) (*api, error) {
		mine, cancel := context.WithCancel(life) // the client lives in it
		settled := context.AfterFunc(ctx, cancel)
		client, err := newClient(mine, cfg, file)
		if !settled() && err == nil { // ctx has ended the client as well
			_ = client.Close()
			err = context.Cause(ctx)
		}
		if err != nil {
			cancel()
			return nil, err
		}
		return newAPI(client, prefix), nil
	}
	return l
}

// newClient makes a client that lives in ctx.
func newClient(ctx context.Context, cfg clientv3.Config, file *passwordFile) (*clientv3.Client, error) {
	cfg.Context = ctx
	if file == nil {
		return clientv3.New(cfg)
	}
	var err error
	if cfg.Password, err = file.read(); err != nil {
		return nil, err
	}
	client, err := clientv3.New(cfg)
	if err != nil {
		return nil, err
	}
	client.Auth = login{client.Auth, file}
	return client, nil
}

// unary learns from each attempt at a call why it failed. A call that waits for a connection, or is tried again, ends with its context, and etcd's client
// says no more than that.
func (l *link) unary(ctx context.Context, method string, req, reply any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	err := invoke(ctx, method, req, reply, conn, opts...)
	l.learn(ctx, err)
	return err
}

// stream is unary for streams.
func (l *link) stream(ctx context.Context, desc *grpc.StreamDesc, conn *grpc.ClientConn, method string, open grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	s, err := open(ctx, desc, conn, method, opts...)
	l.learn(ctx, err)
	if err != nil {
		return nil, err
	}
	return checked{s}, nil
}

// checked is a stream without events that name no key: etcd's client would panic at them, on a goroutine of its own.
type checked struct{ grpc.ClientStream }

func (c checked) RecvMsg(m any) error {
	if err := c.ClientStream.RecvMsg(m); err != nil {
		return err
	}
	if resp, ok := m.(*pb.WatchResponse); ok && slices.ContainsFunc(resp.Events, keyless) {
		return status.Error(codes.DataLoss, errForeign.Error()) // the client tries again at some other codes
	}
	return nil
}

// keyless reports whether an event names no key.
func keyless(ev *clientv3.Event) bool { return ev.Kv == nil }

// learn keeps why a call got no connection, or was refused in a way that the client takes for a passing one and tries again until its context ends.
// It keeps the text alone: the error of one call must not decide what another one's means.
func (l *link) learn(ctx context.Context, err error) {
	if err == nil {
		l.broken.Store(nil)
		return
	}
	s := status.Convert(err)
	switch s.Code() { //nolint:exhaustive // the codes that the client tries again at
	case codes.Unavailable, codes.Unauthenticated, codes.Canceled, codes.DeadlineExceeded:
		text := s.Message()
		if _, why, ok := strings.Cut(text, "latest balancer error: "); ok {
			text = why
		} else if ctx.Err() != nil {
			return
		}
		why := errors.New(text)
		l.broken.Store(&why)
	}
}

// failure says what failed and why, in the words of package leadership.
func (l *link) failure(ctx context.Context, what string, err error) error {
	refreshes := l.own // a call that gets as far as being refused before there is a client was the login
	if a := l.ready.Load(); a != nil {
		refreshes = a.refreshes()
	}
	out := failure(ctx, what, err, refreshes)
	ended := ctx.Err() != nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
	if why := l.broken.Load(); ended && why != nil && !strings.Contains(err.Error(), (*why).Error()) {
		out = fmt.Errorf("%w: %w", out, *why) // after what it means is settled: that text is of another call
	}
	return out
}

// get returns the client, making it where necessary.
func (l *link) get(ctx context.Context, what string) (*api, error) {
	if l.closed.Load() {
		return nil, l.failure(ctx, what, errClosed)
	}
	if a := l.ready.Load(); a != nil {
		return a, nil
	}
	select {
	case l.slot <- struct{}{}:
		defer func() { <-l.slot }()
	case <-ctx.Done():
		return nil, l.failure(ctx, what, context.Cause(ctx))
	}
	if l.closed.Load() {
		return nil, l.failure(ctx, what, errClosed)
	}
	if a := l.ready.Load(); a != nil {
		return a, nil
	}
	a, err := l.dial(ctx)
	if err != nil {
		return nil, l.failure(ctx, what, err)
	}
	l.ready.Store(a)
	return a, nil
}

// How often a stream is tried, and the wait before the second time; it doubles.
const loginAttempts, firstLoginPause = 6, 5 * time.Millisecond

// streamed does what takes a stream. Where there are users, etcd's client logs in anew for each stream, and the stream may reach a server that
// has not heard of that login yet. Calls without a stream repeat themselves then; this does it for the others.
func (a *api) streamed(ctx context.Context, do func() error) error {
	pause := firstLoginPause
	for range loginAttempts - 1 {
		err := do()
		if err == nil || !a.refreshes() || !errors.Is(known(err), rpctypes.ErrInvalidAuthToken) {
			return err
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
			pause *= 2
		case <-ctx.Done():
			timer.Stop()
			return err
		}
	}
	return do()
}

// keepAlive renews a lease once and returns its TTL in seconds, as the store told it. The client's own KeepAliveOnce would ask again and again without a
// pause where the store says that it is unavailable, and tells some refusals as an "EOF".
func (a *api) keepAlive(ctx context.Context, lease clientv3.LeaseID) (ttl int64, err error) {
	err = a.streamed(ctx, func() error {
		if a.client.ActiveConnection() == nil { // a client inside the server's process
			resp, err := a.client.KeepAliveOnce(ctx, lease)
			if err == nil {
				ttl = resp.TTL
			}
			return err
		}
		ttl, err = a.keepAliveOnce(ctx, lease)
		return err
	})
	return ttl, err
}

func (a *api) keepAliveOnce(ctx context.Context, lease clientv3.LeaseID) (ttl int64, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := clientv3.RetryLeaseClient(a.client).LeaseKeepAlive(ctx, grpc.WaitForReady(true))
	if err != nil {
		return 0, rpctypes.Error(err)
	}
	if err := stream.Send(&pb.LeaseKeepAliveRequest{ID: int64(lease)}); err != nil && !errors.Is(err, io.EOF) { // at the end of the stream Recv says why
		return 0, rpctypes.Error(err)
	}
	resp, err := stream.Recv()
	switch {
	case err != nil:
		return 0, rpctypes.Error(err)
	case resp.TTL <= 0:
		return 0, rpctypes.ErrLeaseNotFound
	}
	_ = stream.CloseSend()
	return resp.TTL, nil
}

// prepare makes the client now. It is for clients that are made without the network.
func (l *link) prepare() error {
	a, err := l.dial(context.Background())
	if err != nil {
		l.stop()
		return err
	}
	l.ready.Store(a)
	return nil
}

// close ends a client that was made here.
func (l *link) close() error {
	if l.closed.Swap(true) {
		return nil
	}
	l.stop()
	l.slot <- struct{}{}
	defer func() { <-l.slot }()
	if a := l.ready.Load(); a != nil && l.own {
		return a.client.Close()
	}
	return nil
}
