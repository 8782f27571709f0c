package soak_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/leadership-go/leadership/e2e/internal/fault"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, fault.IgnoreAbandoned()...) }
