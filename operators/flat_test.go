package operators_test

import (
	"errors"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/internal/marble"
	"github.com/leadership-go/leadership/operators"
)

// each plays a diagram for every value, which stands in it as v.
func each(diagram string) func(string) stream {
	return func(v string) stream { return marble.Source(strings.ReplaceAll(diagram, "v", v)) }
}

func flat(diagram string) func(stream) stream {
	return func(s stream) stream { return operators.FlatMap(s, each(diagram)) }
}

func concatenated(diagram string) func(stream) stream {
	return func(s stream) stream { return operators.ConcatMap(s, each(diagram)) }
}

func switched(diagram string) func(stream) stream {
	return func(s stream) stream { return operators.SwitchMap(s, each(diagram)) }
}

func TestFlatMap(t *testing.T) {
	spec(t, flat("v--v|"), "-a-b-|", "-a-ba-b|")
	spec(t, flat("v|"), "-a-b-|", "-a-b-|")
	spec(t, flat("v--v"), "-a-#", "-a-#")
	spec(t, flat("v-#"), "-a--b", "-a-#")
	spec(t, flat("v|"), "--|", "--|")
	t.Run("streams that deliver within Subscribe, each longer than a mailbox", func(t *testing.T) {
		n := 0
		o := operators.FlatMap(leadership.Just(1, 2), func(int) numbers { return leadership.FromSlice(make([]int, 1000)) })
		if err := o.ForEach(t.Context(), func(int) { n++ }); err != nil || n != 2000 {
			t.Errorf("heard %d, %v", n, err)
		}
	})
}

func TestConcatMap(t *testing.T) {
	spec(t, concatenated("v--v|"), "-a-b-|", "-a--ab--b|")
	spec(t, concatenated("v|"), "(ab)|", "ab|")
	spec(t, concatenated("v--v|"), "-a-#", "-a-#")
	spec(t, concatenated("v-#"), "-(ab)", "-a-#")
	spec(t, concatenated("v|"), "--|", "--|")
	t.Run("more than the mailbox holds may not wait", func(t *testing.T) {
		endless := func(int) numbers { return leadership.Never[int]() }
		for _, tt := range []struct {
			values, mailbox int
			want            error
		}{{257, 0, nil}, {258, 0, leadership.ErrOverflow}, {3, 2, nil}, {4, 2, leadership.ErrOverflow}} {
			o := operators.ConcatMap(leadership.FromSlice(make([]int, tt.values)), endless)
			sub := o.Subscribe(nil, leadership.Mailbox(tt.mailbox))
			if err := sub.Err(); !errors.Is(err, tt.want) {
				t.Errorf("%d values, mailbox %d: %v", tt.values, tt.mailbox, err)
			}
			sub.Unsubscribe()
		}
	})
	t.Run("completions at once do not grow the stack", func(t *testing.T) {
		const n = 2000
		depths, made := map[int]bool{}, 0
		gate := make(chan struct{})
		o := operators.ConcatMap(leadership.FromSlice(make([]int, n)), func(int) leadership.Observable[struct{}] {
			if made++; made == 1 {
				return leadership.FromChan(gate) // completes when all others wait
			}
			depths[runtime.Callers(0, make([]uintptr, 10*n))] = true
			return leadership.Empty[struct{}]()
		})
		sub := o.Subscribe(nil, leadership.Mailbox(n))
		close(gate)
		<-sub.Done()
		if sub.Err() != nil || made != n || len(depths) != 1 {
			t.Errorf("ended with %v; %d different depths", sub.Err(), len(depths))
		}
	})
}

func TestSwitchMap(t *testing.T) {
	spec(t, switched("v--v|"), "-a-b-|", "-a-b--b|")
	spec(t, switched("v|"), "-a-b-|", "-a-b-|")
	spec(t, switched("v--v|"), "-a-#", "-a-#")
	spec(t, switched("v--#"), "-a-b", "-a-b--#")
	spec(t, switched("v|"), "--|", "--|")
	t.Run("the one before is released first", func(t *testing.T) {
		var said []string
		o := operators.SwitchMap(leadership.Just("a", "b"), func(v string) stream {
			said = append(said, "make "+v)
			return leadership.New(func(s *leadership.Scope, _ leadership.Observer[string]) {
				said = append(said, v)
				s.OnEnd(func() { said = append(said, "end "+v) })
			})
		})
		o.Subscribe(nil).Unsubscribe()
		if want := []string{"make a", "a", "end a", "make b", "b", "end b"}; !slices.Equal(said, want) {
			t.Errorf("got %v", said)
		}
	})
	t.Run("what waits of the one before for a busy subscriber is void", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			heard := ""
			sub := switched("-v--v")(marble.Source("a--b--c")).Subscribe(func(v string) {
				heard += v
				if v == "a" {
					time.Sleep(9 * marble.Frame)
				}
			})
			time.Sleep(20 * marble.Frame)
			sub.Unsubscribe()
			if heard != "acc" {
				t.Errorf("heard %s", heard)
			}
		})
	})
}

// halves makes two of one.
func halves(s string) stream { return leadership.Just(s+"-1", s+"-2") }

func ExampleFlatMap() {
	show(operators.FlatMap(leadership.Just("a", "b"), halves))
	// Output: a-1 a-2 b-1 b-2 |
}

func ExampleConcatMap() {
	show(operators.ConcatMap(leadership.Just("a", "b"), halves))
	// Output: a-1 a-2 b-1 b-2 |
}

func ExampleSwitchMap() {
	show(operators.SwitchMap(leadership.Just("a", "b"), func(s string) stream {
		if s == "a" {
			return leadership.Never[string]() // until b comes
		}
		return halves(s)
	}))
	// Output: b-1 b-2 |
}
