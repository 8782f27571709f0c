package soak_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/leadership-go/leadership/e2e/internal/soak"
	"github.com/leadership-go/leadership/e2e/internal/stores"
)

// TestSoak is a short form of what figures-safety runs for half an hour.
func TestSoak(t *testing.T) {
	seed := uint64(rand.Uint32())
	t.Logf("seed %d", seed)
	r, err := soak.Run(t.Context(), soak.Options{
		Seed: seed, For: 20 * time.Second, Every: 200 * time.Millisecond, FaultEvery: 2 * time.Second, ServerEvery: 6 * time.Second,
	}, stores.All())
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("faults %v, before %+v, after %+v", r.Faults, r.Before, r.After)
	for i, seen := range r.Seen {
		if seen.Terms == 0 || seen.Rounds == 0 {
			t.Errorf("%s: the witness has seen %+v", r.Names[i], seen)
		}
	}
}
