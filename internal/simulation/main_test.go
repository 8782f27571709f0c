package simulation_test

import (
	"testing"

	"go.uber.org/goleak"
)

// The goroutine that TestTheHarnessCatches leaves in a bubble stays, and so does what its bubble waits with.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/leadership-go/leadership/internal/simulation_test.leak"))
}
