package leadership

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// The files sim_*_test.go simulate an election: the real step of each member, a store with sessions that runs out of
// patience by a clock of its own, and a network that loses, delays, doubles and reorders. One seed decides everything, so
// that a run can be repeated. Time is an event queue; a simulated hour takes milliseconds.

// world is one simulated election.
type world struct {
	plan    plan
	rng     *rand.Rand
	now     time.Duration // true time, which no clock here shows
	queue   agendaHeap
	order   uint64
	store   *simStore
	members []*simMember
	errs    []error // the violation, if there is one
	stats   simStats
	tokens  uint64 // the highest token that anybody has led with
	hash    uint64
	trace   func(format string, args ...any) // nil: none
}

// maxSimSteps is far above what any plan takes.
const maxSimSteps = 200_000

// simStats counts what happened.
type simStats struct {
	seeds, steps, requests, terms, overlooked int
	faults                                    [faultCount]int
	led                                       time.Duration // from the first term on, how long somebody led; see lead
}

func (s *simStats) add(o simStats) {
	s.seeds += o.seeds
	s.steps += o.steps
	s.requests += o.requests
	s.terms += o.terms
	s.overlooked += o.overlooked
	s.led += o.led
	for i := range s.faults {
		s.faults[i] += o.faults[i]
	}
}

// simulate runs plan to its end and returns what it counted and the first violation.
func simulate(p plan, trace func(string, ...any)) (stats simStats, hash uint64, err error) {
	w := &world{plan: p, rng: rand.New(rand.NewPCG(p.seed, 3)), hash: 14695981039346656037, trace: trace}
	defer func() {
		if r := recover(); r != nil {
			stats, hash, err = w.stats, w.hash, fmt.Errorf("panic at %v: %v", w.now, r)
		}
	}()
	w.stats.seeds = 1
	w.store = newSimStore(w)
	for i := range p.members {
		w.members = append(w.members, newSimMember(w, i))
	}
	for _, f := range p.faults {
		w.at(f.at, func() { w.begin(f) })
	}
	w.run(p.faultsEnd())
	w.heal()
	w.settle()
	w.closeAll()
	if len(w.errs) > 0 {
		err = w.errs[0]
	}
	return w.stats, w.hash, err
}

// run lets everything happen that does until then, or until something is wrong.
func (w *world) run(until time.Duration) {
	for len(w.errs) == 0 && len(w.queue) > 0 && w.queue[0].at <= until {
		e := w.queue.pop()
		w.now = e.at
		e.run()
		if w.stats.steps > maxSimSteps {
			w.violated("%d steps: something goes round in circles", w.stats.steps)
		}
	}
	w.now = max(w.now, until)
}

// runUntil lets everything happen until done, at most until limit, and reports whether that came.
func (w *world) runUntil(limit time.Duration, done func() bool) bool {
	for len(w.errs) == 0 && !done() {
		if len(w.queue) == 0 || w.queue[0].at > limit {
			return false
		}
		w.run(w.queue[0].at)
	}
	return true
}

// at has f run at that true time, after d has it run after that long.
func (w *world) at(t time.Duration, f func()) {
	w.order++
	w.queue.push(appointed{max(t, w.now), w.order, f})
}

func (w *world) after(d time.Duration, f func()) { w.at(w.now+d, f) }

// violated notes that an invariant does not hold.
func (w *world) violated(format string, args ...any) {
	w.errs = append(w.errs, fmt.Errorf("at %v: %w", w.now, fmt.Errorf(format, args...)))
	w.log("VIOLATION: "+format, args...)
}

func (w *world) log(format string, args ...any) {
	if w.trace != nil {
		w.trace("%12v  "+format, append([]any{w.now.Round(time.Microsecond)}, args...)...)
	}
}

// note takes something that happened into the hash of the run.
func (w *world) note(values ...uint64) {
	for _, v := range append(values, uint64(w.now)) {
		w.hash = (w.hash ^ v) * 1099511628211
	}
}

func (w *world) chance(p float64) bool { return p > 0 && w.rng.Float64() < p }

// upTo is a random duration below d.
func (w *world) upTo(d time.Duration) time.Duration {
	if d <= 0 {
		return 0
	}
	return time.Duration(w.rng.Int64N(int64(d)))
}

// appointed is something that happens at a time; order decides between equals.
type appointed struct {
	at    time.Duration
	order uint64
	run   func()
}

// agendaHeap is a queue of them, the next one first. A heap of its own kind takes half the time of container/heap's, in a loop that runs billions of times.
type agendaHeap []appointed

func (h agendaHeap) sooner(i, j int) bool {
	return h[i].at < h[j].at || h[i].at == h[j].at && h[i].order < h[j].order
}

func (h *agendaHeap) push(a appointed) {
	*h = append(*h, a)
	q := *h
	for i := len(q) - 1; i > 0 && q.sooner(i, (i-1)/2); i = (i - 1) / 2 {
		q[i], q[(i-1)/2] = q[(i-1)/2], q[i]
	}
}

func (h *agendaHeap) pop() appointed {
	q := *h
	first, last := q[0], len(q)-1
	q[0], q[last] = q[last], appointed{}
	q = q[:last]
	*h = q
	for i := 0; ; {
		child := 2*i + 1
		if child+1 < last && q.sooner(child+1, child) {
			child++
		}
		if child >= last || !q.sooner(child, i) {
			return first
		}
		q[i], q[child] = q[child], q[i]
		i = child
	}
}
