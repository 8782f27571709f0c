package fenced

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Report is what a history shows.
type Report struct {
	// Registers, Reads and Writes are how many there are.
	Registers, Reads, Writes int
	// Accepted, Refused and Unknown are the writes by their outcome.
	Accepted, Refused, Unknown int
	// Seen are those writes with an unknown outcome that are in the register's history all the same: somebody read them, or they are in the trail.
	Seen int
	// Late writes were sent after a write with a higher token was known to be in the register. LateAccepted are those of them that got in,
	// whatever the writer was told. LateUnknown had no answer, and nothing shows that they got in; where there is a trail, they did not.
	Late, LateRefused, LateUnknown, LateAccepted int
	// Held are those late writes that had passed the check of the term before, and were held back.
	Held int
	// Trails are the registers of which all accepted writes are known.
	Trails int
	// Linearizable says that the history is that of a linearizable register that takes no write of a lower token after one of
	// a higher. LinearizableUnfenced says the same of a register that takes every write.
	Linearizable, LinearizableUnfenced bool
	// Checked are the operations that this was decided with: all but refused writes, and writes with an unknown outcome that nobody read.
	Checked int
	// Faults are all that is wrong.
	Faults []error
}

// Err is all that is wrong, in one error.
func (r Report) Err() error { return errors.Join(r.Faults...) }

// Check examines a history: each register by itself.
func Check(ops []Op) Report {
	registers := make(map[string][]Op)
	var names []string
	for _, o := range ops {
		if _, known := registers[o.Register]; !known {
			names = append(names, o.Register)
		}
		registers[o.Register] = append(registers[o.Register], o)
	}
	r := Report{Registers: len(names), Linearizable: true, LinearizableUnfenced: true}
	for _, name := range names {
		r.register(name, registers[name])
	}
	return r
}

// maxNamed is how many operations that are out of order are named.
const maxNamed = 5

// register adds what the history of one register shows.
func (r *Report) register(name string, ops []Op) {
	fault := func(err error) { r.Faults = append(r.Faults, fmt.Errorf("register of %s: %w", name, err)) }
	n := number(ops)
	r.count(ops, n)
	faults := n.check(ops)
	for i, err := range faults {
		if i == maxNamed {
			fault(fmt.Errorf("and %d more like these", len(faults)-i))
			break
		}
		fault(err)
	}
	settled := settle(ops)
	r.Checked += len(settled)
	fenced, err := linearizable(settled, true)
	if err != nil {
		fault(err)
	}
	unfenced := fenced // what a fenced register allows, any does
	if !fenced {
		fault(errors.New("the history is not linearizable"))
		if unfenced, err = linearizable(settled, false); err != nil {
			fault(err)
		}
	}
	r.Linearizable = r.Linearizable && fenced
	r.LinearizableUnfenced = r.LinearizableUnfenced && unfenced
}

// count counts the operations of one register.
func (r *Report) count(ops []Op, n numbers) {
	if n.complete {
		r.Trails++
	}
	late := lateness(ops)
	for i, o := range ops {
		if o.Kind == Read {
			r.Reads++
		}
		if o.Kind != Write {
			continue
		}
		_, in := n.revisions[o.Value]
		r.Writes++
		switch o.Outcome {
		case Accepted:
			r.Accepted++
		case Refused:
			r.Refused++
		case Unknown:
			r.Unknown++
			if in {
				r.Seen++
			}
		}
		if !late[i] {
			continue
		}
		r.Late++
		if o.Held {
			r.Held++
		}
		switch {
		case in:
			r.LateAccepted++
		case o.Outcome == Refused:
			r.LateRefused++
		default:
			r.LateUnknown++
		}
	}
}

// lateness says of each operation whether it is a write that was sent after a write with a higher token was known to be in the register: by
// the return of that write itself, or of a read of it.
func lateness(ops []Op) []bool {
	type mark struct {
		at    time.Duration
		token uint64
	}
	var marks []mark
	for _, o := range ops {
		if o.Kind != Trail && o.Outcome == Accepted {
			marks = append(marks, mark{o.Return, o.Value.Token})
		}
	}
	slices.SortFunc(marks, func(a, b mark) int { return cmp.Compare(a.at, b.at) })
	for i := 1; i < len(marks); i++ {
		marks[i].token = max(marks[i].token, marks[i-1].token)
	}
	late := make([]bool, len(ops))
	for i, o := range ops {
		if o.Kind != Write {
			continue
		}
		// How many marks are before the call.
		n, _ := slices.BinarySearchFunc(marks, o.Call, func(m mark, call time.Duration) int {
			if m.at < call {
				return -1
			}
			return 1
		})
		late[i] = n > 0 && marks[n-1].token > o.Value.Token
	}
	return late
}
