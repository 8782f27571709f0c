package sse

import (
	"math"
	"testing"
)

func TestIDs(t *testing.T) {
	const epoch = "0123456789abcdef"
	for _, number := range []uint64{0, 1, 9, 10, 1 << 53, math.MaxUint64} {
		if got, ok := parseID(epoch, formatID(epoch, number)); !ok || got != number {
			t.Errorf("%d reads back as %d, %t", number, got, ok)
		}
	}
	for _, id := range []string{
		"", "-", "1", epoch, epoch + "-", epoch + "1", epoch + "--1", epoch + "-+1", epoch + "-01", epoch + "-1 ", " " + epoch + "-1", epoch + "-0x1", epoch + "-1_0",
		epoch + "-18446744073709551616", epoch + "-1-1", "0123456789ABCDEF-1", "0123456789abcde-1", epoch + "-١",
	} {
		if number, ok := parseID(epoch, id); ok {
			t.Errorf("%q was read as %d", id, number)
		}
	}
	if first, second := newEpoch(), newEpoch(); len(first) != 16 || first == second {
		t.Errorf("epochs %q and %q", first, second)
	}
}

// FuzzLastEventID: whatever a client claims to have seen, the response begins with an event that there is, or with the one to come. What is
// not an id of ours is told as a gap.
func FuzzLastEventID(f *testing.F) {
	const epoch = "0123456789abcdef"
	f.Add(epoch+"-7", uint32(9), 1, false)
	f.Add(epoch+"-10", uint32(9), NoReplay, true)
	f.Fuzz(func(t *testing.T, id string, newest uint32, replay int, over bool) {
		h := &Handler[int]{epoch: epoch, options: Options[int]{Replay: replay}}
		h.newest.Store(uint64(newest))
		last := uint64(newest)
		if over {
			last++
			end := newEvent(epoch, last, typeEnd, nil)
			h.end.Store(&end)
		}
		at := h.position(id)
		number, ours := parseID(epoch, id)
		if ours && formatID(epoch, number) != id {
			t.Fatalf("%q was read as %d", id, number)
		}
		fresh := position{next: uint64(newest) + 1 - min(uint64(newest), uint64(max(replay, 0)))}
		want := fresh
		switch {
		case id == "":
		case !ours || number > last:
			want.lost = true
		case over && number == last:
			want = position{over: true}
		default:
			want = position{next: number + 1}
		}
		if at != want {
			t.Errorf("%q: %+v, want %+v", id, at, want)
		}
		if !at.over && (at.next < 1 || at.next > uint64(newest)+1) {
			t.Errorf("%q: begins with event %d of %d", id, at.next, newest)
		}
	})
}
