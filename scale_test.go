package leadership_test

import (
	"fmt"
	"math"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/sources/memory"
)

// docs/scale.md multiplies what Explain says of one election. Many elections with many members do ask for that much.
func TestManyElectionsAskForWhatIsExplained(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const services, members = 20, 10
		store := memory.NewStore()
		var asked atomic.Int64
		factory := func(service int) *leadership.ClusterFactory {
			return memory.NewClusterFactory(store).Configure(leadership.Config{ServiceName: fmt.Sprint("service-", service)}).Wrap(counted(&asked))
		}
		for service := range services {
			for range members {
				m, err := factory(service).Build(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				defer m.Close() //nolint:errcheck // at the end
			}
		}
		time.Sleep(time.Minute)
		asked.Store(0)
		time.Sleep(time.Hour)
		e, err := factory(0).Explain()
		if err != nil {
			t.Fatal(err)
		}
		said := services * (e.LeaderRequests + (members-1)*e.CandidateRequests)
		if made := float64(asked.Load()) / 3600; math.Abs(said-made) > 0.02*made {
			t.Errorf("%.2f requests a second were made, and %.2f are explained", made, said)
		}
	})
}
