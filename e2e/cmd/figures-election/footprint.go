package main

import (
	"context"
	"math"

	"github.com/leadership-go/leadership/e2e/internal/footprint"
	"github.com/leadership-go/leadership/e2e/internal/stores"
)

// What is promised of one candidate that waits, with a client that it shares.
const (
	footprintBytes      = 20 << 10
	footprintGoroutines = 3
)

// footprintSettle is more than the time between two renewals.
const footprintSettle = footprint.TTL * 7 / 10

// footprintKinds are those of candidates that wait, with their names.
func footprintKinds() []footprintKind {
	return []footprintKind{
		{"", footprint.Kind{}},
		{"peer.", footprint.Kind{Peer: true}},
		{"own.", footprint.Kind{Own: true}},
		{"own.peer.", footprint.Kind{Peer: true, Own: true}},
	}
}

type footprintKind struct {
	name string
	footprint.Kind
}

// footprints measures one kind after the other: all share the process.
func footprints(ctx context.Context, store stores.Store, s settings, r *report) error {
	for _, kind := range footprintKinds() {
		f, err := footprint.Measure(ctx, store, kind.Kind, footprint.Options{Candidates: s.candidates, Settle: footprintSettle})
		if err != nil {
			return err
		}
		r.footprint(store.Name()+".footprint."+kind.name, kind.Kind, f)
	}
	return nil
}

// footprint prints that of one candidate. Of several hundred a few have a request under way, which takes goroutines: a tenth of one is no matter.
func (r *report) footprint(name string, kind footprint.Kind, f footprint.Footprint) {
	r.number(name+"bytes", f.Bytes, 0, "bytes")
	r.number(name+"goroutines", f.Goroutines, 2, "goroutines")
	if kind == (footprint.Kind{}) {
		r.Require(f.Bytes <= footprintBytes, "%sbytes is %.0f, the most is %v", name, f.Bytes, footprintBytes)
		r.Require(math.Round(10*f.Goroutines) <= 10*footprintGoroutines, "%sgoroutines is %.2f, the most is %v", name, f.Goroutines, footprintGoroutines)
	}
}
