// Package cable is a network cable that can be cut, for programs that show what a crash does.
package cable

import (
	"context"
	"net"
	"sync/atomic"
)

// Cable carries all connections that were dialled through it until it is cut. As with a real one, nobody is told: what is
// sent is lost, and nothing comes. The zero Cable is whole.
type Cable struct{ gone atomic.Bool }

// Cut cuts the cable, for good.
func (c *Cable) Cut() { c.gone.Store(true) }

// Dial connects to a TCP address, as grpc.WithContextDialer wants it.
func (c *Cable) Dial(ctx context.Context, address string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	return &wire{conn, c}, nil
}

// wire is one connection in a cable.
type wire struct {
	net.Conn
	cable *Cable
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
