package figures

import (
	"math/rand/v2"
	"testing"
	"time"
)

// drawn is n measurements of around d, in blocks of 10 of which each has a delay of its own, which both sides share.
func drawn(n int, d time.Duration, seed uint64) Durations {
	own, shared := rand.New(rand.NewPCG(seed, 1)), rand.New(rand.NewPCG(9, 9))
	list := make(Durations, n)
	var delay time.Duration
	for i := range list {
		if i%10 == 0 {
			delay = time.Duration(shared.ExpFloat64() * float64(time.Millisecond))
		}
		list[i] = d + delay + time.Duration(own.ExpFloat64()*float64(time.Millisecond))
	}
	return list
}

func TestAnIntervalHoldsTheTrueRatio(t *testing.T) {
	held := 0
	for seed := range uint64(40) {
		if r := RatioOf(drawn(200, 5*time.Millisecond, 2*seed), drawn(200, 5*time.Millisecond, 2*seed+1), 0.9, 10); r.Low <= 1 && 1 <= r.High {
			held++
		}
	}
	if held < 34 {
		t.Errorf("%d of 40 intervals hold the ratio of things that are the same", held)
	}
}

func TestWhatTakesLongerIsTold(t *testing.T) {
	slow, fast := drawn(400, 8*time.Millisecond, 1), drawn(400, 4*time.Millisecond, 2)
	for _, q := range []float64{0.5, 0.99} {
		if r := RatioOf(slow, fast, q, 10); r.Low <= 1 || r.Value < r.Low || r.Value > r.High {
			t.Errorf("quantile %v: %+v", q, r)
		}
		if r := RatioOf(fast, slow, q, 10); r.High >= 1 {
			t.Errorf("quantile %v: %+v", q, r)
		}
	}
}

func TestFewMeasurementsHaveNoInterval(t *testing.T) {
	if r := RatioOf(Durations{3}, Durations{2}, 0.5, 10); r != (Ratio{1.5, 1.5, 1.5}) {
		t.Errorf("%+v", r)
	}
}
