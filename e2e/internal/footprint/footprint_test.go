package footprint

import (
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/leadership-go/leadership/e2e/internal/stores"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestWhatEachOfManyTakes(t *testing.T) {
	before, after := use{heap: 1000, stacks: 500, goroutines: 7}, use{heap: 1800, stacks: 900, goroutines: 17}
	if got, want := after.since(before, 4), (Footprint{300, 2.5}); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := before.since(after, 4); got.Bytes != -300 {
		t.Errorf("what shrinks is %v", got)
	}
}

// TestAtStores has a few wait at real servers. How much they take is not judged here.
func TestAtStores(t *testing.T) {
	for _, starter := range stores.All() {
		t.Run(starter.Name, func(t *testing.T) {
			store, err := starter.Start(t.Context(), stores.Options{})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := store.Close(); err != nil {
					t.Error(err)
				}
			})
			for _, kind := range []Kind{{}, {Peer: true}} {
				f, err := Measure(t.Context(), store, kind, Options{Candidates: 5, Settle: time.Second})
				if err != nil {
					t.Fatal(err)
				}
				t.Logf("%+v: %+v", kind, f)
				if f.Goroutines < 1 {
					t.Errorf("%+v: %+v", kind, f)
				}
			}
		})
	}
}
