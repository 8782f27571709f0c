package sse_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/bridges/sse"
)

// newHandler is closed at the end of the test.
func newHandler[T any](t *testing.T, src leadership.Observable[T], opts sse.Options[T]) *sse.Handler[T] {
	t.Helper()
	h, err := sse.NewHandler(src, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	})
	return h
}

// serve has a real server on the loopback interface answer by h.
func serve(t *testing.T, h http.Handler) (client *http.Client, url string) {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server.Client(), server.URL
}

// serveHTTP2 is serve with HTTP/2 over TLS.
func serveHTTP2(t *testing.T, h http.Handler) (client *http.Client, url string) {
	t.Helper()
	server := httptest.NewUnstartedServer(h)
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	return server.Client(), server.URL
}

// pipes is a network of pipes without any buffer, for tests on virtual time.
type pipes struct {
	accept chan net.Conn
	closed chan struct{}
	once   sync.Once
	dials  atomic.Int64
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.accept:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipes", Net: "unix"} }

func (p *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	p.dials.Add(1)
	ours, theirs := net.Pipe()
	select {
	case p.accept <- theirs:
		return ours, nil
	case <-p.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func newPipes() *pipes { return &pipes{accept: make(chan net.Conn), closed: make(chan struct{})} }

// serveOn runs a server on network, until the end of the test.
func serveOn(t *testing.T, network *pipes, server *http.Server, protocols *http.Protocols) (client *http.Client, url string) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(network)
	}()
	transport := &http.Transport{DialContext: network.dial, Protocols: protocols}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		_ = server.Close()
		<-done
	})
	return &http.Client{Transport: transport}, "http://pipes/"
}

// servePipes has a server answer by h over pipes. It is to be called in a bubble.
func servePipes(t *testing.T, h http.Handler, protocols *http.Protocols) (client *http.Client, url string) {
	t.Helper()
	return serveOn(t, newPipes(), &http.Server{Handler: h, Protocols: protocols}, protocols)
}

// released counts the subscriptions of src that have not ended.
func released[T any](src leadership.Observable[T]) (counted leadership.Observable[T], open func() int64) {
	n := new(atomic.Int64)
	return leadership.New(func(s *leadership.Scope, out leadership.Observer[T]) {
		n.Add(1)
		s.OnEnd(func() { n.Add(-1) })
		src.SubscribeIn(s, out)
	}), n.Load
}

// source is a stream that a test makes by hand. The handler has what it is told when the call returns.
type source[T any] struct{ out leadership.Observer[T] }

func (s *source[T]) observable() leadership.Observable[T] {
	return leadership.Create(func(_ *leadership.Scope, out leadership.Observer[T]) { s.out = out })
}

// emit tells the numbers from first to last.
func emit(s *source[int], first, last int) {
	for i := first; i <= last; i++ {
		s.out.Next(i)
	}
}

func (s *source[T]) end(err error) {
	if err != nil {
		s.out.Error(err)
		return
	}
	s.out.Complete()
}

// ended is a handler of a source that has emitted the values and ended: with err, or well for nil.
func ended[T any](t *testing.T, opts sse.Options[T], err error, values ...T) *sse.Handler[T] {
	t.Helper()
	src := &source[T]{}
	h := newHandler(t, src.observable(), opts)
	for _, v := range values {
		src.out.Next(v)
	}
	src.end(err)
	return h
}
