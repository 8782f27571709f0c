package operators_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/operators"
)

func TestMap(t *testing.T) {
	upper := func(s stream) stream { return operators.Map(s, strings.ToUpper) }
	spec(t, upper, "-a-b-|", "-A-B-|")
	spec(t, upper, "-a-#", "-A-#")
}

func ExampleMap() {
	lengths := operators.Map(leadership.Just("node-1", "node-12"), func(s string) int { return len(s) })
	lengths.Subscribe(func(n int) { fmt.Println(n) })
	// Output:
	// 6
	// 7
}
