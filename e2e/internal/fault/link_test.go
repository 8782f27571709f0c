package fault_test

import (
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"github.com/leadership-go/leadership/e2e/internal/fault"
)

// echo is a server that sends back what it gets.
func echo(t *testing.T) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close() //nolint:errcheck // the test has its answer, or not
				_, _ = io.Copy(conn, conn)
			}()
		}
	}()
	return l.Addr().String()
}

// ask sends some bytes and waits for them to come back.
func ask(conn net.Conn, size int, patience time.Duration) (took time.Duration, err error) {
	began := time.Now()
	if err := conn.SetDeadline(began.Add(patience)); err != nil {
		return 0, err
	}
	if _, err := conn.Write(make([]byte, size)); err != nil {
		return 0, err
	}
	_, err = io.ReadFull(conn, make([]byte, size))
	return time.Since(began), err
}

func TestLink(t *testing.T) {
	t.Parallel()
	type outcome int
	const (
		answered outcome = iota
		silent           // no answer, and the connection stays
		broken
	)
	for _, c := range []struct {
		name     string
		do       func(*fault.Link) error
		want     outcome
		atLeast  time.Duration
		patience time.Duration
	}{
		{"healthy", func(*fault.Link) error { return nil }, answered, 0, 10 * time.Second},
		{"cut to the store", func(l *fault.Link) error { return l.Cut(fault.Upstream) }, silent, 0, 300 * time.Millisecond},
		{"cut from the store", func(l *fault.Link) error { return l.Cut(fault.Downstream) }, silent, 0, 300 * time.Millisecond},
		{"cut both ways", func(l *fault.Link) error { return l.Cut(fault.Both) }, silent, 0, 300 * time.Millisecond},
		{"all connections lost", func(l *fault.Link) error { return l.Lose(fault.Upstream, 1) }, silent, 0, 300 * time.Millisecond},
		{"no connection lost", func(l *fault.Link) error { return l.Lose(fault.Upstream, 0) }, answered, 0, 10 * time.Second},
		{"slow", func(l *fault.Link) error { return l.Delay(200 * time.Millisecond) }, answered, 200 * time.Millisecond, 10 * time.Second},
		{"narrow", func(l *fault.Link) error { return l.Throttle(1) }, answered, 300 * time.Millisecond, 20 * time.Second},
		{"reset", (*fault.Link).Reset, broken, 0, 10 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			links, err := fault.NewLinks(echo(t))
			if err != nil {
				t.Fatal(err)
			}
			defer links.Close()
			old, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", links.Addrs()[0])
			if err != nil {
				t.Fatal(err)
			}
			defer old.Close() //nolint:errcheck // it may be broken
			if _, err := ask(old, 10, 10*time.Second); err != nil {
				t.Fatalf("before the fault: %v", err)
			}
			if err := links.Each(c.do); err != nil {
				t.Fatal(err)
			}
			young, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", links.Addrs()[0])
			if err != nil {
				t.Fatal(err)
			}
			defer young.Close() //nolint:errcheck // it may be broken
			for name, conn := range map[string]net.Conn{"a connection from before": old, "a new one": young} {
				took, err := ask(conn, 400, c.patience)
				got := broken
				switch {
				case err == nil:
					got = answered
				case errors.Is(err, os.ErrDeadlineExceeded):
					got = silent
				}
				if got != c.want || took < c.atLeast {
					t.Errorf("%s: %v after %v", name, err, took)
				}
			}
			links.Heal(t.Context())
			healed, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", links.Addrs()[0])
			if err != nil {
				t.Fatal(err)
			}
			defer healed.Close() //nolint:errcheck // nothing is pending
			if _, err := ask(healed, 10, 10*time.Second); err != nil {
				t.Errorf("healed: %v", err)
			}
		})
	}
}
