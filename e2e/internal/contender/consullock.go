package contender

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"

	"github.com/hashicorp/consul/api"
)

// consulLock is a candidate of Lock in Consul's client, used as its documentation shows: it leads from the return of Lock until the channel
// that Lock gave is closed, then gives the lock up and stands with a new one. Lock-delay and what monitors the lock are at their
// defaults. There is no fencing token.
type consulLock struct {
	*peer

	conns *connections
}

func startConsulLock(ctx context.Context, o Options) (Contender, error) {
	if o.Store != "consul" || len(o.Addrs) == 0 {
		return nil, fmt.Errorf("contender: %s at %s %q", ConsulLock, o.Store, o.Addrs)
	}
	config := consulConfig(o)
	conns := newConnections(config.Transport.DialContext)
	config.Transport.DialContext = conns.dial
	client, err := consulClient(config, o)
	if err != nil {
		return nil, err
	}
	c := &consulLock{conns: conns}
	options := api.LockOptions{Key: Key(o.Election), Value: []byte(o.ID)}
	if o.TTL != 0 {
		options.SessionTTL = o.TTL.String()
	}
	c.peer = startPeer(ctx, o, func(ctx context.Context) (*reign, error) {
		lock, err := client.LockOpts(new(options))
		if err != nil {
			return nil, err
		}
		lost, err := lock.Lock(ctx.Done())
		if err != nil {
			return nil, err
		}
		if lost == nil {
			return nil, context.Cause(ctx)
		}
		return &reign{lost: lost, leave: lock.Unlock}, nil
	})
	return c, nil
}

// Close ends the candidacy. A waiter is called off by breaking its connections, since Lock looks only every 15 seconds whether it is to stop;
// its session is left to its TTL. Calls have no limits of their own: what hangs while a leader leaves loses its connections after a while.
func (c *consulLock) Close() error {
	if _, leads := c.Leads(); !leads {
		c.conns.close()
	}
	err := c.end(c.conns.close)
	c.conns.close()
	return err
}

// connections are those of one client, so that its calls can be ended.
type connections struct {
	underlying func(ctx context.Context, network, addr string) (net.Conn, error)

	mu     sync.Mutex
	open   map[net.Conn]bool
	closed bool
}

func newConnections(dial func(ctx context.Context, network, addr string) (net.Conn, error)) *connections {
	return &connections{underlying: dial, open: make(map[net.Conn]bool)}
}

func (c *connections) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	conn, err := c.underlying(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, errors.Join(net.ErrClosed, conn.Close())
	}
	c.open[conn] = true
	return &connection{conn, c}, nil
}

// close breaks all connections and refuses new ones.
func (c *connections) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	for conn := range c.open {
		_ = conn.Close()
	}
}

// connection takes itself off the list when it is closed.
type connection struct {
	net.Conn
	all *connections
}

func (c *connection) Close() error {
	c.all.mu.Lock()
	delete(c.all.open, c.Conn)
	c.all.mu.Unlock()
	return c.Conn.Close()
}
