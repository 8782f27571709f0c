package fenced

import (
	"math/rand/v2"
	"testing"
	"time"
)

// made is a history of a register that works, and is then broken or not: what each process was told, while the true order is known.
func made(rng *rand.Rand) []Op {
	const writers = 3
	var (
		ops      []Op
		state    Value
		revision uint64
		at       time.Duration
		free     [writers]time.Duration // when each is done with the operation before
		seqs     = map[uint64]uint64{}
	)
	for range 4 + rng.IntN(6) {
		at += time.Duration(2 + rng.IntN(3)) // when it takes effect
		client := rng.IntN(writers)
		o := Op{Register: "e", Call: max(free[client]+1, at-time.Duration(rng.IntN(8))), Return: at + time.Duration(rng.IntN(8)), Outcome: Accepted}
		if o.Call > at {
			continue
		}
		free[client] = o.Return
		if rng.IntN(2) == 0 {
			o.Kind, o.Value, o.Revision = Read, state, revision
		} else {
			token := uint64(1 + rng.IntN(3))
			seqs[token]++
			o.Kind, o.Value = Write, val(token, seqs[token])
			switch {
			case token < state.Token:
				o.Outcome = Refused
			case rng.IntN(3) > 0:
				revision++
				state, o.Revision = o.Value, revision
			default: // lost on its way
				o.Outcome = Unknown
			}
			if rng.IntN(3) == 0 { // the answer is lost
				o.Outcome, o.Revision = Unknown, 0
			}
			if o.Outcome == Unknown {
				o.Return, free[client] = 0, at
			}
		}
		ops = append(ops, o)
	}
	return ops
}

// breakOne changes something that was told.
func breakOne(rng *rand.Rand, ops []Op) {
	if len(ops) == 0 {
		return
	}
	a, b := rng.IntN(len(ops)), rng.IntN(len(ops))
	switch rng.IntN(3) {
	case 0:
		if ops[a].Kind == Read && ops[b].Kind == Read {
			ops[a].Value, ops[b].Value = ops[b].Value, ops[a].Value
			ops[a].Revision, ops[b].Revision = ops[b].Revision, ops[a].Revision
		}
	case 1:
		if ops[a].Kind == Write && ops[a].Outcome == Accepted {
			ops[a].Value.Token = uint64(1 + rng.IntN(3))
		}
	case 2:
		if ops[a].Kind == Read && ops[b].Kind == Write {
			ops[a].Value, ops[a].Revision = ops[b].Value, ops[b].Revision
		}
	}
}

// TestTheCheckersAgree compares three ways to the verdict on histories made by chance.
func TestTheCheckersAgree(t *testing.T) {
	var good, bad, unseen int
	for seed := range uint64(8_000) {
		rng := rand.New(rand.NewPCG(seed, 1))
		ops := made(rng)
		broken := seed%2 == 1
		if broken {
			for range 4 {
				breakOne(rng, ops)
			}
		}
		short, err := linearizable(settle(ops), true)
		if err != nil {
			t.Fatal(err)
		}
		long, err := linearizable(pending(ops), true)
		if err != nil {
			t.Fatal(err)
		}
		n := number(ops)
		inOrder := len(n.check(ops)) == 0
		switch {
		case short != long:
			t.Fatalf("seed %d: linearizable %v when settled, %v as it is:\n%v", seed, short, long, ops)
		case !broken && (!short || !inOrder):
			t.Fatalf("seed %d: a register that works: linearizable %v, %v:\n%v", seed, short, n.faults, ops)
		case inOrder && !short:
			t.Fatalf("seed %d: nothing is out of order, and it is not linearizable:\n%v", seed, ops)
		case short && inOrder:
			good++
		case short:
			unseen++
		default:
			bad++
		}
	}
	t.Logf("%d right, %d wrong, %d of which only the store's order tells that they are wrong", good, bad, unseen)
	if good < 1000 || bad < 500 || unseen < 10 {
		t.Error("too few of a kind")
	}
}
