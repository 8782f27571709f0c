package operators_test

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/internal/marble"
	"github.com/leadership-go/leadership/operators"
)

func parsed(s stream) stream {
	return operators.MapErr(s, func(v string) (string, error) {
		_, err := strconv.Atoi(v)
		return v, err
	})
}

func TestMapErr(t *testing.T) {
	spec(t, parsed, "-1-2-x-3-|", "-1-2-#")
	spec(t, parsed, "(1x2x)", "(1#)")
	spec(t, parsed, "-1-|", "-1-|")
	spec(t, parsed, "-1-#", "-1-#")
	if err := parsed(leadership.Just("x")).ForEach(t.Context(), nil); !errors.Is(err, strconv.ErrSyntax) {
		t.Errorf("ended with %v", err)
	}
}

func summed(s stream) stream {
	sums := operators.Scan(s, 0, func(sum int, v string) int {
		n, _ := strconv.Atoi(v)
		return sum + n
	})
	return operators.Map(sums, strconv.Itoa)
}

func TestScan(t *testing.T) {
	spec(t, summed, "-1-2-3-|", "-1-3-6-|")
	spec(t, summed, "-1-#", "-1-#")
	spec(t, summed, "|", "|")
}

// paired shows a pair by capital letters where it repeats and by its second one otherwise.
func paired(s stream) stream {
	return operators.Map(operators.Pairwise(s), func(p [2]string) string {
		if p[0] == p[1] {
			return strings.ToUpper(p[0])
		}
		return p[1]
	})
}

func TestPairwise(t *testing.T) {
	spec(t, paired, "-a-b--b-c-|", "---b--B-c-|")
	spec(t, paired, "-a-|", "---|")
	spec(t, paired, "-a-b#", "---b#")
}

func begun(values ...string) func(stream) stream {
	return func(s stream) stream { return operators.StartWith(s, values...) }
}

func TestStartWith(t *testing.T) {
	spec(t, begun("x", "y"), "--a-|", "(xy)-a-|")
	spec(t, begun("x"), "--#", "x-#")
	spec(t, begun(), "--a|", "--a|")
	t.Run("left within the values, it does not subscribe", func(t *testing.T) {
		source := leadership.New(func(*leadership.Scope, leadership.Observer[int]) { t.Error("subscribed") })
		if err := operators.Take(operators.StartWith(source, 1, 2), 1).ForEach(t.Context(), nil); err != nil {
			t.Error(err)
		}
	})
}

func materialized(s stream) stream {
	return operators.Map(operators.Materialize(s), func(n operators.Notification[string]) string {
		switch {
		case !n.Terminal:
			return n.Value
		case errors.Is(n.Err, marble.ErrMarble):
			return "E"
		default:
			return "C"
		}
	})
}

func TestMaterialize(t *testing.T) {
	spec(t, materialized, "-a-|", "-a-(C|)")
	spec(t, materialized, "-a-#", "-a-(E|)")
	spec(t, materialized, "-a-", "-a")
}

func ExampleMapErr() {
	show(operators.MapErr(leadership.Just("1", "two"), strconv.Atoi))
	// Output: 1 error: strconv.Atoi: parsing "two": invalid syntax
}

func ExampleScan() {
	statuses := leadership.Just(leadership.StatusElectedFirst, leadership.StatusRelegation, leadership.StatusElectedFirst)
	show(operators.Scan(statuses, 0, func(terms int, s leadership.Status) int {
		if s == leadership.StatusElectedFirst {
			terms++
		}
		return terms
	}))
	// Output: 1 1 2 |
}

func ExamplePairwise() {
	show(operators.Pairwise(leadership.Just("node-1", "node-2", "node-3")))
	// Output: [node-1 node-2] [node-2 node-3] |
}

func ExampleStartWith() {
	show(operators.StartWith(leadership.Just("b"), "a"))
	// Output: a b |
}

func ExampleMaterialize() {
	failing := operators.StartWith(leadership.Throw[int](errors.New("no route")), 1)
	operators.Materialize(failing).Subscribe(func(n operators.Notification[int]) { fmt.Println(n.Value, n.Err, n.Terminal) })
	// Output:
	// 1 <nil> false
	// 0 no route true
}
