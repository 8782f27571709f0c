package differential

import (
	"flag"
	"fmt"
	"hash/fnv"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/reactivex/rxgo/v2"
	"github.com/samber/ro"
	"go.uber.org/goleak"
)

var (
	seedFlag   = flag.Uint64("differential.seed", 0, "seed of the random inputs; 0: another one in each run")
	inputsFlag = flag.Int("differential.inputs", 200, "random inputs for each operator")
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// peer is a library that ours is compared with.
type peer string

const (
	inRxgo peer = "rxgo"
	inRo   peer = "samber/ro"
)

// comparison is one operator, as each library has it. A peer that has none, or takes part elsewhere, is nil.
type comparison struct {
	shape
	// operator is the name of ours; "" where the comparison has it.
	operator string
	ours     func(*stage)
	rxgo     func(*stage)
	ro       func(*stage)
	// order brings what happens at the very same time into the order that is compared; nil leaves it as it is.
	order func(trace) trace
	// expected is what comes out by reactivex.io, or by our own choice where that leaves one. It is needed where no peer agrees.
	expected func(input) trace
	// like is a comparison of the same operator here with a peer that agrees always: then expected is not needed.
	like string
	// called is what the operator is called in a peer, where that is another name.
	called map[peer]string
}

// peers are those that have the operator.
func (c comparison) peers() map[peer]func(*stage) {
	has := map[peer]func(*stage){inRxgo: c.rxgo, inRo: c.ro}
	maps.DeleteFunc(has, func(_ peer, play func(*stage)) bool { return play == nil })
	return has
}

// comparisons are all of them, by name, which is that of the operator unless there are several of it.
func comparisons() map[string]comparison {
	all := map[string]comparison{}
	for _, some := range []map[string]comparison{
		filtering(), taking(), transforming(), flattening(), combining(), inTime(), recovering(),
		buffering(), streaming(), sharing(), tapping(),
	} {
		maps.Copy(all, some)
	}
	return all
}

// difference is one row of the table: how the peers differ from this module in one point.
type difference struct {
	operator string
	standard string // what reactivex.io says
	here     string
	rxgo, ro *deviation // nil: as here, or no such operator
}

// deviation is what one peer does otherwise.
type deviation struct {
	does string
	// of is the comparison that it shows in; "" stands for the one with the name of the operator.
	of string
	// account makes of a trace of this module, which is that of in, the one that the peer makes. It must change nothing where
	// the peer does not differ.
	account func(in input, ours trace) trace
	// alone shows what random inputs can't. A deviation has account or alone, or both.
	alone func(t *testing.T)
}

// differences is the table. Those of one operator are accounted for one after the other.
func differences() []difference {
	return slices.Concat(takingDiffers(), transformingDiffers(), flatteningDiffers(), combiningDiffers(), inTimeDiffers(), bufferingDiffers(), streamingDiffers(), sharingDiffers(),
		recoveringDiffers(), tappingDiffers(), generalDiffers())
}

func (d difference) in(p peer) *deviation {
	if p == inRxgo {
		return d.rxgo
	}
	return d.ro
}

// comparison is the name of the one that shows what p does otherwise; "" where none does.
func (d difference) comparison(p peer) string {
	deviates := d.in(p)
	switch {
	case deviates == nil || deviates.account == nil:
		return ""
	case deviates.of != "":
		return deviates.of
	}
	return d.operator
}

func TestDifferential(t *testing.T) {
	seed := *seedFlag
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("-differential.seed=%d -differential.inputs=%d", seed, *inputsFlag)
	all := comparisons()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, problem := range all[name].run(t, name, differences(), seed, *inputsFlag) {
				t.Errorf("-differential.seed=%d, %s", seed, problem)
			}
		})
	}
}

// run compares on so many random inputs. It returns the first difference that the table does not account for, or else what of the table no
// input has shown.
func (c comparison) run(t *testing.T, name string, table []difference, seed uint64, inputs int) (problems []string) {
	t.Helper()
	h := fnv.New64a()
	_, _ = h.Write([]byte(name))
	shown := map[*deviation]bool{}
	for i := range inputs {
		in := c.input(rand.New(rand.NewPCG(seed, h.Sum64()+uint64(i))))
		ours := c.ordered(staged(t, in, c.ours))
		differs := func(who string, want, got trace) []string {
			return []string{fmt.Sprintf("%s, input %d:\n%v\nhere:     %v\nexpected: %v\ngot:      %v", who, i, in, ours, want, got)}
		}
		agreed := c.like != "" || c.expected != nil
		if c.expected != nil {
			if want := c.ordered(c.expected(in)); !slices.Equal(ours, want) {
				return differs("here", want, ours)
			}
		}
		for p, play := range c.peers() {
			theirs := c.ordered(staged(t, in, play))
			want, by := c.accounted(table, name, p, in, ours)
			if !slices.Equal(theirs, want) {
				return differs(string(p), want, theirs)
			}
			for _, d := range by {
				shown[d] = true
			}
			agreed = agreed || len(by) == 0
		}
		if !agreed {
			return differs("nobody agrees", nil, ours)
		}
	}
	for _, d := range table {
		for p := range c.peers() {
			if d.comparison(p) == name && !shown[d.in(p)] {
				problems = append(problems, fmt.Sprintf("%s: no input shows that it %s", p, d.in(p).does))
			}
		}
	}
	return problems
}

