package traffic

import (
	"context"
	"path"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/stats"
)

// Etcd has a client count.
func (c *Counter) Etcd() grpc.DialOption { return grpc.WithStatsHandler(messages{c}) }

// messages counts those that go out: one for each attempt at a call, and each one on a stream.
type messages struct{ counter *Counter }

// method is the key of a call's method in its context.
type method struct{}

func (messages) TagRPC(ctx context.Context, info *stats.RPCTagInfo) context.Context {
	return context.WithValue(ctx, method{}, path.Base(info.FullMethodName))
}

func (m messages) HandleRPC(ctx context.Context, s stats.RPCStats) {
	switch s := s.(type) {
	case *stats.OutPayload:
		name, _ := ctx.Value(method{}).(string)
		m.counter.count(Request{Name: name})
	case *stats.InPayload:
		if resp, ok := s.Payload.(*pb.WatchResponse); ok && len(resp.Events) > 0 {
			m.counter.mu.Lock()
			m.counter.events++
			m.counter.mu.Unlock()
		}
	}
}

func (messages) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }

func (messages) HandleConn(context.Context, stats.ConnStats) {}
