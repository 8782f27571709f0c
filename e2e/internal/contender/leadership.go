package contender

import (
	"cmp"
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

// member is a candidate of this library. It is a [Governed] one.
type member struct {
	*leadership.Member

	work   *worker      // nil for one that only leads
	door   *door        // nil without a session check
	client func() error // closes a client that the member was given; nil where it has its own
}

// Close ends the candidacy, waits for the work, and shuts the door. What was wrong with the work counts more than what the store says.
func (m member) Close() error {
	err := m.Member.Close()
	if m.work != nil {
		if breach := m.work.end(); breach != nil {
			err = breach
		}
	}
	if m.door != nil {
		if shut := m.door.Shut(); err == nil {
			err = shut
		}
	}
	if m.client != nil {
		if closed := m.client(); err == nil {
			err = closed
		}
	}
	return err
}

// ShowDoor opens the port that the session check looks at, or shuts it.
func (m member) ShowDoor(ctx context.Context, open bool) error {
	switch {
	case m.door == nil:
		return errors.New("contender: no session check looks at this candidate")
	case open:
		return m.door.Open(ctx)
	default:
		return m.door.Shut()
	}
}

// startLeadership starts one of ours.
func startLeadership(ctx context.Context, o Options) (Contender, error) {
	if o.Count != nil {
		return startCounted(ctx, o)
	}
	var factory *leadership.ClusterFactory
	switch o.Store {
	case "etcd":
		factory = etcd.NewClusterFactory(etcd.WithEndpoints(o.Addrs...)) //nolint:contextcheck // connections have the member's context
	case "consul":
		factory = consul.NewClusterFactory(consul.WithAddress(o.Addrs[0]), consul.WithMinTTL(time.Second))
	default:
		return nil, fmt.Errorf("contender: no store %q", o.Store)
	}
	return startMember(ctx, factory, o, member{})
}

// startMember starts one that the factory makes. From then on what the candidate has is its own, unless there is an error.
func startMember(ctx context.Context, factory *leadership.ClusterFactory, o Options, candidate member) (Contender, error) {
	if o.Probe != nil {
		factory.Health(o.Probe)
	}
	m, err := factory.Configure(leadership.Config{
		ServiceName: o.Election, ServiceID: o.ID,
		Session:  leadership.SessionConfig{TTL: o.TTL},
		Election: leadership.ElectionConfig{Frequency: cmp.Or(o.Frequency, o.TTL), TakeoverDelay: o.TakeoverDelay, Strategy: o.Strategy},
		Health:   leadership.HealthConfig{Interval: o.ProbeEvery, Fall: 1},
	}).Build(ctx)
	if err != nil {
		return nil, err
	}
	if o.Tell != nil {
		m.AsObservable().Subscribe(func(msg leadership.ElectionMessage) { o.Tell(string(msg.Status), msg.Term, msg.Err) }, leadership.Mailbox(1<<16))
	}
	if o.Led != nil {
		m.AsObservable().Subscribe(func(msg leadership.ElectionMessage) {
			if msg.Status == leadership.StatusElectedFirst {
				o.Led()
			}
		})
	}
	candidate.Member = m
	if o.Work {
		candidate.work = startWorker(m) //nolint:contextcheck // it works until the member is closed
	}
	if o.Log == "" {
		return candidate, nil
	}
	w, err := newWriter(candidate, o)
	if err != nil {
		return nil, errors.Join(err, candidate.Close())
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

func newWriter(m member, o Options) (writer, error) {
	log, err := fenced.Append(o.Log)
	if err != nil {
		return writer{}, err
	}
	register, err := fenced.Dial(o.Store, o.Addrs, Key(o.Election), o.Election)
	if err != nil {
		return writer{}, errors.Join(err, log.Close())
	}
	client := fenced.NewClient(cmp.Or(o.Process, o.ID), o.Election, register, fenced.Record(log))
	return writer{m, fenced.NewWriter(m.Member, client), log}, nil
}

func (w writer) Leads() (uint64, bool) { return w.Writer.Leads() }

func (w writer) Close() error { return errors.Join(w.member.Close(), w.Writer.Close(), w.log.Close()) }
