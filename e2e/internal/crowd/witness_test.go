package crowd

import (
	"testing"
	"time"

	"github.com/leadership-go/leadership"
)

// alone builds a member of an election of its own, which leads at once with token 1.
func alone(t *testing.T, w *Witness) *leadership.Member {
	t.Helper()
	m, err := leadership.NewClusterFactory(nil).Mode(leadership.ModeSingle).Build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close() })
	led := make(chan struct{}, 1)
	m.AsObservable().Subscribe(func(msg leadership.ElectionMessage) {
		if msg.Status == leadership.StatusElectedFirst {
			led <- struct{}{}
		}
	})
	<-led
	w.Add(m)
	return m
}

func TestAWitnessSeesTwoLeadersAndNotOne(t *testing.T) {
	w := Attend(time.Hour)
	defer w.Stop()
	w.round() // nobody is there
	alone(t, w)
	w.round()
	w.round()
	if seen := w.Testimony(); seen.Overlaps != 0 || seen.First != nil || seen.Terms != 1 || seen.Led != 2 || seen.Rounds != 2 {
		t.Fatalf("of one leader it has seen %+v", seen)
	}
	second := alone(t, w)
	w.round()
	if seen := w.Testimony(); seen.Overlaps == 0 || seen.First == nil {
		t.Errorf("of two leaders it has seen %+v", seen)
	}
	before := w.Testimony().Overlaps
	w.Remove(second)
	w.hear(second, 2)
	w.hear(second, 1)
	if seen := w.Testimony(); seen.Overlaps != before+1 || seen.Terms != 2 {
		t.Errorf("of a token that goes back it has seen %+v", seen)
	}
}

func TestTokensThatDoNotGrowAreFound(t *testing.T) {
	for _, c := range []struct {
		name  string
		terms []uint64
		grow  bool
	}{
		{"no term", nil, true},
		{"growing", []uint64{1, 2, 9}, true},
		{"the same twice", []uint64{1, 2, 2}, false},
		{"backwards", []uint64{3, 2}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := &assembly{hall: newHall()}
			for _, term := range c.terms {
				a.hall.turns = append(a.hall.turns, turn{term: term})
			}
			if err := a.grown(); (err == nil) != c.grow {
				t.Errorf("%v", err)
			}
		})
	}
}
