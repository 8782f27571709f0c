package fenced

import (
	"fmt"
	"math"
	"time"

	"github.com/anishathalye/porcupine"
)

// settle leaves out what has no bearing on linearizability, so that what is left has a return and is soon decided:
//
//   - refused writes, which did nothing;
//   - writes with an unknown outcome that nobody read. Wherever such a write may have taken effect, nothing tells it from one that never did, and it may
//     always be put last;
//   - and a write with an unknown outcome that somebody read took effect before the first of those reads returned.
//
// A read of what a refused write carried stays, and no register can have given it.
func settle(ops []Op) []Op {
	seen := reads(ops)
	var settled []Op
	for _, o := range ops {
		if o.Kind == Trail {
			continue
		}
		if o.Kind == Write {
			at, read := seen[o.Value]
			if o.Outcome == Refused || o.Outcome == Unknown && !read {
				continue
			}
			if o.Outcome == Unknown {
				o.Return = max(at, o.Call) // a read before the call is for the checker to find
			}
		}
		settled = append(settled, o)
	}
	return settled
}

// pending has writes with an unknown outcome return at the end of time, which says the same as settle, and takes longer.
func pending(ops []Op) []Op {
	var all []Op
	for _, o := range ops {
		if o.Kind == Trail || o.Outcome == Refused {
			continue
		}
		if o.Outcome == Unknown {
			o.Return = math.MaxInt64
		}
		all = append(all, o)
	}
	return all
}

// reads says of each value that was read when the first of those reads returned.
func reads(ops []Op) map[Value]time.Duration {
	first := make(map[Value]time.Duration)
	for _, o := range ops {
		if o.Kind != Read {
			continue
		}
		if at, known := first[o.Value]; !known || o.Return < at {
			first[o.Value] = o.Return
		}
	}
	return first
}

// limitChecks bounds the check of one register. Histories of fenced writes take milliseconds.
const limitChecks = time.Minute

// linearizable has porcupine decide whether the operations fit a register: with fence, one that takes no write of a lower token after
// one of a higher.
func linearizable(ops []Op, fence bool) (bool, error) {
	history := make([]porcupine.Operation, len(ops))
	for i, o := range ops {
		history[i] = porcupine.Operation{Input: o, Call: int64(o.Call), Return: int64(o.Return)}
	}
	switch result := porcupine.CheckOperationsTimeout(model(fence), history, limitChecks); result {
	case porcupine.Ok:
		return true, nil
	case porcupine.Illegal:
		return false, nil
	case porcupine.Unknown:
	}
	return false, fmt.Errorf("linearizability was not decided within %v", limitChecks.Round(time.Second))
}

// model is the register as one process would see it. Its state is the Value.
func model(fence bool) porcupine.Model {
	return porcupine.Model{
		Init: func() any { return Value{} },
		Step: func(state, input, _ any) (bool, any) {
			current, o := state.(Value), input.(Op)
			switch {
			case o.Kind == Read:
				return o.Value == current, current
			case !fence || o.Value.Token >= current.Token:
				return true, o.Value
			case o.Outcome == Unknown: // it was refused
				return true, current
			default:
				return false, current
			}
		},
	}
}
