package soak_test

import (
	"bytes"
	"encoding/csv"
	"image/png"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/leadership-go/leadership/e2e/internal/soak"
)

// madeUp is a result of half an hour in which everything trembles and grows by that share.
func madeUp(growth float64) *soak.Result {
	r := &soak.Result{Options: soak.Options{For: 30 * time.Minute, Members: 6, TTL: 3 * time.Second}, Names: []string{"consul", "etcd"}}
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range 1800 {
		tremble := func(v float64) float64 { return v * (1 + growth*float64(i)/1800) * (0.9 + 0.2*rng.Float64()) }
		s := soak.Sample{At: time.Duration(i) * time.Second, Stores: make([]soak.Standing, 2)}
		s.Heap, s.Goroutines, s.Files, s.Resident = uint64(tremble(6e6)), int(tremble(350)), int(tremble(90)), uint64(tremble(4e7))
		for n := range s.Stores {
			s.Stores[n].Sessions = rng.IntN(9) - 1 // now and then it does not answer
			s.Stores[n].Faults[soak.Slow] = i
		}
		r.Samples = append(r.Samples, s)
	}
	return r
}

func TestGrowthIsFoundAndTremblingIsNot(t *testing.T) {
	for _, c := range []struct {
		name   string
		growth float64
		flat   bool
	}{
		{"even", 0, true},
		{"less than is allowed", 0.05, true},
		{"a leak", 0.2, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := madeUp(c.growth).Flat(0.05); (err == nil) != c.flat {
				t.Errorf("%v", err)
			}
		})
	}
	if err := new(soak.Result).Flat(1); err == nil {
		t.Error("without samples it is flat")
	}
}

func TestThePictureIsSmallAndTheTableWhole(t *testing.T) {
	r := madeUp(0)
	var picture, table bytes.Buffer
	if err := r.WritePNG(&picture); err != nil {
		t.Fatal(err)
	}
	if size := picture.Len(); size > 150_000 {
		t.Errorf("a picture of %d bytes", size)
	}
	if _, err := png.Decode(&picture); err != nil {
		t.Error(err)
	}
	if err := r.WriteCSV(&table); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(&table).ReadAll()
	if err != nil || len(rows) != len(r.Samples)+1 {
		t.Errorf("%d rows of %d samples, %v", len(rows), len(r.Samples), err)
	}
}
