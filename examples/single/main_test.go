package main

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const want = `ElectionMessage(status=elected, vote=Vote{sessionId='single', serviceName='cluster-app', serviceId='node-1'}, error=null)
ElectionMessage(status=elected.first, vote=Vote{sessionId='single', serviceName='cluster-app', serviceId='node-1'}, error=null)
ElectionMessage(status=notelected, vote=null, error=null)
ElectionMessage(status=relegation, vote=null, error=leadership: member closed)
`

func TestRun(t *testing.T) {
	var stdout, stderr bytes.Buffer
	if code := run(t.Context(), &stdout, &stderr); code != 0 || stderr.Len() > 0 {
		t.Fatalf("exit status %d: %s", code, &stderr)
	}
	if got := stdout.String(); got != want {
		t.Errorf("it printed\n%swant\n%s", got, want)
	}
}

func TestAnInterruptEndsIt(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var stdout, stderr bytes.Buffer
	if code := run(ctx, &stdout, &stderr); code != 1 || !strings.HasPrefix(stderr.String(), "single failed: ") {
		t.Errorf("exit status %d: %s%s", code, &stdout, &stderr)
	}
}
