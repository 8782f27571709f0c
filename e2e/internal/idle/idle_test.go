package idle

import (
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/leadership-go/leadership/e2e/internal/contender"
	"github.com/leadership-go/leadership/e2e/internal/stores"
	"github.com/leadership-go/leadership/e2e/internal/traffic"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestRatesAreRequestsInASecond(t *testing.T) {
	renew := traffic.Request{Name: "LeaseKeepAlive"}
	a := Asked{traffic.Requests{renew: 3, {Name: "Range"}: 1}, 8 * time.Second}
	if a.Total() != 0.5 || a.Rate(traffic.Request.Renews) != 0.375 {
		t.Errorf("%v in all, %v renewals", a.Total(), a.Rate(traffic.Request.Renews))
	}
}

// TestAtStores counts for a moment at real servers. How much is asked is not judged here.
func TestAtStores(t *testing.T) {
	for _, starter := range stores.All() {
		t.Run(starter.Name, func(t *testing.T) {
			t.Parallel()
			store, err := starter.Start(t.Context(), stores.Options{})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := store.Close(); err != nil {
					t.Error(err)
				}
			})
			kinds := []string{contender.Leadership, contender.Peer(store.Name())}
			asked, err := Measure(t.Context(), store, kinds, Options{TTL: 3 * time.Second, For: 4 * time.Second})
			if err != nil {
				t.Fatal(err)
			}
			for _, kind := range kinds {
				for _, a := range []Asked{asked[kind].Leader, asked[kind].Candidate} {
					if a.Requests.Of(traffic.Request.Renews) == 0 || a.For < 4*time.Second {
						t.Errorf("%s: %v", kind, a)
					}
				}
			}
		})
	}
}
