package figures

import (
	"math/rand/v2"
	"slices"
	"time"
)

// Ratio is how many times as long as theirs ours took, at one quantile.
type Ratio struct {
	// Value is that of all measurements.
	Value float64
	// Low and High are the ends of its 95 percent confidence interval: were the same to be measured again and again, that many of such intervals would hold
	// the true ratio.
	Low, High float64
}

// resamples is how often the measurements are drawn anew for an interval.
const resamples = 2000

// RatioOf compares two things that were measured in turn, so that both have the same number of measurements, in blocks which follow each other: what else happened
// on the machine during a block has hit both. The interval is a bootstrap of whole blocks with a fixed seed: the same measurements give the same.
func RatioOf(ours, theirs Durations, q float64, block int) Ratio {
	n := min(len(ours), len(theirs))
	block = max(block, 1)
	blocks := n / block
	r := Ratio{Value: ratio(ours.Quantile(q), theirs.Quantile(q))}
	r.Low, r.High = r.Value, r.Value
	if blocks < 2 {
		return r
	}
	rng := rand.New(rand.NewPCG(1, 2))
	all := make([]float64, resamples)
	mine, other := make(Durations, 0, n), make(Durations, 0, n)
	for i := range all {
		mine, other = mine[:0], other[:0]
		for range blocks {
			from := rng.IntN(blocks) * block
			mine = append(mine, ours[from:from+block]...)
			other = append(other, theirs[from:from+block]...)
		}
		all[i] = ratio(mine.Quantile(q), other.Quantile(q))
	}
	slices.Sort(all)
	r.Low, r.High = all[resamples/40], all[resamples-1-resamples/40]
	return r
}

// ratio is how many times as long as theirs ours took.
func ratio(ours, theirs time.Duration) float64 { return float64(ours) / float64(max(theirs, 1)) }
