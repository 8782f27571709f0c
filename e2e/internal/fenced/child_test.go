package fenced

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"sync"
	"time"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/sources/consul"
	"github.com/leadership-go/leadership/sources/etcd"
)

// childOrder says what a child process is to be: an order in JSON.
const childOrder = "FENCED_TEST_ORDER"

// order is what a child process is told.
type order struct {
	Store    string
	Addrs    []string
	Election string
	ID       string
	Log      string // file
	TTL      time.Duration
}

func (o order) config() leadership.Config {
	return leadership.Config{
		ServiceName: o.Election, ServiceID: o.ID,
		Session: leadership.SessionConfig{TTL: o.TTL}, Election: leadership.ElectionConfig{Frequency: o.TTL / 4},
	}
}

func (o order) factory() *leadership.ClusterFactory {
	if o.Store == "etcd" {
		return etcd.NewClusterFactory(etcd.WithEndpoints(o.Addrs...))
	}
	return consul.NewClusterFactory(consul.WithAddress(o.Addrs[0]), consul.WithMinTTL(time.Second))
}

const (
	// hands are how many write for one member at once.
	hands = 8
	// checkedBefore is how long before a write its term is asked. So a process that is stopped is stopped in between.
	checkedBefore = 100 * time.Millisecond
	// stopped is what a process at least adds to that when it has been stopped.
	stopped = 500 * time.Millisecond
)

// writeUntilToldOtherwise is the child: a member that writes as long as its standard input is open, whether it still leads or not.
func writeUntilToldOtherwise(text string) (err error) {
	var o order
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		return err
	}
	log, err := Append(o.Log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	member, err := o.factory().Configure(o.config()).Build(ctx)
	if err != nil {
		return err
	}
	register, err := Dial(o.Store, o.Addrs, o.config().Key(), o.Election)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, member.Close(), register.Close()) }()
	w := NewWriter(member, NewClient(o.ID, o.Election, register, Record(log)))
	var writing sync.WaitGroup
	defer writing.Wait()
	for range hands {
		writing.Go(func() { writeAfterChecks(ctx, w) })
	}
	_, err = io.Copy(io.Discard, os.Stdin)
	stop()
	return err
}

// writeAfterChecks checks the term and writes, again and again, whatever the check says.
func writeAfterChecks(ctx context.Context, w *Writer) {
	for {
		_, leads := w.Leads()
		asked := now()
		if !pause(ctx, checkedBefore) {
			return
		}
		grant, err := w.grant(ctx)
		if err != nil {
			continue // has never led
		}
		held := leads && now()-asked > checkedBefore+stopped
		at, cancel := context.WithTimeout(ctx, nearLimit)
		_, _ = w.client.write(at, Fence, grant, w.client.seq.Add(1), held) // what came of it is recorded
		cancel()
	}
}
