package contender

import (
	"context"
	"fmt"
	"time"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/sources/consul"
	"github.com/leadership-go/leadership/sources/etcd"
)

// member is a candidate of this library.
type member struct{ *leadership.Member }

// startLeadership starts one of ours.
func startLeadership(ctx context.Context, o Options) (Contender, error) {
	var factory *leadership.ClusterFactory
	switch o.Store {
	case "etcd":
		factory = etcd.NewClusterFactory(etcd.WithEndpoints(o.Addrs...)) //nolint:contextcheck // connections have the member's context
	case "consul":
		factory = consul.NewClusterFactory(consul.WithAddress(o.Addrs[0]), consul.WithMinTTL(time.Second))
	default:
		return nil, fmt.Errorf("contender: no store %q", o.Store)
	}
	m, err := factory.Configure(leadership.Config{
		ServiceName: o.Election, ServiceID: o.ID,
		Session:  leadership.SessionConfig{TTL: o.TTL},
		Election: leadership.ElectionConfig{Frequency: o.TTL, TakeoverDelay: o.TakeoverDelay},
	}).Build(ctx)
	if err != nil {
		return nil, err
	}
	if o.Tell != nil {
		m.AsObservable().Subscribe(func(msg leadership.ElectionMessage) { o.Tell(string(msg.Status), msg.Term, msg.Err) }, leadership.Mailbox(1<<16))
	}
	return member{m}, nil
}

// Leads asks the term, which compares the clocks.
func (m member) Leads() (uint64, bool) {
	term := m.Term()
	return term.Token(), term.Valid()
}
