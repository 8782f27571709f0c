package herd

import (
	"context"
	"sync"
	"time"

	"github.com/leadership-go/leadership/e2e/internal/contender"
	"github.com/leadership-go/leadership/e2e/internal/pause"
	"github.com/leadership-go/leadership/e2e/internal/stores"
	"github.com/leadership-go/leadership/e2e/internal/traffic"
)

// herd is a leader and those who wait for its key.
type herd struct {
	kind       string
	waiters    int
	candidates []contender.Contender
	counters   []traffic.Counter // by number
	leader     int
	led        chan elected
	quiet      time.Time // since when it is
}

// elected is when a candidate got to know that it leads.
type elected struct {
	candidate int
	at        time.Time
}

func newHerd(kind string, waiters int) *herd {
	return &herd{kind: kind, waiters: waiters, counters: make([]traffic.Counter, 1+waiters), led: make(chan elected, 100)}
}

// gather starts all, the leader first, and returns when the others wait.
func (h *herd) gather(ctx context.Context, store stores.Store, election string, ttl time.Duration) error {
	start, err := contender.Of(h.kind)
	if err != nil {
		return err
	}
	for number := range h.counters {
		c, err := start(ctx, h.options(store, election, number, ttl))
		if err != nil {
			return err
		}
		h.candidates = append(h.candidates, c)
		if number == 0 {
			if _, err := h.next(ctx); err != nil {
				return err
			}
		}
	}
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	for i := range h.waiters {
		for h.counters[1+i].Sent().Of(traffic.Request.Watches) == 0 {
			if err := pause.For(ctx, window/10); err != nil {
				return err
			}
		}
	}
	h.quiet = time.Now()
	return nil
}

// close ends all, the leader last, so that nobody succeeds. How they leave is not measured.
func (h *herd) close() {
	var all sync.WaitGroup
	for i, c := range h.candidates {
		if i != h.leader {
			all.Go(func() { _ = c.Close() })
		}
	}
	all.Wait()
	if h.leader < len(h.candidates) {
		_ = h.candidates[h.leader].Close()
	}
}
