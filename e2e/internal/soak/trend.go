package soak

import (
	"fmt"
	"slices"
)

// warmup is the share of the samples that come before what is compared: connections and caches fill up.
const warmup = 0.1

// Trend compares the beginning of a run, after its warm-up, with its end: the medians of the first and the last third of the samples.
type Trend struct {
	// Name says of what.
	Name string
	// First and Last are the medians.
	First, Last float64
}

// Growth is by which share the last third is above the first.
func (t Trend) Growth() float64 { return t.Last/t.First - 1 }

// trendOf compares what read gives.
func trendOf(name string, samples []Sample, read func(Sample) float64) (Trend, error) {
	samples = samples[int(warmup*float64(len(samples))):]
	n := len(samples) / 3
	if n == 0 {
		return Trend{}, fmt.Errorf("soak: %d samples are too few for a trend of %s", len(samples), name)
	}
	return Trend{Name: name, First: median(samples[:n], read), Last: median(samples[len(samples)-n:], read)}, nil
}

func median(samples []Sample, read func(Sample) float64) float64 {
	values := make([]float64, len(samples))
	for i, s := range samples {
		values[i] = read(s)
	}
	slices.Sort(values)
	return (values[(len(values)-1)/2] + values[len(values)/2]) / 2
}

// Trends are those of heap, goroutines, open files and resident memory, in this order.
func (r *Result) Trends() ([]Trend, error) {
	var all []Trend
	for _, t := range []struct {
		name string
		read func(Sample) float64
	}{
		{"heap", func(s Sample) float64 { return float64(s.Heap) }},
		{"goroutines", func(s Sample) float64 { return float64(s.Goroutines) }},
		{"files", func(s Sample) float64 { return float64(s.Files) }},
		{"resident", func(s Sample) float64 { return float64(s.Resident) }},
	} {
		trend, err := trendOf(t.name, r.Samples, t.read)
		if err != nil {
			return nil, err
		}
		all = append(all, trend)
	}
	return all, nil
}

// Flat is an error for each of heap, goroutines and open files whose last third is above its first by more than the given share.
// Resident memory is left out: the runtime gives it back when it likes.
func (r *Result) Flat(share float64) error {
	trends, err := r.Trends()
	if err != nil {
		return err
	}
	for _, t := range trends[:3] {
		if growth := t.Growth(); !(growth <= share) {
			return fmt.Errorf("soak: %s grew by %.1f %%, from %.0f to %.0f: more than %.0f %%", t.Name, 100*growth, t.First, t.Last, 100*share)
		}
	}
	return nil
}
