package etcd

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/namespace"
	"google.golang.org/grpc"

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
	broken atomic.Pointer[error] // why the last call got no connection; nil: it got one
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

// dialled is a link that makes its client from cfg.
func dialled(cfg clientv3.Config, prefix string) *link {
	life, stop := context.WithCancel(context.Background())
	l := &link{slot: make(chan struct{}, 1), stop: stop, own: true}
	cfg.DialOptions = append(slices.Clip(cfg.DialOptions), grpc.WithChainUnaryInterceptor(l.unary), grpc.WithChainStreamInterceptor(l.stream))
	l.dial = func(ctx context.Context) (*api, error) {
		mine, cancel := context.WithCancel(life) // the client lives in it
		settled := context.AfterFunc(ctx, cancel)
		cfg := cfg
		cfg.Context = mine
		client, err := clientv3.New(cfg)
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

// unary learns from each call why there is no connection. A call that waits for one ends with its context, and etcd's client says no more
// than that.
func (l *link) unary(ctx context.Context, method string, req, reply any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	err := invoke(ctx, method, req, reply, conn, opts...)
	l.learn(err)
	return err
}

// stream is unary for streams.
func (l *link) stream(ctx context.Context, desc *grpc.StreamDesc, conn *grpc.ClientConn, method string, open grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	s, err := open(ctx, desc, conn, method, opts...)
	l.learn(err)
	return s, err
}

// learn keeps why a call got no connection.
func (l *link) learn(err error) {
	if err == nil {
		l.broken.Store(nil)
		return
	}
	if _, why, ok := strings.Cut(err.Error(), "latest balancer error: "); ok {
		why := errors.New(why)
		l.broken.Store(&why)
	}
}

// failure says what failed and why, in the words of package leadership.
func (l *link) failure(ctx context.Context, what string, err error) error {
	refreshes := l.own // a call that gets as far as being refused before there is a client was the login
	if a := l.ready.Load(); a != nil {
		refreshes = a.refreshes()
	}
	ended := errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
	if why := l.broken.Load(); ended && why != nil && !strings.Contains(err.Error(), (*why).Error()) {
		err = fmt.Errorf("%w: %w", err, *why)
	}
	return failure(ctx, what, err, refreshes)
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

// keepAlive renews a lease once and returns its TTL.
func (a *api) keepAlive(ctx context.Context, lease clientv3.LeaseID) (ttl time.Duration, err error) {
	err = a.streamed(ctx, func() error {
		resp, err := a.client.KeepAliveOnce(ctx, lease)
		if err == nil {
			ttl = time.Duration(resp.TTL) * time.Second
		}
		return err
	})
	return ttl, err
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
