package loopback_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"testing"

	"github.com/leadership-go/leadership/e2e/internal/loopback"
)

func TestFreePortsAreFreeAndDistinct(t *testing.T) {
	ports, err := loopback.FreePorts(t.Context(), 20)
	if err != nil {
		t.Fatal(err)
	}
	if slices.Sort(ports); len(slices.Compact(slices.Clone(ports))) != 20 {
		t.Errorf("ports %v", ports)
	}
}

func TestTakenKnowsAPortThatIsTaken(t *testing.T) {
	var listen net.ListenConfig
	l, err := listen.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // nothing was written
	_, err = listen.Listen(t.Context(), "tcp", l.Addr().String())
	if !loopback.Taken(fmt.Errorf("start: %w", err)) {
		t.Errorf("not known: %v", err)
	}
	for _, other := range []error{nil, errors.New("exit status 1"), context.Canceled} {
		if loopback.Taken(other) {
			t.Errorf("taken: %v", other)
		}
	}
}
