package main

import (
	"bytes"
	"net"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// listen takes a free port on which nothing answers: connections are never accepted.
func listen(t *testing.T) net.Listener {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	return listener
}

func TestWithoutAConsulItSaysHowToStartOne(t *testing.T) {
	hung, gone := listen(t), listen(t)
	_ = gone.Close()
	for _, tc := range []struct {
		name     string
		args     []string
		variable string
	}{
		{"nobody listens", []string{"-addr", gone.Addr().String()}, ""},
		{"nobody answers", []string{"-addr", hung.Addr().String(), "-ttl", "20s"}, ""},
		{"the address is in the environment", nil, gone.Addr().String()},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Setenv("CONSUL_HTTP_ADDR", tc.variable)
			begin := time.Now()
			var stdout, stderr bytes.Buffer
			if code := run(t.Context(), tc.args, &stdout, &stderr); code != 1 {
				t.Errorf("exit status %d", code)
			}
			if got := stderr.String(); !strings.Contains(got, "GOWORK=off go -C tools/consul tool consul agent -dev") {
				t.Errorf("no hint in %q", got)
			}
			if got := stderr.String() + stdout.String(); !strings.Contains(got, hung.Addr().String()) && !strings.Contains(got, gone.Addr().String()) {
				t.Errorf("no address in %q", got)
			}
			if took := time.Since(begin); took > 15*time.Second {
				t.Errorf("it took %v", took)
			}
		})
	}
}

func TestBadArgumentsAreNamed(t *testing.T) {
	for _, tc := range []struct {
		name string
		args []string
		code int
		want string
	}{
		{"an unknown flag", []string{"-tll", "10s"}, 2, "-tll"},
		{"a TTL without a unit", []string{"-ttl", "10"}, 2, "-ttl"},
		{"a TTL below zero", []string{"-ttl", "-10s"}, 1, "-10s"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			if code := run(t.Context(), tc.args, &stdout, &stderr); code != tc.code || !strings.Contains(stderr.String(), tc.want) {
				t.Errorf("exit status %d: %s", code, &stderr)
			}
		})
	}
}
