// Package footprint measures what a candidate that waits takes of its process.
package footprint

import (
	"context"
	"fmt"
	"runtime"
	"time"

	"github.com/leadership-go/leadership/e2e/internal/pause"
	"github.com/leadership-go/leadership/e2e/internal/stores"
)

// Kind is what candidates are measured.
type Kind struct {
	// Peer says that they are of the store's own client: concurrency.Election, or Lock.
	Peer bool
	// Own says that each has a client, and so connections, of its own. Else all share one.
	Own bool
}

// Options say how to measure.
type Options struct {
	// Candidates is how many wait.
	Candidates int
	// Settle is for how long all wait before they are measured: so long that each has renewed its session.
	Settle time.Duration
}

// Footprint is that of one candidate.
type Footprint struct {
	// Bytes are those of the heap and of stacks: what HeapAlloc and StackInuse of [runtime.MemStats] grow by.
	Bytes float64
	// Goroutines is how many run for it.
	Goroutines float64
}

const (
	// TTL is that of all sessions.
	TTL = 10 * time.Second
	// standsWithin is for how long they may take to stand, and to be gone.
	standsWithin = time.Minute
	// asks is the pause between two looks whether they do.
	asks = 100 * time.Millisecond
)

// Measure has many candidates wait in this process, and returns what each takes. They wait for keys of their own, which a session of the operator's holds: so what one takes does
// not depend on how many others there are, and nothing that is measured is a leader's. One more candidate waits from before: what many share does not count.
func Measure(ctx context.Context, store stores.Store, kind Kind, o Options) (f Footprint, err error) {
	if _, err := store.Sessions(ctx); err != nil { // the operator's connections were there before
		return f, err
	}
	before := runtime.NumGoroutine()
	g, err := newGroup(ctx, store, kind)
	if err != nil {
		return f, err
	}
	defer func() {
		g.close()
		g.gone(before)
	}()
	if err := g.add(ctx, 1); err != nil {
		return f, err
	}
	first, err := settle(ctx, o.Settle)
	if err != nil {
		return f, err
	}
	if err := g.add(ctx, o.Candidates); err != nil {
		return f, err
	}
	last, err := settle(ctx, o.Settle)
	if err != nil {
		return f, err
	}
	if led := g.led.Load(); led > 0 {
		return f, fmt.Errorf("footprint: %d candidates do not wait, but lead", led)
	}
	return last.since(first, o.Candidates), nil
}

// use is what the process uses.
type use struct {
	heap, stacks uint64
	goroutines   int
}

// settle waits until nothing new comes, and looks.
func settle(ctx context.Context, wait time.Duration) (use, error) {
	if err := pause.For(ctx, wait); err != nil {
		return use{}, err
	}
	runtime.GC()
	runtime.GC() // what pools kept over the first one
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return use{m.HeapAlloc, m.StackInuse, runtime.NumGoroutine()}, nil
}

// since is what each of n more takes.
func (u use) since(before use, n int) Footprint {
	bytes := float64(u.heap) + float64(u.stacks) - float64(before.heap) - float64(before.stacks)
	return Footprint{bytes / float64(n), float64(u.goroutines-before.goroutines) / float64(n)}
}
