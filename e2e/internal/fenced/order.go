package fenced

import (
	"cmp"
	"fmt"
	"slices"
)

// numbers is what is known of a register's history by the store's own numbers of its writes. Without searching for a linearization, it
// shows what such a search shows, and it names the operations.
type numbers struct {
	revisions map[Value]uint64 // of all writes that are known to be in the register
	complete  bool             // there are no others
	faults    []error
}

func (n *numbers) fault(format string, args ...any) {
	n.faults = append(n.faults, fmt.Errorf(format, args...))
}

// number finds the store's number of each write that is known to be in the register: from its answer, from reads of it, and from the trail.
func number(ops []Op) numbers {
	n := numbers{revisions: make(map[Value]uint64)}
	written := make(map[Value]Op)
	for _, o := range ops {
		if o.Kind != Trail && o.Outcome == Accepted && (o.Value == Value{}) != (o.Revision == 0) {
			n.fault("no value and no number go together: %v", o)
		}
		if o.Kind != Write {
			continue
		}
		if other, twice := written[o.Value]; twice {
			n.fault("two writes of one value: %v, %v", other, o)
		}
		written[o.Value] = o
		if o.Outcome == Accepted {
			n.revisions[o.Value] = o.Revision
		}
	}
	for _, o := range ops {
		switch {
		case o.Kind == Read && o.Value != (Value{}):
			n.found(written, o)
		case o.Kind == Trail:
			n.complete = true
			trail := make(map[Value]bool, len(o.Trail))
			for _, entry := range o.Trail {
				trail[entry.Value] = true
				o.Value, o.Revision = entry.Value, entry.Revision
				n.found(written, o)
			}
			for v := range n.revisions {
				if !trail[v] {
					n.fault("an accepted write left no entry: %v", written[v])
				}
			}
		}
	}
	return n
}

// found notes a value that was found at the store.
func (n *numbers) found(written map[Value]Op, by Op) {
	w, known := written[by.Value]
	revision, numbered := n.revisions[by.Value]
	switch {
	case !known:
		n.fault("nobody wrote this: %v", by)
	case w.Outcome == Refused:
		n.fault("a refused write is in the register: %v", by)
	case numbered && revision != by.Revision:
		n.fault("a write has two numbers, %d and another: %v", revision, by)
	}
	if !numbered {
		n.revisions[by.Value] = by.Revision
	}
}

// check compares the store's order with the tokens and with time.
func (n *numbers) check(ops []Op) []error {
	var writes, reads []Op
	for _, o := range ops {
		revision, in := n.revisions[o.Value]
		switch {
		case o.Kind == Write && in:
			o.Revision = revision
			writes = append(writes, o)
		case o.Kind == Read:
			reads = append(reads, o)
		}
	}
	slices.SortFunc(writes, func(a, b Op) int { return cmp.Compare(a.Revision, b.Revision) })
	n.checkTokens(writes)
	n.checkTime(slices.Concat(reads, writes))
	return n.faults
}

// checkTokens finds writes that came after one of a higher token, in the order of the store.
func (n *numbers) checkTokens(writes []Op) {
	var highest Op
	for i, o := range writes {
		if i > 0 && o.Revision == writes[i-1].Revision {
			n.fault("two writes have one number: %v, %v", writes[i-1], o)
		}
		if o.Value.Token < highest.Value.Token {
			n.fault("a stale write was accepted: %v after %v", o, highest)
		} else {
			highest = o
		}
	}
}

// checkTime finds operations that were over before another one was called, and yet are later than that one in the order of the store.
func (n *numbers) checkTime(ops []Op) {
	over := slices.DeleteFunc(slices.Clone(ops), func(o Op) bool { return o.Outcome != Accepted })
	slices.SortStableFunc(over, func(a, b Op) int { return cmp.Compare(a.Return, b.Return) })
	sortByCall(ops)
	next := 0
	var latest Op // the one with the highest number of those that were over before the call in question
	for _, o := range ops {
		for next < len(over) && over[next].Return < o.Call {
			if over[next].Revision >= latest.Revision {
				latest = over[next]
			}
			next++
		}
		if o.Revision < latest.Revision || o.Kind == Write && o.Revision == latest.Revision && next > 0 {
			n.fault("time and the store's order disagree: %v was over before %v", latest, o)
		}
	}
}
