package contender

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/leadership-go/leadership"
)

const (
	// lookEvery is the pause between two looks of work at its own context.
	lookEvery = 2 * time.Millisecond
	// mostLinger is how long work takes at most to return once it was told to.
	mostLinger = 100 * time.Millisecond
)

// worker runs work for a member through Lead, as its users do, and notes what must not be: two runs at once, or a context that outlives its term.
type worker struct {
	leading sync.WaitGroup
	running atomic.Int64
	breach  atomic.Pointer[error]
}

func startWorker(m *leadership.Member) *worker {
	w := new(worker)
	w.leading.Go(func() {
		if err := m.Lead(context.Background(), w.work); !errors.Is(err, leadership.ErrClosed) {
			w.note(fmt.Errorf("contender: Lead returned %w", err))
		}
	})
	return w
}

// end waits for the work of a member that was closed.
func (w *worker) end() error {
	w.leading.Wait()
	if breach := w.breach.Load(); breach != nil {
		return *breach
	}
	return nil
}

func (w *worker) note(err error) { w.breach.CompareAndSwap(nil, &err) }

func (w *worker) work(ctx context.Context, t leadership.Term) error {
	if n := w.running.Add(1); n > 1 {
		w.note(fmt.Errorf("contender: %d runs of work at once, in term %d", n, t.Token()))
	}
	defer w.running.Add(-1)
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for live := true; live; {
		if !t.Valid() && ctx.Err() == nil { // in this order: the process may be stopped in between
			w.note(fmt.Errorf("contender: the context of work outlives term %d", t.Token()))
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			live = false
		}
	}
	linger := time.NewTimer(rand.N(mostLinger))
	defer linger.Stop()
	<-linger.C
	return ctx.Err()
}
