// Package fault breaks the network between a member and its store.
package fault

import (
	"context"
	"errors"
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
	zerolog.SetGlobalLevel(zerolog.WarnLevel) // some toxics log to zerolog's own logger, whatever the server is given
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
	if d == Both {
		return l.bothWays("timeout", `{"timeout":0}`)
	}
	return l.add("timeout", d, `{"timeout":0}`)
}

// Lose makes a share of the connections, new ones included, black holes in one direction; the others go on.
func (l *Link) Lose(d Direction, share float64) error {
	return l.addTo(share, "timeout", d, `{"timeout":0}`)
}

// Delay has the store's answers take that much longer.
func (l *Link) Delay(d time.Duration) error {
	return l.add("latency", Downstream, fmt.Sprintf(`{"latency":%d}`, d.Milliseconds()))
}

// Throttle lets that many kilobytes pass in a second, each way.
func (l *Link) Throttle(rate int) error {
	return l.bothWays("bandwidth", fmt.Sprintf(`{"rate":%d}`, rate))
}

// Reset breaks every connection, new ones included, as soon as it carries a byte.
func (l *Link) Reset() error { return l.bothWays("reset_peer", `{"timeout":0}`) }

func (l *Link) bothWays(kind, attributes string) error {
	return errors.Join(l.add(kind, Upstream, attributes), l.add(kind, Downstream, attributes))
}

func (l *Link) add(kind string, stream Direction, attributes string) error {
	return l.addTo(1, kind, stream, attributes)
}

// addTo has a fault befall that share of the connections.
func (l *Link) addTo(share float64, kind string, stream Direction, attributes string) error {
	toxic := fmt.Sprintf(`{"type":%q,"stream":%q,"toxicity":%g,"attributes":%s}`, kind, stream, share, attributes)
	if _, err := l.proxy.Toxics.AddToxicJson(strings.NewReader(toxic)); err != nil {
		return fmt.Errorf("fault: %s %s: %w", kind, stream, err)
	}
	return nil
}

// Heal carries bytes again, as quickly as it can. Connections that were cut break.
func (l *Link) Heal(ctx context.Context) { l.proxy.Toxics.ResetToxics(ctx) }

// Close breaks all connections and refuses new ones.
func (l *Link) Close() { l.proxy.Stop() }
