package differential

import (
	"slices"
	"time"
)

// These are the operators of which no peer is always right: what comes out of each input.

// step is what one of several sources does.
type step struct {
	event
	source int
}

// steps are all of them, in order of time.
func (in input) steps() []step {
	var all []step
	for i, source := range in.sources {
		for _, e := range source {
			all = append(all, step{e, i})
		}
	}
	slices.SortStableFunc(all, func(a, b step) int { return int(a.at - b.at) })
	return all
}

// takeUntil is what the first source does until the second does anything.
func takeUntil(in input) trace {
	if len(in.sources[1]) == 0 {
		return in.sources[0]
	}
	signal := in.sources[1][0]
	before := in.sources[0].until(signal.at)
	switch _, end := before.split(); {
	case end.what != "":
		return before
	case signal.failure():
		return before.with(signal)
	}
	return before.with(event{signal.at, completed})
}

// concatMap is one stream after the other, until the source fails.
func concatMap(in input) trace {
	made := oneAfterTheOther(in, nil)
	_, end := in.sources[0].split()
	if !end.failure() {
		return made
	}
	before := made.until(end.at)
	if _, earlier := before.split(); earlier.what != "" {
		return before
	}
	return before.with(end)
}

func combineLatest(in input) trace {
	var made trace
	var latest [2]string
	open := 2
	for _, e := range in.steps() {
		switch {
		case e.failure():
			return made.with(e.event)
		case e.terminal():
			if open--; open == 0 || latest[e.source] == "" {
				return made.with(e.event)
			}
			continue
		}
		latest[e.source] = e.what
		if latest[0] != "" && latest[1] != "" {
			made = made.with(event{e.at, both(latest[0], latest[1])})
		}
	}
	return made
}

func zip(in input) trace {
	var made trace
	var waiting [2][]string
	var over [2]bool
	for _, e := range in.steps() {
		switch {
		case e.failure():
			return made.with(e.event)
		case e.terminal():
			over[e.source] = true
		default:
			waiting[e.source] = append(waiting[e.source], e.what)
		}
		if len(waiting[0]) > 0 && len(waiting[1]) > 0 {
			made = made.with(event{e.at, both(waiting[0][0], waiting[1][0])})
			waiting[0], waiting[1] = waiting[0][1:], waiting[1][1:]
		}
		for i := range over {
			if over[i] && len(waiting[i]) == 0 {
				return made.with(event{e.at, completed})
			}
		}
	}
	return made
}

// debounce emits a value d after it came, unless another one came.
func debounce(in input) trace {
	return latestAt(in, true, func(v event) time.Duration { return v.at + in.d })
}

// sample emits the latest value at the multiples of d.
func sample(in input) trace {
	return latestAt(in, false, func(v event) time.Duration { return v.at.Truncate(in.d) + in.d })
}

// latestAt emits the latest value when it, or else the first one since the last emission, is due, and before a terminal.
func latestAt(in input, anew bool, due func(event) time.Duration) trace {
	var made, pending trace
	var at time.Duration
	emit := func(now time.Duration) {
		if len(pending) > 0 {
			made = made.with(event{now, pending[len(pending)-1].what})
			pending = nil
		}
	}
	for _, e := range in.sources[0] {
		if at < e.at {
			emit(at)
		}
		if e.terminal() {
			emit(e.at)
			return made.with(e)
		}
		if len(pending) == 0 || anew {
			at = due(e)
		}
		pending = pending.with(e)
	}
	emit(at)
	return made
}

// delay moves all but an error.
func delay(in input) trace {
	values, end := in.sources[0].split()
	if end.failure() {
		return values.later(in.d).until(end.at).with(end)
	}
	return in.sources[0].later(in.d)
}

// bufferTimeOrCount emits at each multiple of d, which counts again from a full buffer if restart says so.
func bufferTimeOrCount(in input, restart bool) trace {
	var made, buffer trace
	next := in.d
	emit := func(at event) {
		made = made.with(bufferOf(buffer, at))
		buffer = nil
	}
	tick := func(until time.Duration) {
		for ; next < until; next += in.d {
			emit(event{at: next})
		}
	}
	for _, e := range in.sources[0] {
		tick(e.at)
		switch {
		case e.failure():
			return made.with(e)
		case e.terminal():
			emit(e)
			return made.with(e)
		}
		if buffer = append(buffer, e); len(buffer) == in.n {
			emit(e)
			if restart {
				next = e.at + in.d
			}
		}
	}
	tick(horizon)
	return made
}

// window opens a window at each value of the second source.
func window(in input) trace {
	made := trace{{0, begun(0)}}
	open := 0
	for _, e := range in.steps() {
		switch {
		case e.failure(), e.terminal() && e.source == 0:
			return made.with(event{e.at, label(open, e.what)}, e.event)
		case e.terminal():
		case e.source == 0:
			made = made.with(event{e.at, label(open, e.what)})
		default:
			made = made.with(event{e.at, label(open, completed)}, event{e.at, begun(open + 1)})
			open++
		}
	}
	return made
}

func windowTime(in input) trace {
	var ticks trace
	for at := in.d; at < horizon; at += in.d {
		ticks = append(ticks, event{at, "tick"})
	}
	return window(input{sources: []trace{in.sources[0], ticks}})
}

func windowCount(in input) trace {
	made := trace{{0, begun(0)}}
	open, held := 0, 0
	for _, e := range in.sources[0] {
		made = made.with(event{e.at, label(open, e.what)})
		if e.terminal() {
			return made.with(e)
		}
		if held++; held == in.n {
			made = made.with(event{e.at, label(open, completed)}, event{e.at, begun(open + 1)})
			open, held = open+1, 0
		}
	}
	return made
}

func groupBy(in input) trace {
	var made trace
	groups := map[string]int{}
	for _, e := range in.sources[0] {
		if e.terminal() {
			for _, group := range groups {
				made = made.with(event{e.at, label(group, e.what)})
			}
			return made.with(e)
		}
		group, found := groups[half(e.what)]
		if !found {
			group = len(groups)
			groups[half(e.what)] = group
			made = made.with(event{e.at, begun(group)})
		}
		made = made.with(event{e.at, label(group, e.what)})
	}
	return made
}

// finally is called when Take has had enough, or after the terminal.
func finally(in input) trace {
	values, end := in.sources[0].split()
	if len(values) >= in.n {
		at := values[in.n-1].at
		return values[:in.n].with(event{at, "saw the end"}, event{at, completed})
	}
	if end.what == "" {
		return values
	}
	return values.with(end, event{end.at, "saw the end"})
}
