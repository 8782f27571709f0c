package drill

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/leadership-go/leadership/e2e/internal/contender"
)

func TestEachKindBefallsWhomItSuits(t *testing.T) {
	of := func(kind string) *election {
		all := slices.Concat(CandidateKinds(), OrderKinds(), CheckKinds())
		return &election{drill: &drill{Options: Options{TTL: time.Second, Kinds: all}}, kind: kind, rng: rand.New(rand.NewPCG(1, 1)), faults: make([]Fault, 1)}
	}
	harms := of(contender.Leadership).harms()
	for _, k := range Kinds() {
		_, harms := harms[k]
		if slices.Contains(ServerKinds(), k) == harms {
			t.Errorf("%q befalls a candidate: %v", k, harms)
		}
	}
	for _, c := range []struct {
		kind string
		want []Kind
	}{
		{contender.EtcdElection, CandidateKinds()},
		{contender.ConsulLock, CandidateKinds()},
		{contender.Leadership, slices.Concat(CandidateKinds(), OrderKinds())},
		{contender.LeadershipChecked, slices.Concat(CandidateKinds(), OrderKinds(), CheckKinds())},
	} {
		t.Run(c.kind, func(t *testing.T) {
			e := of(c.kind)
			var dealt []Kind
			for range c.want {
				dealt = append(dealt, e.deal())
			}
			slices.Sort(dealt)
			slices.Sort(c.want)
			if !slices.Equal(dealt, c.want) || len(e.deck) > 0 {
				t.Errorf("dealt %q, want each of %q once; %d left", dealt, c.want, len(e.deck))
			}
		})
	}
	if n := len(Kinds()); n != len(slices.Compact(slices.Sorted(slices.Values(Kinds())))) {
		t.Errorf("of %d kinds two are the same", n)
	}
}
