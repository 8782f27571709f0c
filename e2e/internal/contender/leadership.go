package contender

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/e2e/internal/fenced"
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
	if o.Log == "" {
		return member{m}, nil
	}
	w, err := newWriter(m, o)
	if err != nil {
		return nil, errors.Join(err, m.Close())
	}
	return w, nil
}

// Leads asks the term, which compares the clocks.
func (m member) Leads() (uint64, bool) {
	term := m.Term()
	return term.Token(), term.Valid()
}

// writer is a candidate of this library that writes through the store's fence, on connections of its own.
type writer struct {
	member
	*fenced.Writer
	log *os.File
}

func newWriter(m *leadership.Member, o Options) (writer, error) {
	log, err := fenced.Append(o.Log)
	if err != nil {
		return writer{}, err
	}
	register, err := fenced.Dial(o.Store, o.Addrs, Key(o.Election), o.Election)
	if err != nil {
		return writer{}, errors.Join(err, log.Close())
	}
	client := fenced.NewClient(o.ID, o.Election, register, fenced.Record(log))
	return writer{member{m}, fenced.NewWriter(m, client), log}, nil
}

func (w writer) Leads() (uint64, bool) { return w.Writer.Leads() }

func (w writer) Close() error { return errors.Join(w.member.Close(), w.Writer.Close(), w.log.Close()) }
