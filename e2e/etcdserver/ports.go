package etcdserver

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
)

// freePorts finds n ports that nobody listens on. They lie below the range that the system takes for outgoing connections, so that a
// server which is stopped for a while finds its own free again.
func freePorts(ctx context.Context, n int) ([]int, error) {
	var ports []int
	var held []net.Listener
	defer func() {
		for _, l := range held {
			_ = l.Close()
		}
	}()
	for range 1000 {
		if len(ports) == n {
			return ports, nil
		}
		port := 12000 + rand.IntN(20000)
		l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue
		}
		held = append(held, l)
		ports = append(ports, port)
	}
	return nil, fmt.Errorf("etcdserver: found %d free ports of %d", len(ports), n)
}
