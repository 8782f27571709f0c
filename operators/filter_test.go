package operators_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/operators"
)

func TestFilter(t *testing.T) {
	odd := func(s stream) stream {
		return operators.Filter(s, func(v string) bool { return strings.Contains("13579", v) })
	}
	spec(t, odd, "-1-2-3-4-|", "-1---3---|")
	spec(t, odd, "-2-4-#", "-----#")
	spec(t, odd, "(123|)", "(13|)")
	spec(t, odd, "--", "")
}

func TestDistinctUntilChanged(t *testing.T) {
	spec(t, operators.DistinctUntilChanged[string], "-L-L-F-L-|", "-L---F-L-|")
	spec(t, operators.DistinctUntilChanged[string], "(aab)a#", "(ab)a#")
	spec(t, operators.DistinctUntilChanged[string], "|", "|")
}

func TestDistinctUntilChangedBy(t *testing.T) {
	lower := func(s stream) stream { return operators.DistinctUntilChangedBy(s, strings.ToLower) }
	spec(t, lower, "-a-A-b-a-|", "-a---b-a-|")
	spec(t, lower, "-A-a-#", "-A---#")
}

func TestAStateForEachSubscription(t *testing.T) {
	o := operators.DistinctUntilChanged(leadership.Just(1, 1, 2))
	for range 2 {
		var got []int
		o.Subscribe(func(v int) { got = append(got, v) })
		if fmt.Sprint(got) != "[1 2]" {
			t.Errorf("heard %v", got)
		}
	}
}

func ExampleFilter() {
	even := operators.Filter(leadership.Just(1, 2, 3, 4), func(v int) bool { return v%2 == 0 })
	even.Subscribe(func(v int) { fmt.Println(v) })
	// Output:
	// 2
	// 4
}

func ExampleDistinctUntilChanged() {
	leaders := operators.DistinctUntilChanged(leadership.Just("node-1", "node-1", "node-2", "node-1"))
	leaders.Subscribe(func(name string) { fmt.Println(name) })
	// Output:
	// node-1
	// node-2
	// node-1
}

func ExampleDistinctUntilChangedBy() {
	messages := leadership.Just(
		leadership.ElectionMessage{Status: leadership.StatusNotElected, Term: 7},
		leadership.ElectionMessage{Status: leadership.StatusNotElected, Term: 7},
		leadership.ElectionMessage{Status: leadership.StatusNotElected, Term: 8},
	)
	terms := operators.DistinctUntilChangedBy(messages, func(m leadership.ElectionMessage) uint64 { return m.Term })
	terms.Subscribe(func(m leadership.ElectionMessage) { fmt.Println(m.Term) })
	// Output:
	// 7
	// 8
}
