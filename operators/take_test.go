package operators_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/internal/marble"
	"github.com/leadership-go/leadership/operators"
)

func isOdd(v string) bool { return strings.Contains("13579", v) }

func taken(n int) func(stream) stream {
	return func(s stream) stream { return operators.Take(s, n) }
}

func at(index int) func(stream) stream {
	return func(s stream) stream { return operators.ElementAt(s, index) }
}

func TestTake(t *testing.T) {
	spec(t, taken(2), "-a-b-c-|", "-a-(b|)")
	spec(t, taken(2), "(abc)", "(ab|)")
	spec(t, taken(3), "-a-b-|", "-a-b-|")
	spec(t, taken(2), "-a-#", "-a-#")
	spec(t, taken(0), "#", "|")
	spec(t, taken(-1), "-a", "|")
	t.Run("what a source says that does not ask whether it is still heard, counts no more", func(t *testing.T) {
		open := 0
		heard := 0
		err := operators.Take(held(&open, 1, 2, 3), 2).ForEach(t.Context(), func(v int) { heard += v })
		if heard != 3 || err != nil {
			t.Errorf("heard %d, %v", heard, err)
		}
	})
}

func TestTakeWhile(t *testing.T) {
	odd := func(s stream) stream { return operators.TakeWhile(s, isOdd) }
	spec(t, odd, "-1-3-4-5-|", "-1-3-|")
	spec(t, odd, "(1241)", "(1|)")
	spec(t, odd, "-1-|", "-1-|")
	spec(t, odd, "-1-#", "-1-#")
}

func until(notifier string) func(stream) stream {
	return func(s stream) stream { return operators.TakeUntil(s, marble.Source(notifier)) }
}

func TestTakeUntil(t *testing.T) {
	spec(t, until("----x"), "-a-b-c-d-|", "-a-b|")
	spec(t, until("----|"), "-a-b-c-d-|", "-a-b|")
	spec(t, until("----#"), "-a-b-c-d-|", "-a-b#")
	spec(t, until("------x"), "-a-|", "-a-|")
	spec(t, until("------x"), "-a-#", "-a-#")
	spec(t, until("--"), "-a-b", "-a-b")
	t.Run("a notifier that is there at once keeps the source from being subscribed", func(t *testing.T) {
		source := leadership.New(func(*leadership.Scope, leadership.Observer[int]) { t.Error("subscribed") })
		if err := operators.TakeUntil(source, leadership.Just("x")).ForEach(t.Context(), nil); err != nil {
			t.Error(err)
		}
	})
}

func TestFirst(t *testing.T) {
	spec(t, operators.First[string], "-a-b-|", "-(a|)")
	spec(t, operators.First[string], "--|", "--#")
	spec(t, operators.First[string], "--#", "--#")
}

func TestElementAt(t *testing.T) {
	spec(t, at(1), "-a-b-c-|", "---(b|)")
	spec(t, at(1), "(abc|)", "(b|)")
	spec(t, at(1), "-a-|", "---#")
	spec(t, at(1), "-a-#", "---#")
	spec(t, at(-1), "-a", "#")
	for _, o := range []leadership.Observable[int]{
		operators.ElementAt(leadership.Just(1), 1), operators.ElementAt(leadership.Just(1), -1),
		operators.First(leadership.Empty[int]()), operators.Last(leadership.Empty[int]()),
	} {
		if err := o.ForEach(t.Context(), nil); !errors.Is(err, operators.ErrNoValue) {
			t.Errorf("ended with %v", err)
		}
	}
}

func TestLast(t *testing.T) {
	spec(t, operators.Last[string], "-a-b-|", "-----(b|)")
	spec(t, operators.Last[string], "--|", "--#")
	spec(t, operators.Last[string], "-a-#", "---#")
	spec(t, operators.Last[string], "-a-", "")
}

func TestDistinct(t *testing.T) {
	spec(t, operators.Distinct[string], "-a-b-a-c-|", "-a-b---c-|")
	spec(t, operators.Distinct[string], "(aab)a#", "(ab)-#")
}

func TestIgnoreElements(t *testing.T) {
	spec(t, operators.IgnoreElements[string], "-a-b-|", "-----|")
	spec(t, operators.IgnoreElements[string], "-a-#", "---#")
}

func skipped(n int) func(stream) stream {
	return func(s stream) stream { return operators.Skip(s, n) }
}

func TestSkip(t *testing.T) {
	spec(t, skipped(2), "-a-b-c-|", "-----c-|")
	spec(t, skipped(2), "-a-|", "---|")
	spec(t, skipped(2), "-a-#", "---#")
	spec(t, skipped(0), "-a-|", "-a-|")
	spec(t, skipped(-1), "-a-|", "-a-|")
}

func TestSkipWhile(t *testing.T) {
	odd := func(s stream) stream { return operators.SkipWhile(s, isOdd) }
	spec(t, odd, "-1-3-4-5-|", "-----4-5-|")
	spec(t, odd, "-1-|", "---|")
	spec(t, odd, "-1-#", "---#")
}

// show prints a stream as a line.
func show[T any](o leadership.Observable[T]) {
	o.Subscribe(func(v T) { fmt.Print(v, " ") },
		leadership.OnError(func(err error) { fmt.Println("error:", err) }),
		leadership.OnComplete(func() { fmt.Println("|") }))
}

func ExampleTake() {
	show(operators.Take(leadership.Just("a", "b", "c"), 2))
	// Output: a b |
}

func ExampleTakeWhile() {
	show(operators.TakeWhile(leadership.Just(1, 2, 3, 1), func(n int) bool { return n < 3 }))
	// Output: 1 2 |
}

func ExampleTakeUntil() {
	shutdown := make(chan struct{})
	close(shutdown)
	err := operators.TakeUntil(leadership.Never[int](), leadership.FromChan(shutdown)).ForEach(context.Background(), nil)
	fmt.Println(err)
	// Output: <nil>
}

func ExampleFirst() {
	show(operators.First(leadership.Just("node-1", "node-2")))
	show(operators.First(leadership.Empty[string]()))
	// Output:
	// node-1 |
	// error: leadership: the stream completed without the value asked for: index 0 of 0
}

func ExampleElementAt() {
	show(operators.ElementAt(leadership.Just("a", "b", "c"), 1))
	// Output: b |
}

func ExampleLast() {
	show(operators.Last(leadership.Just("node-1", "node-2")))
	// Output: node-2 |
}

func ExampleDistinct() {
	show(operators.Distinct(leadership.Just("node-1", "node-2", "node-1")))
	// Output: node-1 node-2 |
}

func ExampleIgnoreElements() {
	show(operators.IgnoreElements(leadership.Just(1, 2)))
	// Output: |
}

func ExampleSkip() {
	show(operators.Skip(leadership.Just("a", "b", "c"), 2))
	// Output: c |
}

func ExampleSkipWhile() {
	show(operators.SkipWhile(leadership.Just(1, 2, 3, 1), func(n int) bool { return n < 3 }))
	// Output: 3 1 |
}
