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

// checked is a candidate of this library whose session ends when nobody answers at a port of its process.
type checked struct {
	Contender

	listener net.Listener
	answers  sync.WaitGroup
}

// startChecked starts one of ours with a session check, by default with a TTL of 1.5 s.
func startChecked(ctx context.Context, o Options) (Contender, error) {
	if o.Store != "consul" || len(o.Addrs) == 0 {
		return nil, fmt.Errorf("contender: %s at %s %q", LeadershipChecked, o.Store, o.Addrs)
	}
	if o.TTL == 0 {
		o.TTL = 1500 * time.Millisecond
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	check := api.AgentServiceCheck{TCP: listener.Addr().String(), Interval: "1s"}
	member, err := startMember(ctx, consul.NewClusterFactory(
		consul.WithAddress(o.Addrs[0]), consul.WithMinTTL(time.Second), consul.WithSessionCheck(check)), o)
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	c := &checked{Contender: member, listener: listener}
	c.answers.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil { // closed
				return
			}
			_ = conn.Close() // that somebody answers is all that the agent wants to know
		}
	})
	return c, nil
}

// Close ends the candidacy, and then the answers.
func (c *checked) Close() error {
	err := errors.Join(c.Contender.Close(), c.listener.Close())
	c.answers.Wait()
	return err
}
