package streams

import (
	"fmt"
	"runtime"
	"sync"
	"time"
)

// patience is how long any one measurement may take.
const patience = 2 * time.Minute

// watch ends the program, with the stacks of all goroutines, when a measurement takes for ever: a subscriber has been left without what it was due.
func (h Hot) watch() *time.Timer {
	return time.AfterFunc(patience, func() { panic(h.Name + " did not deliver all in " + patience.String()) })
}

// FanOut is how a source emits: Bursts times Burst values, at most a mailbox, to each of Subscribers. It waits until all have what it
// has emitted before it goes on. A source that outruns its subscribers is blocked by full channels, and ends subscriptions with full
// mailboxes; neither is what is measured.
type FanOut struct {
	Subscribers, Burst, Bursts int
}

// Deliveries is how often a subscriber is called, all in all.
func (f FanOut) Deliveries() int { return f.Subscribers * f.Burst * f.Bursts }

// tally is what one subscriber was given.
type tally struct {
	Result
	_ [48]byte // the next one is another's: they share no cache line
}

// Run returns how long it took from the first value to the last one's arrival. Subscribing and ending are not in it, nor is one value before.
func (h Hot) Run(f FanOut) (time.Duration, error) {
	defer h.watch().Stop()
	var caughtUp sync.WaitGroup
	tallies := make([]tally, f.Subscribers)
	next := make([]func(int), f.Subscribers)
	for i := range next {
		t := &tallies[i]
		next[i] = func(v int) {
			t.Sum += v
			t.Count++
			if (t.Count-1)%f.Burst == 0 {
				caughtUp.Done()
			}
		}
	}
	emit, stop := h.start(next)
	emitted := Result{}
	burst := func(size int) {
		caughtUp.Add(f.Subscribers)
		for range size {
			emitted.Sum += emitted.Count
			emit(emitted.Count)
			emitted.Count++
		}
		caughtUp.Wait()
	}
	burst(1)
	start := time.Now()
	for range f.Bursts {
		burst(f.Burst)
	}
	took := time.Since(start)
	if err := stop(); err != nil {
		return 0, fmt.Errorf("%s: %w", h.Name, err)
	}
	for i := range tallies {
		if tallies[i].Result != emitted {
			return 0, fmt.Errorf("%s: subscriber %d got %+v of %+v", h.Name, i, tallies[i].Result, emitted)
		}
	}
	return took, nil
}

// RunWithSlowOne has one of many subscribers sleep at each of so many events, and returns when all the others had all of them.
func (h Hot) RunWithSlowOne(subscribers, events int, sleep time.Duration) (time.Duration, error) {
	defer h.watch().Stop()
	var others sync.WaitGroup
	tallies := make([]tally, subscribers)
	next := make([]func(int), subscribers)
	others.Add(subscribers - 1)
	for i := range next {
		t := &tallies[i]
		next[i] = func(int) {
			if i == 0 {
				time.Sleep(sleep)
			}
			t.Count++
			if t.Count == events && i > 0 {
				others.Done()
			}
		}
	}
	emit, stop := h.start(next)
	start := time.Now()
	for v := range events {
		emit(v)
	}
	others.Wait()
	took := time.Since(start)
	if err := stop(); err != nil {
		return 0, fmt.Errorf("%s: %w", h.Name, err)
	}
	for i := range tallies {
		if tallies[i].Count != events {
			return 0, fmt.Errorf("%s: subscriber %d got %d of %d", h.Name, i, tallies[i].Count, events)
		}
	}
	return took, nil
}

// Idle is what a subscriber costs that has had an event and waits for the next one.
type Idle struct {
	Bytes, Goroutines float64
}

// Idle subscribes so many and shares out what that took. What belongs to the user, the callback, is not counted.
func (h Hot) Idle(subscribers int) (Idle, error) {
	defer h.watch().Stop()
	var had sync.WaitGroup
	had.Add(subscribers)
	next := make([]func(int), subscribers)
	for i := range next {
		next[i] = func(int) { had.Done() }
	}
	bytes, goroutines := inUse()
	emit, stop := h.start(next)
	emit(0)
	had.Wait()
	settle(goroutines)
	bytesThen, goroutinesThen := inUse()
	runtime.KeepAlive(next)
	if err := stop(); err != nil {
		return Idle{}, fmt.Errorf("%s: %w", h.Name, err)
	}
	share := func(before, after int) float64 { return float64(max(after-before, 0)) / float64(subscribers) }
	return Idle{Bytes: share(bytes, bytesThen), Goroutines: share(goroutines, goroutinesThen)}, nil
}

// settle gives goroutines that are about to end some time to do so.
func settle(few int) {
	for range 100 {
		if runtime.NumGoroutine() <= few {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

// inUse is what the heap and stacks hold, and how many goroutines there are.
func inUse() (bytes, goroutines int) {
	runtime.GC()
	runtime.GC() // what finalizers and pools let go
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc + m.StackInuse), runtime.NumGoroutine()
}
