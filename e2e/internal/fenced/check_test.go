package fenced

import (
	"strings"
	"testing"
	"time"
)

// The operations of made-up histories. Each takes place in [call, ret]; a write of token 12, seq 3 is 12.3.

func val(token, seq uint64) Value { return Value{Token: token, Seq: seq, Writer: "w"} }

func accepted(call, ret time.Duration, token, seq, revision uint64) Op {
	return Op{Register: "e", Kind: Write, Call: call, Return: ret, Outcome: Accepted, Value: val(token, seq), Revision: revision}
}

func refused(call, ret time.Duration, token, seq uint64) Op {
	return Op{Register: "e", Kind: Write, Call: call, Return: ret, Outcome: Refused, Value: val(token, seq)}
}

func unknown(call time.Duration, token, seq uint64) Op {
	return Op{Register: "e", Kind: Write, Call: call, Outcome: Unknown, Value: val(token, seq)}
}

func read(call, ret time.Duration, token, seq, revision uint64) Op {
	return Op{Register: "e", Kind: Read, Call: call, Return: ret, Outcome: Accepted, Value: val(token, seq), Revision: revision}
}

func empty(call, ret time.Duration) Op {
	return Op{Register: "e", Kind: Read, Call: call, Return: ret, Outcome: Accepted}
}

func trail(entries ...Entry) Op {
	return Op{Register: "e", Kind: Trail, Call: 90, Return: 91, Outcome: Accepted, Trail: entries}
}

func TestHistoriesThatAreRight(t *testing.T) {
	for name, c := range map[string]struct {
		ops  []Op
		want Report // of the figures, those that are not zero
	}{
		"none": {},
		"a write is read": {
			[]Op{empty(0, 1), accepted(2, 3, 1, 1, 5), read(4, 5, 1, 1, 5)},
			Report{Reads: 2, Writes: 1, Accepted: 1, Checked: 3},
		},
		"two reads that overlap a write see it and don't": {
			[]Op{accepted(2, 9, 1, 1, 5), read(3, 8, 1, 1, 5), empty(3, 8)},
			Report{Reads: 2, Writes: 1, Accepted: 1, Checked: 3},
		},
		"the old leader's write that overlaps the new one's comes first": {
			[]Op{accepted(1, 9, 2, 1, 5), accepted(2, 9, 1, 1, 4), read(10, 11, 2, 1, 5)},
			Report{Reads: 1, Writes: 2, Accepted: 2, Checked: 3},
		},
		"a late write is refused": {
			[]Op{accepted(1, 2, 1, 1, 4), accepted(3, 4, 2, 1, 5), refused(5, 6, 1, 2), read(7, 8, 2, 1, 5)},
			Report{Reads: 1, Writes: 3, Accepted: 2, Refused: 1, Late: 1, LateRefused: 1, Checked: 3},
		},
		"a refused write that overlaps the new leader's is not late": {
			[]Op{accepted(3, 5, 2, 1, 5), refused(5, 6, 1, 2)},
			Report{Writes: 2, Accepted: 1, Refused: 1, Checked: 1},
		},
		"a write that was sent after one of a higher token was read is late": {
			[]Op{unknown(1, 2, 1), read(3, 4, 2, 1, 5), refused(5, 6, 1, 2)},
			Report{Reads: 1, Writes: 2, Refused: 1, Unknown: 1, Seen: 1, Late: 1, LateRefused: 1, Checked: 2},
		},
		"a write without an answer never takes effect": {
			[]Op{accepted(1, 2, 1, 1, 4), unknown(3, 1, 2), read(8, 9, 1, 1, 4)},
			Report{Reads: 1, Writes: 2, Accepted: 1, Unknown: 1, Checked: 2},
		},
		"a write without an answer takes effect late": {
			[]Op{accepted(1, 2, 1, 1, 4), unknown(3, 1, 2), read(8, 9, 1, 1, 4), read(10, 11, 1, 2, 6)},
			Report{Reads: 2, Writes: 2, Accepted: 1, Unknown: 1, Seen: 1, Checked: 4},
		},
		"a late write without an answer is not in the trail": {
			[]Op{accepted(1, 2, 2, 1, 4), unknown(3, 1, 1), trail(Entry{val(2, 1), 4})},
			Report{Writes: 2, Accepted: 1, Unknown: 1, Late: 1, LateUnknown: 1, Trails: 1, Checked: 1},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := Check(c.ops)
			if err := got.Err(); err != nil {
				t.Error(err)
			}
			if got.Registers > 0 {
				c.want.Registers = 1
			}
			c.want.Linearizable, c.want.LinearizableUnfenced = true, true
			compare(t, got, c.want)
		})
	}
}

