package fenced

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"sync"
	"time"

	"github.com/leadership-go/leadership/e2e/internal/stores"
)

// Scenario is a number of elections whose leaders are deposed in every way, while all that have ever led go on writing.
type Scenario struct {
	// Guard is what writes are guarded by.
	Guard Guard
	// For is how long leaders are deposed, and longer where not even one was by then.
	For time.Duration
	// Every has it go on until leaders were deposed in every way.
	Every bool
	// Elections is how many run at once. Default 3.
	Elections int
	// TTL is that of all sessions. Default 2 s.
	TTL time.Duration
	// Seed chooses the moments.
	Seed uint64
}

// Deposed says how often leaders were deposed in each way, up to the first accepted write of a successor.
type Deposed map[Way]int

// Total is how often in all.
func (d Deposed) Total() (n int) {
	for _, times := range d {
		n += times
	}
	return n
}

// Run runs the scenario at a store and has all operations recorded.
func (s Scenario) Run(ctx context.Context, store stores.Store, r *Recorder) (Deposed, error) {
	s.Elections = cmp.Or(s.Elections, 3)
	s.TTL = cmp.Or(s.TTL, 2*time.Second)
	ctx, cancel := context.WithTimeout(ctx, s.For+patience(s.TTL))
	defer cancel()
	name := rand.Text()
	var all tally
	errs := make([]error, s.Elections)
	var running sync.WaitGroup
	for i := range s.Elections {
		running.Go(func() {
			e := &election{
				Scenario: s, store: store, recorder: r, all: &all, name: fmt.Sprintf("fenced-%s-%d", name, i),
				chance: mathrand.New(mathrand.NewPCG(s.Seed, uint64(i))),
			}
			errs[i] = e.run(ctx, i*len(Ways())/s.Elections)
		})
	}
	running.Wait()
	return all.deposed, errors.Join(errs...)
}

// tally counts what the elections of a scenario do.
type tally struct {
	mu      sync.Mutex
	deposed Deposed
}

// add counts one more leader.
func (t *tally) add(way Way) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.deposed == nil {
		t.deposed = make(Deposed)
	}
	t.deposed[way]++
}

// ways is in how many ways leaders were deposed.
func (t *tally) ways() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.deposed)
}

// patience is how long a successor may take, with all that the store and a busy machine add.
func patience(ttl time.Duration) time.Duration { return 10*ttl + 2*time.Minute }

// Way is how a leader is deposed.
type Way string

// The ways. A member that is cut off finds by itself that its term is over; writers have another way to the store.
const (
	Resigned     Way = "resigned"
	KeyDeleted   Way = "key deleted"
	SessionEnded Way = "session ended"
	CutUpstream  Way = "cut upstream"
	CutDown      Way = "cut downstream"
	CutBoth      Way = "cut both"
)

// Ways are all of them.
func Ways() []Way { return []Way{Resigned, CutUpstream, KeyDeleted, CutDown, SessionEnded, CutBoth} }
