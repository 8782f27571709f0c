package main

import (
	"context"
	"math"

	"github.com/leadership-go/leadership/e2e/internal/footprint"
	"github.com/leadership-go/leadership/e2e/internal/stores"
)

// footprintGoroutines is the most that one candidate takes that waits, with a client that it shares.
const footprintGoroutines = 3

// footprintBytes are the most, by store. At Consul each that waits has a long poll, which takes a connection of net/http: two of its goroutines, and 18 KB with their stacks and buffers.
func footprintBytes() map[string]float64 {
	return map[string]float64{"etcd": 20 << 10, "consul": 44 << 10}
}

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
		r.footprint(store.Name()+".footprint."+kind.name, footprintBytes()[store.Name()], kind.Kind, f)
	}
	return nil
}

// footprint prints that of one candidate. Of several hundred a few have a request under way, which takes goroutines: a tenth of one is no matter.
func (r *report) footprint(name string, most float64, kind footprint.Kind, f footprint.Footprint) {
	r.number(name+"bytes", f.Bytes, 0, "bytes")
	r.number(name+"goroutines", f.Goroutines, 2, "goroutines")
	if kind == (footprint.Kind{}) {
		r.Require(f.Bytes <= most, "%sbytes is %.0f, the most is %.0f", name, f.Bytes, most)
		r.Require(math.Round(10*f.Goroutines) <= 10*footprintGoroutines, "%sgoroutines is %.2f, the most is %v", name, f.Goroutines, footprintGoroutines)
	}
}
