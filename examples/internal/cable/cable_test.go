package cable

import (
	"errors"
	"net"
	"os"
	"testing"
	"time"
)

func TestCable(t *testing.T) {
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close() //nolint:errcheck // nothing is pending
	var c Cable
	near, err := c.Dial(t.Context(), listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer near.Close() //nolint:errcheck // nothing is pending
	far, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer far.Close() //nolint:errcheck // nothing is pending

	// carried reports whether what is written to one end arrives at the other.
	carried := func(from, to net.Conn) bool {
		t.Helper()
		if _, err := from.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		if err := to.SetReadDeadline(time.Now().Add(100 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		n, err := to.Read(make([]byte, 1))
		if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatal(err)
		}
		return n > 0
	}
	if !carried(near, far) || !carried(far, near) {
		t.Fatal("a cable that is whole carries nothing")
	}
	c.Cut()
	if carried(near, far) || carried(far, near) {
		t.Error("a cable that is cut carries something")
	}
}
