package main

import (
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"google.golang.org/grpc"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/examples/internal/cable"
)

// node stands for the machine that a member runs on.
type node struct {
	cable   cable.Cable
	client  *clientv3.Client
	member  *leadership.Member
	printed *leadership.Subscription
}

// connect makes a client for etcd that is reached through the cable.
func (n *node) connect(address string) (err error) {
	n.client, err = clientv3.New(clientv3.Config{
		Endpoints:   []string{address},
		Logger:      zap.NewNop(),
		DialOptions: []grpc.DialOption{grpc.WithContextDialer(n.cable.Dial)},
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
