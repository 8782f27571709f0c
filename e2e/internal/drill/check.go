package drill

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// Rules are what a history is checked against.
type Rules struct {
	// TTL is the session's: who was stopped for longer must answer "no" at once.
	TTL time.Duration
	// Leaderless is how long at most nobody leads while the store is well.
	Leaderless time.Duration
	// Outage is how much longer it may take when a server of the store has failed, counted from its return where the quorum was lost.
	Outage time.Duration
	// HandsOver says that there is no takeover delay: overlaps that an operator brings about by ending the leader's session are
	// windows, not violations. They must stay below the TTL.
	HandsOver bool
	// Drain is for how long a term goes on at most once it is to end, so that work can return.
	Drain time.Duration
	// ProbeEvery is how often a candidate is asked whether it is well.
	ProbeEvery time.Duration
	// Crash is how long at most nobody leads after a leader was killed, while the store is well, where a session check notices that; 0 where none does.
	Crash time.Duration
}

// Window is a time in which two believed, by design: see [Rules].
type Window struct {
	Kind   Kind
	Length time.Duration
}

// Findings are what the check of one history found.
type Findings struct {
	// Terms are all terms of all candidates.
	Terms int
	// Overlaps counts the terms that began while another candidate believed; Worst is the longest time both did.
	Overlaps int
	Worst    time.Duration
	// Windows are the overlaps that the rules allow.
	Windows []Window
	// Regressions counts terms whose token is not above those of all terms before.
	Regressions int
	// ToldEarly counts elected.first told while another candidate believed under a smaller token.
	ToldEarly int
	// Asleep counts "yes" to the first question after a stop longer than the TTL; Wakes counts all such questions.
	Asleep, Wakes int
	// Lost, Reordered and Doubled count edges.
	Lost, Reordered, Doubled int
	// Leaderless are the times in which nobody led, after the first term; TooLong counts those beyond the bound.
	Leaderless []time.Duration
	TooLong    int
	// Led of Span somebody led.
	Led, Span time.Duration
	// Samples is the number of questions, Interrupted that of those that don't count for what they answered.
	Samples, Interrupted int
	// Apart is the longest pause between two questions that was no stop: what happens within is not seen.
	Apart time.Duration
	// Orders is the number of orders; Done, Refused and Failed count what came of them.
	Orders, Done, Refused, Failed int
	// Disobeyed counts those after which a candidate did what it was not to do, or that it did not answer.
	Disobeyed int
	// Unsure tells those that failed although nothing was broken: the store has not answered in time, which is its doing, or the machine's.
	Unsure []string
	// Unconfirmed counts candidates whose store did not answer when they were closed.
	Unconfirmed int
	// Problems tell each violation in a line.
	Problems []string
}

// Violations is how many rules were broken.
func (f Findings) Violations() int { return len(f.Problems) }

func (f *Findings) problem(format string, args ...any) {
	f.Problems = append(f.Problems, fmt.Sprintf(format, args...))
}

// believed is a term and whose it is.
type believed struct {
	Term
	life int
}

// believed lists all terms in the order in which they began.
func (h History) believed() []believed {
	var all []believed
	for i, life := range h.Lives {
		for _, t := range life.Terms {
			all = append(all, believed{t, i})
		}
	}
	slices.SortFunc(all, func(a, b believed) int { return cmp.Or(cmp.Compare(a.First, b.First), cmp.Compare(a.Token, b.Token)) })
	return all
}

// Check says what is wrong with a history.
func (h History) Check(r Rules) Findings {
	var f Findings
	terms := h.believed()
	f.Terms = len(terms)
	h.checkOverlaps(terms, r, &f)
	h.checkTokens(terms, &f)
	h.checkLeaderless(terms, r, &f)
	for i, life := range h.Lives {
		h.checkEdges(life, &f)
		h.checkTold(i, terms, r, &f)
		h.checkOrders(i, terms, r, &f)
		for _, w := range life.Wakes {
			f.Wakes++
			if w.Led && w.Woke.Sub(w.Slept) > r.TTL && life.slept(w) {
				f.Asleep++
				f.problem("%s believed after a stop of %v", life.Candidate, w.Woke.Sub(w.Slept))
			}
		}
		f.Samples += life.Samples
		f.Apart = max(f.Apart, life.Apart)
		f.Interrupted += life.Interrupted
		if life.Breach != "" {
			f.problem("%s: grammar: %s", life.Candidate, life.Breach)
		}
		if life.Unconfirmed {
			f.Unconfirmed++
		}
		if life.Failure != "" {
			f.problem("%s ended badly: %s", life.Candidate, life.Failure)
		}
		if n := len(life.Terms); n > 0 && life.Terms[n-1].Over == 0 && life.Killed == 0 {
			f.problem("%s still believed in token %d when it had closed", life.Candidate, life.Terms[n-1].Token)
		}
		if life.Full {
			f.problem("%s: more happened than its file holds", life.Candidate)
		}
	}
	return f
}

