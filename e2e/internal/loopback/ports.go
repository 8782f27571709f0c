// Package loopback finds ports for servers under test.
package loopback

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
)

// Attempts is how often the start of a server is tried, each time on other ports: see [Taken].
const Attempts = 5

// FreePorts finds n ports on which nobody listens, neither TCP nor UDP. They lie below the range that the system takes for outgoing connections, so that
// a server which is stopped for a while finds its own free again. They are free no longer than until somebody else takes them.
func FreePorts(ctx context.Context, n int) ([]int, error) {
	var ports []int
	var held []io.Closer
	defer func() {
		for _, l := range held {
			_ = l.Close()
		}
	}()
	var listen net.ListenConfig
	for range 1000 {
		if len(ports) == n {
			return ports, nil
		}
		port := 12000 + rand.IntN(20000)
		addr := fmt.Sprintf("127.0.0.1:%d", port)
		stream, err := listen.Listen(ctx, "tcp", addr)
		if err != nil {
			continue
		}
		held = append(held, stream)
		packets, err := listen.ListenPacket(ctx, "udp", addr)
		if err != nil {
			continue
		}
		held = append(held, packets)
		ports = append(ports, port)
	}
	return nil, fmt.Errorf("loopback: found %d free ports of %d", len(ports), n)
}

// Taken reports whether a server did not start because somebody else was quicker to take a port that was free.
func Taken(err error) bool {
	return err != nil && strings.Contains(err.Error(), "address already in use")
}
