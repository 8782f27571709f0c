// Package fault breaks the network between a member and its store.
package fault

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
)

// Direction says which way packets no longer pass.
type Direction string

const (
	// Upstream is from the member to the store.
	Upstream Direction = "upstream"
	// Downstream is from the store to the member.
	Downstream Direction = "downstream"
	// Both ways.
	Both Direction = "both"
)

// Link is a TCP connection path through which a member reaches a server. It is healthy at first.
type Link struct{ proxy *toxiproxy.Proxy }

// NewLink listens on a free port of loopback and carries everything on to target.
func NewLink(target string) (*Link, error) {
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	proxy := toxiproxy.NewProxy(server, "link", "127.0.0.1:0", target)
	if err := proxy.Start(); err != nil {
		return nil, fmt.Errorf("fault: link to %s: %w", target, err)
	}
	return &Link{proxy}, nil
}

// Addr is the host and port to connect to.
func (l *Link) Addr() string { return l.proxy.Listen }

// Cut makes the link a black hole in that direction: bytes vanish, connections stay open, new ones are accepted.
func (l *Link) Cut(d Direction) error {
	streams := []Direction{d}
	if d == Both {
		streams = []Direction{Upstream, Downstream}
	}
	for _, stream := range streams {
		if err := l.add("timeout", stream, `{"timeout":0}`); err != nil {
			return err
		}
	}
	return nil
}

// Delay has the store's answers take that much longer.
func (l *Link) Delay(d time.Duration) error {
	return l.add("latency", Downstream, fmt.Sprintf(`{"latency":%d}`, d.Milliseconds()))
}

func (l *Link) add(kind string, stream Direction, attributes string) error {
	toxic := fmt.Sprintf(`{"type":%q,"stream":%q,"attributes":%s}`, kind, stream, attributes)
	if _, err := l.proxy.Toxics.AddToxicJson(strings.NewReader(toxic)); err != nil {
		return fmt.Errorf("fault: %s %s: %w", kind, stream, err)
	}
	return nil
}

// Heal carries bytes again, as quickly as it can. Connections that were cut break.
func (l *Link) Heal(ctx context.Context) { l.proxy.Toxics.ResetToxics(ctx) }

// Close breaks all connections and refuses new ones.
func (l *Link) Close() { l.proxy.Stop() }