// fault is the one that was last begun at an instant.
func (h History) fault(at Instant) (Fault, bool) {
	for _, f := range slices.Backward(h.Faults) {
		if f.At <= at {
			return f, true
		}
	}
	return Fault{}, false
}

// both is how long two terms, the first of which began first, were believed in at once; not at all if it is not ok.
func both(a, b believed) (length time.Duration, ok bool) {
	if a.life == b.life || a.Last < b.First {
		return 0, false
	}
	return min(a.Last, b.Last).Sub(b.First), true
}

func (h History) checkOverlaps(terms []believed, r Rules, f *Findings) {
	for j, b := range terms {
		counted := false
		for _, a := range terms[:j] {
			length, ok := both(a, b)
			if !ok {
				continue
			}
			fault, broken := h.fault(b.First)
			if broken && r.HandsOver && fault.opens(a, b.First, r) && length < r.TTL {
				f.Windows = append(f.Windows, Window{fault.Kind, length})
				continue
			}
			f.Worst = max(f.Worst, length)
			if !counted {
				counted = true
				f.Overlaps++
			}
			f.problem("%s (token %d) still believed when %s (token %d) began, for %v, after %q",
				h.Lives[a.life].Candidate, a.Token, h.Lives[b.life].Candidate, b.Token, length, fault.Kind)
		}
	}
}

// opens reports whether what began at an instant, while a believed, is the handover that the fault brought about: it befell a, in that term.
func (f Fault) opens(a believed, at Instant, r Rules) bool {
	return f.Kind.handsOver() && f.Life == a.life && a.First <= f.At && at.Sub(f.At) < 3*r.TTL/2
}

func (h History) checkTokens(terms []believed, f *Findings) {
	var top uint64
	for _, t := range terms {
		if t.Token <= top {
			f.Regressions++
			f.problem("%s: token %d after %d", h.Lives[t.life].Candidate, t.Token, top)
		}
		top = max(top, t.Token)
	}
}

// checkTold checks that an elected.first is not told while another candidate still believes under an earlier token.
func (h History) checkTold(life int, terms []believed, r Rules, f *Findings) {
	for _, e := range h.Lives[life].Edges {
		if !e.Elected {
			continue
		}
		for _, t := range terms {
			if t.life == life || t.Token >= e.Token || t.First > e.At || t.Last < e.At {
				continue
			}
			if fault, broken := h.fault(e.At); broken && r.HandsOver && fault.opens(t, e.At, r) {
				continue // its window was measured with the terms
			}
			f.ToldEarly++
			f.problem("%s was told of token %d while %s believed in %d", h.Lives[life].Candidate, e.Token, h.Lives[t.life].Candidate, t.Token)
		}
	}
}

// checkLeaderless looks for times in which nobody leads.
func (h History) checkLeaderless(terms []believed, r Rules, f *Findings) {
	f.Span = h.Ended.Sub(h.Began)
	f.Led = f.Span
	covered := h.Began
	gap := func(until Instant) {
		if until <= covered {
			return
		}
		length := until.Sub(covered)
		f.Led -= length
		if covered != h.Began && until != h.Ended {
			f.Leaderless = append(f.Leaderless, length)
		}
		if bound, since := h.bound(covered, until, r); until.Sub(since) > bound {
			f.TooLong++
			fault, _ := h.fault(covered)
			f.problem("nobody led for %v, %v after %q, where %v is the bound", length, covered.Sub(fault.At), fault.Kind, bound)
		}
	}
	for _, t := range terms {
		gap(min(t.First, h.Ended))
		covered = max(covered, t.Last)
	}
	gap(h.Ended)
}

// slept reports that the candidate believed all through a stop. Who wakes up may also come to lead before it is asked for the first time.
func (l Life) slept(w Wake) bool {
	t, ok := l.held(w.Woke)
	return ok && t.First <= w.Slept
}

// crashed reports that whoever led until an instant was killed then.
func (h History) crashed(at Instant) bool {
	return slices.ContainsFunc(h.Faults, func(f Fault) bool {
		if f.Kind != Kill {
			return false
		}
		l := h.Lives[f.Life]
		n := len(l.Terms)
		return n > 0 && l.Terms[n-1].Last == at && l.Terms[n-1].Over == 0 && l.Killed.Sub(at) < stoppedFor
	})
}

// bound is how long nobody may lead between two instants, and since when that counts.
func (h History) bound(from, until Instant, r Rules) (time.Duration, Instant) {
	bound, since := r.Leaderless, from
	if r.Crash > 0 && h.crashed(from) {
		bound = r.Crash
	}
	for _, f := range h.Faults {
		if f.Life >= 0 || f.At > until || f.Healed.Add(r.Leaderless) < from {
			continue
		}
		bound = r.Leaderless + r.Outage
		if f.Kind == Quorum {
			since = max(since, min(f.Healed, until))
		}
	}
	return bound, since
}
