package drill

import "time"

// Outcome is what came of one fault.
type Outcome struct {
	Fault
	// Held says that the one it befell led then; of a store's fault, that somebody led.
	Held bool
	// Noticed says that this one stopped believing before the next fault, and Notice how long after the beginning.
	Noticed bool
	Notice  time.Duration
	// Succeeded says that another term began before the next fault, and Successor how long after the beginning.
	Succeeded bool
	Successor time.Duration
	// Overlap is the longest time in which two believed at once. Both says that two did.
	Both    bool
	Overlap time.Duration
}

// Outcomes says what came of each fault.
func (h History) Outcomes() []Outcome {
	terms := h.believed()
	all := make([]Outcome, len(h.Faults))
	for i, f := range h.Faults {
		until := h.Ended
		if i+1 < len(h.Faults) {
			until = h.Faults[i+1].At
		}
		all[i] = outcome(terms, f, until)
	}
	return all
}

func outcome(terms []believed, f Fault, until Instant) Outcome {
	o := Outcome{Fault: f}
	held := -1
	for i, t := range terms {
		if t.First <= f.At && t.Last >= f.At.Add(-stoppedFor) && (t.Over == 0 || t.Over > f.At) && (f.Life < 0 || f.Life == t.life) {
			held = i
		}
	}
	if held >= 0 {
		t := terms[held]
		o.Held = true
		if t.Over != 0 && t.Over <= until {
			o.Noticed, o.Notice = true, t.Over.Sub(f.At)
		}
	}
	for i, b := range terms {
		if b.First <= f.At || b.First > until {
			continue
		}
		if o.Held && !o.Succeeded {
			o.Succeeded, o.Successor = true, b.First.Sub(f.At)
		}
		for _, a := range terms[:i] {
			if length, ok := both(a, b); ok {
				o.Both, o.Overlap = true, max(o.Overlap, length)
			}
		}
	}
	return o
}
