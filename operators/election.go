package operators

import (
	"slices"
	"time"

	"github.com/leadership-go/leadership"
)

// message is what a member's stream is made of.
type message = leadership.ElectionMessage

// OfStatus emits the messages that have one of the given statuses.
//
//	n notelected, e elected, f elected.first
//
//	          -n-(ef)-e-e-|
//	elected   ---e----e-e-|
func OfStatus(messages leadership.Observable[leadership.ElectionMessage], statuses ...leadership.Status) leadership.Observable[leadership.ElectionMessage] {
	statuses = slices.Clone(statuses)
	return Filter(messages, func(m message) bool { return slices.Contains(statuses, m.Status) })
}

// Edges emits only where a term begins and ends: elected.first and relegation.
//
//	e elected, f elected.first, n notelected, r relegation
//
//	-n-(ef)-e-e-(nr)-n-|
//	---f--------r------|
func Edges(messages leadership.Observable[leadership.ElectionMessage]) leadership.Observable[leadership.ElectionMessage] {
	return OfStatus(messages, leadership.StatusElectedFirst, leadership.StatusRelegation)
}

// LeaderChanges emits the vote of whoever leads, at first and whenever that changes; nil when nobody is known to lead, which
// includes a leader whose vote cannot be read. It tells the member's view: of two changes that come soon after one another, a
// follower may see only the second. Two terms of one vote with nothing between are no change. Messages about errors count for nothing.
//
//	a, b messages with the vote of a, of b; x a message without one
//
//	-a-a-x-b-b-|
//	-a---x-b---|
func LeaderChanges(messages leadership.Observable[leadership.ElectionMessage]) leadership.Observable[*leadership.Vote] {
	return leadership.New(func(s *leadership.Scope, out leadership.Observer[*leadership.Vote]) {
		messages.SubscribeIn(s, &leaderChanges{out: out})
	})
}

type leaderChanges struct {
	out   leadership.Observer[*leadership.Vote]
	last  leadership.Vote // the zero one: nobody
	known bool
}

func (l *leaderChanges) Next(m message) {
	switch m.Status {
	case leadership.StatusElected, leadership.StatusElectedFirst, leadership.StatusNotElected, leadership.StatusRelegation:
	case leadership.StatusError:
		return
	default:
		return
	}
	var now leadership.Vote
	if m.Vote != nil {
		now = *m.Vote
	}
	if l.known && now == l.last {
		return
	}
	l.last, l.known = now, true
	l.out.Next(m.Vote)
}

func (l *leaderChanges) Error(err error) { l.out.Error(err) }
func (l *leaderChanges) Complete()       { l.out.Complete() }

// WhileLeading subscribes, for each term of the member, to the stream that work makes of its fencing token, and emits what that
// emits. The stream lives from elected.first to relegation: then it is released, its [leadership.Scope.Context] ends, and nothing
// of it is emitted any more, not even what waited for a slow subscriber. It ends as well with the notelected before a relegation and
// with messages, since nobody could tell it of the relegation any more. A stream that completes within its term is not begun again in that term. An
// error of one ends all.
//
// Work and its stream run on a goroutine of their own for each term, so that a stream which keeps Subscribe busy, or a subscriber that
// is, does not hold the relegation up. What ignores its context for a while can still overlap with the next term: guard what must not, by the
// fencing token and [leadership.Term.Valid].
//
//	f elected.first, r relegation
//
//	                --f-----r---f-|
//	work -1-2-3-4   ---1-2-3-----1|
func WhileLeading[U any](messages leadership.Observable[leadership.ElectionMessage], work func(term uint64) leadership.Observable[U]) leadership.Observable[U] {
	return leadership.New(func(s *leadership.Scope, out leadership.Observer[U]) {
		w := &whileLeading[U]{work: work}
		w.begin(s, out, 1)
		messages.SubscribeIn(w.scope, w)
	})
}

type whileLeading[U any] struct {
	join[U]
	work    func(term uint64) leadership.Observable[U]
	term    uint64
	current *inner[U] // of the term under way; nil: there is none
}

