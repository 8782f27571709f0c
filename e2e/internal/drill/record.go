package drill

import (
	"bytes"
	"sync/atomic"
	"time"
)

// How much one process can note. What is unused takes no room on the disk.
const (
	maxTerms  = 1 << 13
	maxEdges  = 1 << 14
	maxWakes  = 1 << 12
	maxOrders = 1 << 12
	maxText   = 512
)

// sheet is the file in which a candidate notes what it believes. One process writes and another reads, at any time: every word is
// atomic, and the numbers of rows grow only when their rows are complete.
type sheet struct {
	terms, edges, wakes atomic.Uint64 // how many there are
	full                atomic.Uint64
	told                atomic.Uint64
	samples             atomic.Uint64
	interrupted         atomic.Uint64
	apart               atomic.Uint64
	goroutines          atomic.Uint64
	breached            atomic.Uint64 // how long the text is
	breach              [maxText]atomic.Uint32

	term [maxTerms]struct{ token, first, last, over atomic.Uint64 }
	edge [maxEdges]struct{ elected, token, at atomic.Uint64 }
	wake [maxWakes]struct{ slept, woke, led atomic.Uint64 }

	orders, answered atomic.Uint64 // how many were taken, and how many of these answered
	order            [maxOrders]struct{ taken, answered, answer atomic.Uint64 }
}

// next is the row after those that are complete.
func (s *sheet) next(rows *atomic.Uint64, most uint64) (row uint64, ok bool) {
	row = rows.Load()
	if row == most {
		s.full.Store(1)
		return 0, false
	}
	return row, true
}

// begin notes a new term.
func (s *sheet) begin(t Term) {
	i, ok := s.next(&s.terms, maxTerms)
	if !ok {
		return
	}
	row := &s.term[i]
	row.token.Store(t.Token)
	row.first.Store(uint64(t.First))
	row.last.Store(uint64(t.Last))
	s.terms.Store(i + 1)
}

// last notes another "yes" in the term begun last; over notes its end.
func (s *sheet) last(at Instant) { s.term[s.terms.Load()-1].last.Store(uint64(at)) }

func (s *sheet) over(at Instant) { s.term[s.terms.Load()-1].over.Store(uint64(at)) }

func (s *sheet) addEdge(e Edge) {
	i, ok := s.next(&s.edges, maxEdges)
	if !ok {
		return
	}
	row := &s.edge[i]
	row.elected.Store(flag(e.Elected))
	row.token.Store(e.Token)
	row.at.Store(uint64(e.At))
	s.edges.Store(i + 1)
}

func (s *sheet) addWake(w Wake) {
	i, ok := s.next(&s.wakes, maxWakes)
	if !ok {
		return
	}
	row := &s.wake[i]
	row.slept.Store(uint64(w.Slept))
	row.woke.Store(uint64(w.Woke))
	row.led.Store(flag(w.Led))
	s.wakes.Store(i + 1)
}

// take notes that the next command is about to be carried out.
func (s *sheet) take(at Instant) {
	i, ok := s.next(&s.orders, maxOrders)
	if !ok {
		return
	}
	s.order[i].taken.Store(uint64(at))
	s.orders.Store(i + 1)
}

// answer notes what came of it.
func (s *sheet) answer(at Instant, a Answer) {
	i := s.answered.Load()
	if i == s.orders.Load() { // there was no room for it
		return
	}
	s.order[i].answered.Store(uint64(at))
	s.order[i].answer.Store(uint64(a))
	s.answered.Store(i + 1)
}

func flag(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

// addBreach notes the first breach of the grammar.
func (s *sheet) addBreach(text string) {
	if s.breached.Load() > 0 {
		return
	}
	n := min(len(text), maxText)
	for i := range n {
		s.breach[i].Store(uint32(text[i]))
	}
	s.breached.Store(uint64(n))
}

// read is what stands in the sheet now.
func (s *sheet) read() Life {
	var life Life
	for i := range s.terms.Load() {
		life.Terms = append(life.Terms, s.readTerm(i))
	}
	for i := range s.edges.Load() {
		row := &s.edge[i]
		life.Edges = append(life.Edges, Edge{row.elected.Load() == 1, row.token.Load(), Instant(row.at.Load())})
	}
	for i := range s.wakes.Load() {
		row := &s.wake[i]
		life.Wakes = append(life.Wakes, Wake{Instant(row.slept.Load()), Instant(row.woke.Load()), row.led.Load() == 1})
	}
	answered := s.answered.Load() // first: what is answered was taken
	for i := range s.orders.Load() {
		row := &s.order[i]
		o := Order{Began: Instant(row.taken.Load())}
		if i < answered {
			o.Returned, o.Answer = Instant(row.answered.Load()), Answer(row.answer.Load())
		}
		life.Orders = append(life.Orders, o)
	}
	var breach bytes.Buffer
	for i := range s.breached.Load() {
		breach.WriteByte(byte(s.breach[i].Load()))
	}
	life.Breach = breach.String()
	life.Told = s.told.Load() == 1
	life.Full = s.full.Load() == 1
	life.Samples, life.Interrupted, life.Apart = int(s.samples.Load()), int(s.interrupted.Load()), time.Duration(s.apart.Load())
	return life
}

func (s *sheet) readTerm(i uint64) Term {
	row := &s.term[i]
	return Term{row.token.Load(), Instant(row.first.Load()), Instant(row.last.Load()), Instant(row.over.Load())}
}

// current is the term that goes on.
func (s *sheet) current() (Term, bool) {
	n := s.terms.Load()
	if n == 0 {
		return Term{}, false
	}
	t := s.readTerm(n - 1)
	return t, t.Over == 0
}
