package handover

import (
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	Candidate() // those that the tests kill and restart are this program, too
	goleak.VerifyTestMain(m)
}
