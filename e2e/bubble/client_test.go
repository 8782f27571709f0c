package bubble

import (
	"context"
	"net"
	"sync"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/internal/simulation"
	"github.com/leadership-go/leadership/sources/etcd"
)

// reconnect bounds the pause between two attempts to connect, as sources/etcd has it.
const reconnect = 2 * time.Second

// farewell is how long gRPC waits for its last frame to go out where the connection takes no more bytes.
const farewell = 5 * time.Second

// newClient makes etcd's client with the settings of sources/etcd, and a connection through w.
func newClient(w *simulation.Wire) (*clientv3.Client, error) {
	client, err := clientv3.New(clientv3.Config{
		Endpoints: []string{"passthrough:///bubble"}, DialTimeout: 5 * time.Second,
		DialKeepAliveTime: 10 * time.Second, DialKeepAliveTimeout: 5 * time.Second, Logger: zap.NewNop(),
		DialOptions: []grpc.DialOption{
			grpc.WithTransportCredentials(insecure.NewCredentials()),
			grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return w.Dial(ctx) }),
			grpc.WithConnectParams(grpc.ConnectParams{
				Backoff:           backoff.Config{BaseDelay: 100 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: reconnect},
				MinConnectTimeout: reconnect,
			}),
		},
	})
	if err != nil {
		return nil, err
	}
	client.Watcher = &watcher{client: client}
	return client, nil
}

// owner closes the client with the backend.
type owner struct {
	leadership.Backend
	client *clientv3.Client
}

func newBackend(w *simulation.Wire) (leadership.Backend, error) {
	client, err := newClient(w)
	if err != nil {
		return nil, err
	}
	return &owner{etcd.NewBackend(client), client}, nil
}

func (o *owner) Close() error {
	err := o.Backend.Close()
	if closed := o.client.Close(); err == nil {
		err = closed
	}
	return err
}

// watcher is a [clientv3.Watcher] on the bare protocol. The client's own waits for a channel that its package makes at the start of the process, outside
// of the bubble, which then takes it for busy: virtual time would stand still. Unlike that one it resumes nothing: a stream that ends ends
// the watch.
type watcher struct {
	client  *clientv3.Client
	running sync.WaitGroup
}

func (w *watcher) Watch(ctx context.Context, key string, opts ...clientv3.OpOption) clientv3.WatchChan {
	op := clientv3.OpGet(key, opts...)
	out := make(chan clientv3.WatchResponse, 1)
	w.running.Go(func() {
		defer close(out)
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		stream, err := pb.NewWatchClient(w.client.ActiveConnection()).Watch(ctx, grpc.WaitForReady(true))
		if err != nil {
			return
		}
		request := &pb.WatchCreateRequest{Key: op.KeyBytes(), RangeEnd: op.RangeBytes(), StartRevision: op.Rev(), ProgressNotify: true}
		if err := stream.Send(&pb.WatchRequest{RequestUnion: &pb.WatchRequest_CreateRequest{CreateRequest: request}}); err != nil {
			return
		}
		for {
			in, err := stream.Recv()
			if err != nil {
				return
			}
			resp := clientv3.WatchResponse{
				Header: in.Header, CompactRevision: in.CompactRevision, Canceled: in.Canceled, Created: in.Created,
			}
			resp.Events = append(resp.Events, in.Events...)
			select {
			case out <- resp:
			case <-ctx.Done():
				return
			}
			if in.Canceled {
				return
			}
		}
	})
	return out
}

func (w *watcher) RequestProgress(context.Context) error { return nil }

// Close waits for all watches, whose contexts have ended.
func (w *watcher) Close() error {
	w.running.Wait()
	return nil
}
