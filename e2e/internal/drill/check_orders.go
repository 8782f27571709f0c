package drill

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"time"
)

// late is what the machine may take until something that is due happens.
const late = 300 * time.Millisecond

// checkOrders checks that a candidate did what it was told.
//
// What holds without a delay is checked to the length of one question, [tooLong]: a term's last "yes" was given at most that long before its end.
func (h History) checkOrders(life int, terms []believed, r Rules, f *Findings) {
	l := h.Lives[life]
	for i, o := range l.Orders {
		f.Orders++
		disobeyed := func(format string, args ...any) {
			f.Disobeyed++
			f.problem("%s, told %q: "+format, append([]any{l.Candidate, o.Command}, args...)...)
		}
		switch o.Answer {
		case NoAnswer:
			if l.Killed == 0 {
				disobeyed("it has not answered")
			}
			continue
		case Done:
			f.Done++
		case Refused:
			f.Refused++
		case Failed:
			f.Failed++
			if h.calm(o) {
				f.Unsure = append(f.Unsure, l.Candidate+": "+o.String()+": "+l.said(o))
			}
		}
		held, led := l.held(o.Began)
		switch o.Verb {
		case Resign, StandDown:
			if allowed := r.Drain + late; led && l.awake(o.Began, held.Last) > allowed {
				disobeyed("it believed for %v more, which is more than %v", held.Last.Sub(o.Began), allowed)
			}
		case Sicken:
			h.checkSick(l, o, l.until(i, Recover), r, disobeyed)
		case Transfer, Recover, Shut, Reopen:
		}
		if led && o.Answer == Done && o.givesUp() && held.Last.Sub(o.Returned) > tooLong {
			disobeyed("it still believed in token %d when it had answered, for %v", held.Token, held.Last.Sub(o.Returned))
		}
		switch {
		case o.Verb == StandDown:
			if t, ok := l.begins(o.Returned, min(o.Began.Add(o.For-tooLong), l.until(i, StandDown))); ok {
				disobeyed("it began to lead with token %d after %v", t.Token, t.First.Sub(o.Began))
			}
		case o.Verb == Resign && led && h.calm(o):
			if t, ok := l.begins(o.Returned, o.Began.Add(r.TTL-tooLong)); ok { // the vote frequency
				disobeyed("it began to lead with token %d after %v, and was to wait for a vote period", t.Token, t.First.Sub(o.Began))
			}
		case o.Verb == Transfer && led && o.Answer == Done && o.Heir >= 0:
			if next, ok := successor(terms, held.Token); ok && next.life != o.Heir {
				disobeyed("%s led next", h.Lives[next.life].Candidate)
			}
		}
	}
}

// checkSick checks that who is sick does not lead, from when its probe must have been asked until it is told to be well.
func (h History) checkSick(l Life, o Order, well Instant, r Rules, disobeyed func(string, ...any)) {
	known := r.ProbeEvery + late
	for _, t := range l.Terms {
		end := min(t.Last, well)
		switch {
		case t.First >= well || end < o.Began:
		case t.First < o.Began || l.awake(o.Began, t.First) <= known:
			if more := l.awake(o.Began, end); more > known+r.Drain {
				disobeyed("it believed for %v more, which is more than %v", more, known+r.Drain)
			}
		default:
			disobeyed("it began to lead with token %d after %v", t.Token, t.First.Sub(o.Began))
		}
	}
}

// calm reports that nothing was broken while an order was carried out: neither its own kind breaks anything, nor had a fault of the store's shortly before.
func (h History) calm(o Order) bool {
	last, ok := h.fault(o.Began)
	if !ok || !last.Kind.calm() || o.Verb == Sicken || o.Verb == Recover {
		return false
	}
	return !slices.ContainsFunc(h.Faults, func(f Fault) bool { return f.Life < 0 && f.At <= o.Returned && f.Healed.Add(settled) > o.Began })
}

// settled is how long after a fault of the store its servers may still refuse something.
const settled = 10 * time.Second

// givesUp reports that a command ends a term by itself.
func (o Order) givesUp() bool { return o.Verb == Resign || o.Verb == StandDown || o.Verb == Transfer }

// said is what the candidate wrote about an order.
func (l Life) said(o Order) string {
	var about []string
	for line := range strings.Lines(l.Said) {
		if text, ok := strings.CutPrefix(line, o.String()+": "); ok {
			about = append(about, strings.TrimSpace(text))
		}
	}
	return strings.Join(about, "; ")
}

// held is the term that the candidate believed in at an instant.
func (l Life) held(at Instant) (Term, bool) {
	for _, t := range l.Terms {
		if t.First <= at && at <= t.Last {
			return t, true
		}
	}
	return Term{}, false
}

// begins is the first term that began after an instant, and before another one.
func (l Life) begins(after, before Instant) (Term, bool) {
	for _, t := range l.Terms {
		if t.First > after && t.First < before {
			return t, true
		}
	}
	return Term{}, false
}

// until is when the first command with that verb after order i was carried out, at the end of time if none was.
func (l Life) until(i int, verb Verb) Instant {
	for _, o := range l.Orders[i+1:] {
		if o.Verb == verb && o.Began != 0 {
			return o.Began
		}
	}
	return math.MaxInt64
}

// awake is how long the candidate was not stopped between two instants; 0 where the second is the earlier one.
func (l Life) awake(from, to Instant) time.Duration {
	d := max(to.Sub(from), 0)
	for _, w := range l.Wakes {
		if slept, woke := max(w.Slept, from), min(w.Woke, to); slept < woke {
			d -= woke.Sub(slept)
		}
	}
	return d
}

// successor is the term with the least token above that one.
func successor(terms []believed, token uint64) (next believed, ok bool) {
	for _, t := range terms {
		if t.Token > token && (!ok || cmp.Less(t.Token, next.Token)) {
			next, ok = t, true
		}
	}
	return next, ok
}
