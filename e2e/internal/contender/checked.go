package contender

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/leadership-go/leadership/sources/consul"
)

// LookEvery is how often Consul's agent looks at the port of a candidate with a session check.
const LookEvery = time.Second

// startChecked starts one of ours whose session ends when nobody answers at a port of its process, by default with a TTL of 1.5 s.
func startChecked(ctx context.Context, o Options) (Contender, error) {
	if o.Store != "consul" || len(o.Addrs) == 0 {
		return nil, fmt.Errorf("contender: %s at %s %q", LeadershipChecked, o.Store, o.Addrs)
	}
	if o.TTL == 0 {
		o.TTL = 1500 * time.Millisecond
	}
	if o.Door == "" {
		o.Door = "127.0.0.1:0"
	}
	d := &door{addr: o.Door}
	if err := d.Open(ctx); err != nil {
		return nil, err
	}
	check := api.AgentServiceCheck{TCP: d.addr, Interval: LookEvery.String()}
	c, err := startMember(ctx, consul.NewClusterFactory(
		consul.WithAddress(o.Addrs[0]), consul.WithMinTTL(time.Second), consul.WithSessionCheck(check)), o, member{door: d})
	if err != nil {
		return nil, errors.Join(err, d.Shut())
	}
	return c, nil
}

// door is the port where the agent looks whether a process lives. Its methods are not for concurrent use.
type door struct {
	addr     string
	listener net.Listener // nil while it is shut
	answers  sync.WaitGroup
}

// Open takes connections. Opened again it does so at the port that it had at first.
func (d *door) Open(ctx context.Context) error {
	if d.listener != nil {
		return nil
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", d.addr)
	if err != nil {
		return fmt.Errorf("contender: the port of a session check: %w", err)
	}
	d.listener, d.addr = listener, listener.Addr().String()
	d.answers.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil { // shut
				return
			}
			_ = conn.Close() // that somebody answers is all that the agent wants to know
		}
	})
	return nil
}

// Shut takes none any more, as if the process had died.
func (d *door) Shut() error {
	if d.listener == nil {
		return nil
	}
	err := d.listener.Close()
	d.answers.Wait()
	d.listener = nil
	return err
}
