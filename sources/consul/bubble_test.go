package consul

import (
	"context"
	"errors"
	"net"
	"net/http"
	"testing"

	"github.com/leadership-go/leadership"
)

// bubble serves h to a backend through pipes; call it within a synctest bubble. The result ends both.
func bubble(t *testing.T, h http.Handler) (*backend, func()) {
	t.Helper()
	return bubbleWith(t, h)
}

// bubbleWith is bubble for a backend with options.
func bubbleWith(t *testing.T, h http.Handler, opts ...Option) (*backend, func()) {
	t.Helper()
	p := &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
	server := &http.Server{Handler: h} //nolint:gosec // no network
	served := make(chan error, 1)
	go func() { served <- server.Serve(p) }()
	made, err := NewBackend(leadership.ConsulConfig{}, append([]Option{WithAddress("pipe:1")}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	b := made.(*backend)
	b.transport.Proxy = nil
	b.transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		select {
		case p.conns <- theirs:
			return ours, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return b, func() {
		_ = b.Close()
		_ = server.Close()
		if err := <-served; !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	}
}