// compare compares the figures.
func compare(t *testing.T, got, want Report) {
	t.Helper()
	figures := func(r Report) [16]any {
		return [...]any{
			r.Registers, r.Reads, r.Writes, r.Accepted, r.Refused, r.Unknown, r.Seen, r.Late, r.LateRefused, r.LateUnknown, r.LateAccepted,
			r.Held, r.Trails, r.Linearizable, r.LinearizableUnfenced, r.Checked,
		}
	}
	if figures(got) != figures(want) {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func TestHistoriesThatAreWrong(t *testing.T) {
	for name, c := range map[string]struct {
		ops          []Op
		want         []string // what the faults say
		linearizable bool     // as a fenced register, by the values alone
		unfenced     bool     // as any register
		lateAccepted int
	}{
		"a stale write is accepted": {
			ops:  []Op{accepted(1, 2, 1, 1, 4), accepted(3, 4, 2, 1, 5), accepted(5, 6, 1, 2, 6)},
			want: []string{"a stale write was accepted", "not linearizable"}, unfenced: true, lateAccepted: 1,
		},
		"a stale write is accepted that was sent before": {
			ops:  []Op{accepted(1, 9, 1, 1, 6), accepted(3, 4, 2, 1, 5), read(5, 6, 2, 1, 5), read(7, 8, 1, 1, 6)},
			want: []string{"a stale write was accepted", "not linearizable"}, unfenced: true,
		},
		"a stale write is accepted, as only the store's order shows": {
			ops:  []Op{accepted(1, 9, 1, 1, 6), accepted(3, 8, 2, 1, 5)},
			want: []string{"a stale write was accepted"}, linearizable: true, unfenced: true,
		},
		"a late write without an answer is read": {
			ops:  []Op{accepted(3, 4, 2, 1, 5), unknown(5, 1, 2), read(7, 8, 1, 2, 6)},
			want: []string{"a stale write was accepted", "not linearizable"}, unfenced: true, lateAccepted: 1,
		},
		"a late write without an answer is in the trail": {
			ops:  []Op{accepted(3, 4, 2, 1, 5), unknown(5, 1, 2), trail(Entry{val(2, 1), 5}, Entry{val(1, 2), 6})},
			want: []string{"a stale write was accepted"}, linearizable: true, unfenced: true, lateAccepted: 1,
		},
		"an update is lost": {
			ops:  []Op{accepted(1, 2, 1, 1, 4), accepted(3, 4, 1, 2, 5), read(5, 6, 1, 1, 4)},
			want: []string{"time and the store's order disagree", "not linearizable"},
		},
		"the first update is lost": {
			ops:  []Op{accepted(1, 2, 1, 1, 4), empty(5, 6)},
			want: []string{"time and the store's order disagree", "not linearizable"},
		},
		"an update that nobody read is lost, as only the trail shows": {
			ops:  []Op{accepted(1, 2, 1, 1, 4), accepted(3, 4, 1, 2, 5), trail(Entry{val(1, 2), 5})},
			want: []string{"left no entry"}, linearizable: true, unfenced: true,
		},
		"a read goes back": {
			ops:  []Op{accepted(1, 2, 1, 1, 4), accepted(3, 20, 1, 2, 5), read(5, 6, 1, 2, 5), read(7, 8, 1, 1, 4)},
			want: []string{"time and the store's order disagree", "not linearizable"},
		},
		"a read sees what was written later": {
			ops:  []Op{read(1, 2, 1, 1, 4), accepted(3, 4, 1, 1, 4)},
			want: []string{"time and the store's order disagree", "not linearizable"},
		},
		"a read sees what was written later, without an answer": {
			ops:  []Op{read(1, 2, 1, 1, 4), unknown(3, 1, 1)},
			want: []string{"time and the store's order disagree", "not linearizable"},
		},
		"a refused write is read": {
			ops:  []Op{accepted(1, 2, 1, 1, 4), refused(3, 4, 2, 2), read(5, 6, 2, 2, 5)},
			want: []string{"a refused write is in the register", "not linearizable"},
		},
		"a refused write is in the trail": {
			ops:  []Op{refused(3, 4, 1, 2), trail(Entry{val(1, 2), 5})},
			want: []string{"a refused write is in the register"}, linearizable: true, unfenced: true,
		},
		"a value that nobody wrote is read": {
			ops:  []Op{read(5, 6, 1, 2, 5)},
			want: []string{"nobody wrote this", "not linearizable"},
		},
		"a write takes effect twice": {
			ops:  []Op{accepted(1, 2, 1, 1, 4), accepted(3, 4, 1, 2, 5), read(5, 6, 1, 1, 6)},
			want: []string{"two numbers", "not linearizable"},
		},
		"the store's order goes against time": {
			ops:  []Op{accepted(1, 2, 1, 1, 5), accepted(3, 4, 1, 2, 4)},
			want: []string{"time and the store's order disagree"}, linearizable: true, unfenced: true,
		},
		"two writes have one number": {
			ops:  []Op{accepted(1, 4, 1, 1, 5), accepted(1, 4, 1, 2, 5)},
			want: []string{"two writes have one number"}, linearizable: true, unfenced: true,
		},
		"a value has no number": {
			ops:  []Op{accepted(1, 2, 1, 1, 0), read(3, 4, 1, 1, 0)},
			want: []string{"go together"}, linearizable: true, unfenced: true,
		},
		"an empty register has a number": {
			ops:  []Op{{Register: "e", Kind: Read, Call: 1, Return: 2, Outcome: Accepted, Revision: 3}},
			want: []string{"go together"}, linearizable: true, unfenced: true,
		},
		"two writes have one value": {
			ops:  []Op{accepted(1, 2, 1, 1, 5), refused(3, 4, 1, 1)},
			want: []string{"two writes of one value"}, linearizable: true, unfenced: true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := Check(c.ops)
			for _, want := range c.want {
				if got.Err() == nil || !strings.Contains(got.Err().Error(), want) {
					t.Errorf("the faults are %v, want %q", got.Err(), want)
				}
			}
			if got.Linearizable != c.linearizable || got.LinearizableUnfenced != c.unfenced || got.LateAccepted != c.lateAccepted {
				t.Errorf("linearizable behind a fence %v, at all %v, late accepted %d; want %v, %v, %d",
					got.Linearizable, got.LinearizableUnfenced, got.LateAccepted, c.linearizable, c.unfenced, c.lateAccepted)
			}
		})
	}
}

func TestRegistersAreApart(t *testing.T) {
	other := accepted(5, 6, 1, 1, 6)
	other.Register = "f"
	r := Check([]Op{accepted(1, 2, 2, 1, 4), other})
	if err := r.Err(); err != nil || r.Registers != 2 || r.Late != 0 {
		t.Errorf("%v; %+v", err, r)
	}
}

func TestManyFaultsAreCutShort(t *testing.T) {
	ops := []Op{accepted(0, 1, 2, 1, 1)}
	for i := range uint64(100) {
		ops = append(ops, accepted(time.Duration(2+2*i), time.Duration(3+2*i), 1, i+1, i+2))
	}
	r := Check(ops)
	if len(r.Faults) != maxNamed+2 || !strings.Contains(r.Err().Error(), "and 95 more") || r.LateAccepted != 100 {
		t.Errorf("%d late writes accepted; %v", r.LateAccepted, r.Err())
	}
}
