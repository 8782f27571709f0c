package e2e_test

import (
	"flag"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/leadership-go/leadership/e2e/internal/drill"
	"github.com/leadership-go/leadership/e2e/internal/figures"
	"github.com/leadership-go/leadership/e2e/internal/stores"
)

func TestMain(m *testing.M) {
	drill.Candidate() // the candidates of a drill are this program, too
	flag.Parse()
	if err := flag.Set("test.parallel", strconv.Itoa(max(3, runtime.GOMAXPROCS(0)))); err != nil { // they wait, most of the time
		panic(err)
	}
	os.Exit(m.Run())
}

// The short form of "figures-safety -scenarios faults": each run has another seed, which it prints.
func TestDrillNeverTwoLeadersUnderRealFaults(t *testing.T) {
	t.Parallel()
	for _, starter := range stores.All() {
		t.Run(starter.Name, func(t *testing.T) {
			t.Parallel()
			s := startStore(t, starter, stores.Options{Servers: 3, Persist: true})
			o := drill.Options{
				TTL: 2 * time.Second, Elections: 3, Peers: 1, Seed: uint64(time.Now().UnixNano() % 1e9),
				Rounds: 1, Round: 14 * time.Second, Servers: []drill.Kind{drill.StoreLeadKill, drill.NodePause},
			}
			r, err := drill.Run(t.Context(), s, o)
			var out strings.Builder
			p := figures.To(&out)
			r.Print(p)
			if err := r.Table(&out); err != nil {
				t.Error(err)
			}
			t.Logf("seed %d\n%s", o.Seed, out.String())
			if err != nil {
				t.Fatal(err)
			}
			if err := p.Err(); err != nil {
				t.Error(err)
			}
			if n := r.Counted(); n < 3*o.Elections {
				t.Errorf("%d faults in %d elections prove little", n, o.Elections)
			}
			for _, kind := range []drill.Kind{drill.ToldTransfer, drill.CutThenCheck} {
				if n := r.CountedOf(kind); n == 0 && (kind != drill.CutThenCheck || starter.Name == "consul") {
					t.Errorf("%q did not come", kind)
				}
			}
		})
	}
}
