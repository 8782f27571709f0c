package differential

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// frame is the unit of virtual time: what one character of a marble diagram stands for.
const frame = time.Second

// horizon is when a recording ends, whatever goes on.
const horizon = 100*frame + frame/100

// oddTime is what the times of operators have beyond whole frames.
const oddTime = 503 * frame / 1000

// What an event tells besides a value.
const (
	completed = "|"
	// failed is followed by what failed: a source by its name, or one of the errors below.
	failed     = "#"
	noValue    = failed + "no value"
	timedOut   = failed + "timeout"
	outOfRange = failed + "out of range"
)

// event is one thing that happens in a stream: a value, or a terminal.
type event struct {
	at   time.Duration // since the subscription
	what string
}

func (e event) terminal() bool { return e.what == completed || e.failure() }
func (e event) failure() bool  { return strings.HasPrefix(e.what, failed) }

// trace is what happens in a stream. It is the input of an operator, and its output.
type trace []event

func (t trace) String() string {
	var b strings.Builder
	for _, e := range t {
		fmt.Fprintf(&b, " %v:%s", e.at.Round(time.Millisecond).Seconds(), e.what)
	}
	return strings.TrimSpace(b.String())
}

// split separates the values from the terminal, which is the zero event where there is none.
func (t trace) split() (values trace, end event) {
	i := slices.IndexFunc(t, event.terminal)
	if i < 0 {
		return t, event{}
	}
	return t[:i], t[i]
}

// with is t and more after it.
func (t trace) with(more ...event) trace { return slices.Concat(t, trace(more)) }

// until is what happens in t before at.
func (t trace) until(at time.Duration) trace {
	i := slices.IndexFunc(t, func(e event) bool { return e.at >= at })
	if i < 0 {
		return t
	}
	return t[:i:i]
}

// later is t, begun at a later time.
func (t trace) later(by time.Duration) trace {
	moved := slices.Clone(t)
	for i := range moved {
		moved[i].at += by
	}
	return moved
}

// merged is all that happens in the traces, in order of time.
func merged(traces ...trace) trace {
	all := slices.Concat(traces...)
	slices.SortStableFunc(all, func(a, b event) int { return int(a.at - b.at) })
	return all
}

// input is what one comparison feeds to an operator.
type input struct {
	// sources are what its sources do. An operator that subscribes to the first source again gets the next one then, and the
	// last one for ever.
	sources []trace
	// inner is what the streams do that are made of the values: of the first value, of the second one, and so on.
	inner []trace
	// visits are when subscribers come and leave, where there are several.
	visits []visit
	// n is a number for the operator.
	n int
	// d is a time for the operator.
	d time.Duration
}

func (in input) String() string {
	var b strings.Builder
	for i, s := range in.sources {
		fmt.Fprintf(&b, "source %d: %v\n", i, s)
	}
	for i, s := range in.inner {
		fmt.Fprintf(&b, "stream %d: %v\n", i, s)
	}
	for i, v := range in.visits {
		fmt.Fprintf(&b, "subscriber %d: from %v to %v\n", i, v.from, v.to)
	}
	fmt.Fprintf(&b, "n %d, d %v", in.n, in.d)
	return b.String()
}

// shape says which inputs make sense for an operator.
type shape struct {
	sources int  // how many; 0 stands for 1
	inner   bool // it makes streams of values
	apart   bool // values of one source never come at the same time, as the peers have races there
	ends    bool // all sources end
	visits  bool // several subscribe
	alone   bool // one source at most has anything but a completion
	errors  int  // how many of ten sources fail; 0 stands for 3
	most    int  // how many values a source has; 0 stands for 8
	n       [2]int
	d       [2]int // in frames
}

// input makes a random one. No two sources do anything at the same time, nor does any source when a timer of an operator fires
// that was set by another event: sources are at different fractions of a frame, and no sum of times d, as long as a recording lasts, is one of those.
func (s shape) input(r *rand.Rand) input {
	var in input
	for i := range max(s.sources, 1) {
		offset := frame/4 + time.Duration(i)*frame/8
		in.sources = append(in.sources, s.source(r, string(rune('A'+i)), offset, "abcd"[i:i+1]))
	}
	if s.alone {
		emits := r.IntN(len(in.sources))
		for i, source := range in.sources {
			if _, end := source.split(); i != emits && end.what == completed {
				in.sources[i] = trace{end}
			} else if i != emits {
				in.sources[i] = nil
			}
		}
	}
	if s.inner {
		values, _ := in.sources[0].split()
		for i := range values {
			short := s
			short.most = 3
			in.inner = append(in.inner, short.source(r, fmt.Sprint(i), time.Duration(i+1)*frame/100, fmt.Sprint(i)))
		}
	}
	if s.visits {
		in.visits = visits(r)
	}
	if s.n[1] > 0 {
		in.n = s.n[0] + r.IntN(s.n[1]-s.n[0]+1)
	}
	if s.d[1] > 0 {
		in.d = time.Duration(s.d[0]+r.IntN(s.d[1]-s.d[0]+1))*frame + oddTime
	}
	return in
}

// source makes a random one called name, the values of which are prefix and a digit from 0 to 3.
func (s shape) source(r *rand.Rand, name string, offset time.Duration, prefix string) trace {
	most := s.most
	if most == 0 {
		most = 8
	}
	var made trace
	at := offset
	gap := func(must bool) {
		at += time.Duration(max(r.IntN(6)-1, 0)) * frame
		if must && len(made) > 0 && made[len(made)-1].at == at {
			at += frame
		}
	}
	for range r.IntN(most + 1) {
		gap(s.apart)
		made = append(made, event{at, prefix + fmt.Sprint(r.IntN(4))})
	}
	failing := s.errors
	if failing == 0 {
		failing = 3
	}
	gap(s.apart)
	switch n := r.IntN(10); {
	case n < failing:
		made = append(made, event{at, failed + name})
	case n < 8 || s.ends:
		made = append(made, event{at, completed})
	}
	return made
}
