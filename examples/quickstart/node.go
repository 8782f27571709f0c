package main

import (
	"context"
	"net"
	"sync/atomic"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"google.golang.org/grpc"

	"github.com/leadership-go/leadership"
)

// node stands for the machine that a member runs on.
type node struct {
	cable   cable
	client  *clientv3.Client
	member  *leadership.Member
	printed *leadership.Subscription
}

// connect makes a client for etcd that is reached through the cable.
func (n *node) connect(address string) (err error) {
	n.client, err = clientv3.New(clientv3.Config{
		Endpoints:   []string{address},
		Logger:      zap.NewNop(),
		DialOptions: []grpc.DialOption{grpc.WithContextDialer(n.cable.dial)},
	})
	return err
}

// leave ends all members, after the last message that is printed.
func leave(nodes map[string]*node) {
	for _, n := range nodes {
		n.printed.Unsubscribe()
	}
	for _, n := range nodes {
		_ = n.member.Close() // a member that is cut off can give nothing back, and need not: its lease is over
		_ = n.client.Close()
	}
}

// cable carries all connections of a node until it is cut. As with a real one, nobody is told: what is sent is lost, and
// nothing comes.
type cable struct{ gone atomic.Bool }

func (c *cable) cut() { c.gone.Store(true) }

func (c *cable) dial(ctx context.Context, address string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	return &wire{conn, c}, nil
}

// wire is one connection in a cable.
type wire struct {
	net.Conn
	cable *cable
}

func (w *wire) Write(data []byte) (int, error) {
	if w.cable.gone.Load() {
		return len(data), nil
	}
	return w.Conn.Write(data)
}

func (w *wire) Read(data []byte) (int, error) {
	for {
		n, err := w.Conn.Read(data)
		if err != nil || !w.cable.gone.Load() {
			return n, err
		}
	}
}
