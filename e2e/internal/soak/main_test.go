package soak_test

import (
	"testing"

	"go.uber.org/goleak"
)

// The fault proxy loses a goroutine where a connection breaks just when a fault begins or ends; soak counts those.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("github.com/Shopify/toxiproxy/v2/toxics.(*NoopToxic).Pipe"))
}