func (w *whileLeading[U]) Next(m message) {
	switch m.Status {
	case leadership.StatusElectedFirst:
		if w.current == nil || w.term != m.Term {
			w.relegate()
			w.elect(m.Term)
		}
	case leadership.StatusNotElected, leadership.StatusRelegation:
		w.relegate()
	case leadership.StatusElected, leadership.StatusError:
	}
}

func (w *whileLeading[U]) Complete() {
	w.relegate()
	w.join.Complete()
}

func (w *whileLeading[U]) elect(term uint64) {
	w.open.Add(1)
	i := w.inner()
	w.term, w.current = term, i
	i.scope.Go(func() { w.work(term).SubscribeIn(i.scope, i) })
}

func (w *whileLeading[U]) relegate() {
	w.current.drop()
	w.current = nil
}

// DebounceEdges keeps an election that flaps from its subscriber, and never a relegation: what it shows is careful with good news only.
//
//   - elected.first is emitted d after it came. A relegation before that cancels it, and is not emitted itself, as no term was
//     shown that it could close.
//   - Any other relegation passes at once.
//   - Of the repeated elected and notelected, one is emitted when d has passed since and no other came, or before an edge.
//   - Errors pass at once.
//
// When messages complete, what is pending is emitted before that; before an error, no elected.first is. With d of 0 or less it changes
// nothing. So a term begins d later than the store says, and the subscriber's part of it is shorter by that.
//
//	f elected.first, r relegation
//
//	           -f-r---f-----r-|
//	3 frames   ----------f--r-|
func DebounceEdges(messages leadership.Observable[leadership.ElectionMessage], d time.Duration) leadership.Observable[leadership.ElectionMessage] {
	if d <= 0 {
		return messages
	}
	return leadership.New(func(s *leadership.Scope, out leadership.Observer[message]) {
		last := newExit(s, out)
		e := &debounceEdges{outbox: newOutbox[message](s, last), d: d}
		e.quiet.timer = last.source.Timer(e.afterQuiet)
		e.proof.timer = last.source.Timer(e.afterProof)
		messages.SubscribeIn(last.source, e)
	})
}

type debounceEdges struct {
	outbox[message]
	d time.Duration

	heartbeat slot[message]
	quiet     alarm // since the last heartbeat
	first     slot[message]
	proof     alarm // of the first
	shown     bool  // a term that no relegation has closed yet
}

func (e *debounceEdges) Next(m message) {
	e.Lock()
	defer e.deliver()
	switch m.Status {
	case leadership.StatusElected, leadership.StatusNotElected:
		e.heartbeat.put(m)
		e.quiet.set(e.d)
	case leadership.StatusElectedFirst:
		e.first.put(m)
		e.proof.set(e.d)
	case leadership.StatusRelegation:
		if e.first.full {
			e.first.drop()
			e.proof.stop()
			if !e.shown {
				return
			}
		}
		e.shown = false
		e.beat()
		e.post(m)
	case leadership.StatusError:
		e.post(m)
	default:
		e.post(m)
	}
}

// beat emits the pending heartbeat.
func (e *debounceEdges) beat() {
	e.quiet.stop()
	e.heartbeat.postTo(&e.outbox)
}

func (e *debounceEdges) afterQuiet() {
	e.Lock()
	defer e.deliver()
	if e.quiet.rang() {
		e.heartbeat.postTo(&e.outbox)
	}
}

func (e *debounceEdges) afterProof() {
	e.Lock()
	defer e.deliver()
	if e.proof.rang() {
		e.beat() // elected comes before elected.first
		e.first.postTo(&e.outbox)
		e.shown = true
	}
}

func (e *debounceEdges) Error(err error) {
	e.Lock()
	defer e.deliver()
	e.proof.stop()
	e.beat()
	e.fail(err)
}

func (e *debounceEdges) Complete() {
	e.Lock()
	defer e.deliver()
	e.beat()
	e.proof.stop()
	e.first.postTo(&e.outbox)
	e.complete()
}
