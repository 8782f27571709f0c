package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/sources/etcd"
)

// instance is one running instance of the service.
type instance struct {
	name   string
	member *leadership.Member
	inLine chan struct{} // closed once it stands behind a leader
	worked sync.WaitGroup
}

// start starts an instance: its member, and the work that is done while that one leads.
func start(ctx context.Context, address, name string, desk *desk) (*instance, error) {
	factory := etcd.NewClusterFactory(etcd.WithEndpoints(address)) //nolint:contextcheck // its connections have the member's context
	member, err := factory.Configure(leadership.Config{ServiceName: "cluster-app", ServiceID: name}).Build(ctx)
	if err != nil {
		return nil, err
	}
	i := &instance{name: name, member: member, inLine: make(chan struct{})}
	var once sync.Once
	member.AsObservable().Subscribe(func(m leadership.ElectionMessage) {
		if m.Status == leadership.StatusNotElected && m.Vote != nil { // it has read who leads
			once.Do(func() { close(i.inLine) })
		}
	})
	i.worked.Go(func() {
		_ = member.Lead(ctx, func(ctx context.Context, _ leadership.Term) error { // returns when the member is closed
			desk.sit(name)
			<-ctx.Done() // here the real work is done, until it has to stop
			desk.leave()
			return nil
		})
	})
	return i, nil
}

// awaitLine waits until the instance stands behind a leader.
func (i *instance) awaitLine(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, fmt.Errorf("%s is not in line after %v", i.name, patience))
	defer cancel()
	select {
	case <-i.inLine:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// stop ends the instance as a signal to stop would. Close has the work stop, waits for it, and hands over.
func (i *instance) stop() error {
	err := i.member.Close()
	i.worked.Wait()
	return err
}

// desk is where the work is done, by one at a time.
type desk struct {
	begun chan turn

	mu    sync.Mutex
	busy  int
	twice int       // how often somebody came while another one was there
	left  time.Time // when the last one left
}

// turn is how somebody came to do the work.
type turn struct {
	name string
	idle time.Duration // how long nobody was at work before
}

func newDesk() *desk { return &desk{begun: make(chan turn, 10*restarts)} }

func (d *desk) sit(name string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.busy++; d.busy > 1 {
		d.twice++
	}
	d.begun <- turn{name, time.Since(d.left)}
}

func (d *desk) leave() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.busy--
	d.left = time.Now()
}

// next waits until somebody begins.
func (d *desk) next(ctx context.Context) (turn, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, errors.New("nobody leads"))
	defer cancel()
	select {
	case t := <-d.begun:
		return t, nil
	case <-ctx.Done():
		return turn{}, context.Cause(ctx)
	}
}

func (d *desk) crowded() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.twice
}
