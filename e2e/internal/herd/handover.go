package herd

import (
	"context"
	"time"

	"github.com/leadership-go/leadership/e2e/internal/pause"
)

const (
	// window is for how long nothing is to be asked, so that it is quiet.
	window = 400 * time.Millisecond
	// settlesWithin bounds the wait for that.
	settlesWithin = 30 * time.Second
	// share of those who wait may ask meanwhile nevertheless: each looks at the key once in a while by itself.
	share = 20
)

// handOver has the leader resign, and counts until it is quiet. What the resignation returns does not matter where there is a successor.
func (h *herd) handOver(ctx context.Context) (Handover, error) {
	if len(h.led) > 0 {
		return Handover{}, errItself
	}
	before, old := h.counts(), h.leader
	resigned := make(chan struct{})
	began := time.Now()
	go func() {
		defer close(resigned)
		_ = h.candidates[old].Resign(ctx)
	}()
	next, err := h.next(ctx)
	<-resigned
	if err != nil {
		return Handover{}, err
	}
	h.leader = next.candidate
	after, err := h.settle(ctx)
	if err != nil {
		return Handover{}, err
	}
	one := cost(since(after, before), old)
	one.Took = next.at.Sub(began)
	return one, nil
}

// settle waits until nothing is asked for a while, and returns the counts.
func (h *herd) settle(ctx context.Context) ([]count, error) {
	last, most := h.counts(), h.waiters/share
	for start := time.Now(); time.Since(start) < settlesWithin; {
		if err := pause.For(ctx, window); err != nil {
			return nil, err
		}
		now := h.counts()
		if stirred(since(now, last)) <= most {
			h.quiet = time.Now()
			return now, nil
		}
		last = now
	}
	return nil, errRestive
}

// counts are those of all candidates so far.
func (h *herd) counts() []count {
	counts := make([]count, len(h.counters))
	for i := range h.counters {
		counts[i] = read(&h.counters[i])
	}
	return counts
}

// since is what came after earlier counts.
func since(counts, before []count) []count {
	came := make([]count, len(counts))
	for i := range counts {
		came[i] = counts[i].since(before[i])
	}
	return came
}

// next waits until somebody leads.
func (h *herd) next(ctx context.Context) (elected, error) {
	timer := time.NewTimer(within)
	defer timer.Stop()
	select {
	case e := <-h.led:
		return e, nil
	case <-timer.C:
		return elected{}, errNobody
	case <-ctx.Done():
		return elected{}, context.Cause(ctx)
	}
}
