package crowd

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/leadership-go/leadership"
)

// Witness asks the members of one election all the time, one after the other, whether they lead, and judges the answers as a whole: once
// a member has said that it leads with a token, nobody may lead with a lower one any more, and nobody else with the same. It
// remembers what a verdict takes and no more, however long it runs.
type Witness struct {
	every time.Duration
	stop  chan struct{}
	done  chan struct{}

	mu      sync.Mutex
	members []*leadership.Member // never changed in place
	leader  *leadership.Member   // who said so last
	token   uint64               // the highest that was heard
	seen    Testimony
	last    time.Time
	spent   time.Duration
}

// Testimony is what a witness has seen.
type Testimony struct {
	// Rounds is how often each member was asked, and Led in how many of these rounds one led.
	Rounds, Led int
	// Terms is how many there were.
	Terms int
	// Overlaps counts answers that show two leaders, or a token that does not grow. First is the first of them.
	Overlaps int
	First    error
	// Mean and Longest are how far two questions to one member were apart.
	Mean, Longest time.Duration
}

// Attend starts to ask, with a pause of every between two rounds. Stop ends it.
func Attend(every time.Duration) *Witness {
	w := &Witness{every: every, stop: make(chan struct{}), done: make(chan struct{})}
	go func() {
		defer close(w.done)
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-w.stop:
				return
			case <-tick.C:
				w.round()
			}
		}
	}()
	return w
}

// Add has the witness ask m, too.
func (w *Witness) Add(m *leadership.Member) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.members = append(slices.Clone(w.members), m)
}

// Remove has it ask m no more.
func (w *Witness) Remove(m *leadership.Member) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.members = slices.DeleteFunc(slices.Clone(w.members), func(o *leadership.Member) bool { return o == m })
	if w.leader == m {
		w.leader = nil
	}
}

// Stop ends the asking. The testimony stays.
func (w *Witness) Stop() {
	close(w.stop)
	<-w.done
}

// Testimony is what was seen so far.
func (w *Witness) Testimony() Testimony {
	w.mu.Lock()
	defer w.mu.Unlock()
	t := w.seen
	t.Mean = w.spent / time.Duration(max(t.Rounds-1, 1))
	return t
}

// round asks everybody once.
func (w *Witness) round() {
	w.mu.Lock()
	members := w.members
	w.mu.Unlock()
	if len(members) == 0 {
		return
	}
	began := time.Now()
	led := false
	for _, m := range members {
		if term := m.Term(); term.Valid() {
			led = true
			w.hear(m, term.Token())
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.last.IsZero() {
		gap := began.Sub(w.last)
		w.spent += gap
		w.seen.Longest = max(w.seen.Longest, gap)
	}
	w.last = began
	w.seen.Rounds++
	if led {
		w.seen.Led++
	}
}

// hear takes in that m leads, with token. The questions follow one another, so their answers do.
func (w *Witness) hear(m *leadership.Member, token uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case token > w.token:
		w.leader, w.token = m, token
		w.seen.Terms++
	case token == w.token && (m == w.leader || !slices.Contains(w.members, m)):
	default:
		w.seen.Overlaps++
		if w.seen.First == nil {
			w.seen.First = fmt.Errorf("crowd: a member leads with token %d after another one did with %d", token, w.token)
		}
	}
}