// ordered is t in the order that is compared.
func (c comparison) ordered(t trace) trace {
	if c.order == nil {
		return t
	}
	return c.order(t)
}

// accounted is what p is expected to make of in, and what of the table has made a difference.
func (c comparison) accounted(table []difference, name string, p peer, in input, ours trace) (want trace, by []*deviation) {
	want = ours
	for _, d := range table {
		if d.comparison(p) != name {
			continue
		}
		made := c.ordered(d.in(p).account(in, want))
		if !slices.Equal(made, want) {
			by = append(by, d.in(p))
		}
		want = made
	}
	return want, by
}

func TestDifferencesWithoutRandomInputs(t *testing.T) {
	for _, d := range differences() {
		for _, p := range []peer{inRxgo, inRo} {
			if d.in(p) != nil && d.in(p).alone != nil {
				t.Run(fmt.Sprintf("%s of %s %s", d.operator, p, d.in(p).does), d.in(p).alone)
			}
		}
	}
}

func TestTable(t *testing.T) {
	all := comparisons()
	for name, c := range all {
		if c.like == "" {
			continue
		}
		if like := all[c.like]; like.name(c.like) != c.name(name) || len(like.peers()) == 0 || slices.ContainsFunc(differences(), func(d difference) bool {
			return d.comparison(inRxgo) == c.like || d.comparison(inRo) == c.like
		}) {
			t.Errorf("%s is not what vouches for %s", c.like, name)
		}
	}
	for _, d := range differences() {
		if d.operator == "" || d.standard == "" || d.here == "" || d.rxgo == nil && d.ro == nil {
			t.Errorf("incomplete: %+v", d)
		}
		for _, p := range []peer{inRxgo, inRo} {
			switch deviates := d.in(p); {
			case deviates == nil:
			case deviates.account == nil && deviates.alone == nil:
				t.Errorf("%s, %s: nothing shows that it %s", d.operator, p, deviates.does)
			case deviates.account != nil && all[d.comparison(p)].peers()[p] == nil:
				t.Errorf("%s, %s: nothing is compared", d.operator, p)
			}
		}
	}
}

// TestRunFindsWhatIsWrong holds the comparison itself to its word.
func TestRunFindsWhatIsWrong(t *testing.T) {
	taking := taking()["Take"]
	alone := taking
	alone.ro = nil
	wrong := taking
	wrong.expected = func(in input) trace { return in.sources[0] }
	late := difference{operator: "Take", rxgo: takingDiffers()[0].rxgo}
	for _, tt := range []struct {
		name  string
		table []difference
		c     comparison
		want  []string // how the problems begin, in order
	}{
		{"all is accounted for", []difference{late}, taking, nil},
		{"a difference that is not in the table", nil, taking, []string{"rxgo, input "}},
		{"a difference in all peers, and nothing to say what is right", []difference{late}, alone, []string{"nobody agrees, input "}},
		{"a difference from what is right, in all libraries", []difference{late}, wrong, []string{"here, input "}},
		{
			"a difference that the table has otherwise",
			[]difference{{operator: "Take", rxgo: &deviation{account: func(_ input, ours trace) trace {
				values, _ := ours.split()
				return values
			}}}},
			taking,
			[]string{"rxgo, input "},
		},
		{
			"a row that no input shows",
			[]difference{late, {operator: "Take", ro: &deviation{does: "is odd", account: func(_ input, ours trace) trace { return ours }}}},
			taking,
			[]string{"samber/ro: no input shows that it is odd"},
		},
		{
			"a value at another time",
			nil,
			comparison{
				ours: func(s *stage) { recordOurs(s, s.source(0)) },
				ro:   func(s *stage) { recordRo(s, ro.DelayEach[string](1)(s.roSource(0))) },
			},
			[]string{"samber/ro, input "},
		},
		{
			"a terminal that is missing",
			nil,
			comparison{
				ours: func(s *stage) { recordOurs(s, s.source(0)) },
				rxgo: func(s *stage) {
					recordRx(s, rxgo.Merge([]rxgo.Observable{s.rxSource(0), rxgo.Never()}, rxgo.WithContext(s.ctx)))
				},
			},
			[]string{"rxgo, input "},
		},
		{
			"another error",
			nil,
			comparison{
				ours: func(s *stage) { recordOurs(s, s.source(0)) },
				ro: func(s *stage) {
					recordRo(s, ro.Catch(func(error) ro.Observable[string] { return ro.Throw[string](errRefused) })(s.roSource(0)))
				},
			},
			[]string{"samber/ro, input "},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := tt.c.run(t, "Take", tt.table, 1, 100)
			if !slices.EqualFunc(got, tt.want, strings.HasPrefix) {
				t.Errorf("got %q", got)
			}
		})
	}
}
