package sse_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leadership-go/leadership/bridges/sse"
)

func TestAClientThatTakesAHugeEventSlowlyIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &source[string]{}
		h := newHandler(t, src.observable(), sse.Options[string]{Heartbeat: time.Hour})
		network := newPipes()
		serveOn(t, network, &http.Server{Handler: h}, nil)
		c := stuck(t, network)
		src.out.Next(strings.Repeat("x", 1<<20))
		buf := make([]byte, 32<<10)
		for got := 0; got < 1<<20; {
			time.Sleep(time.Second)
			n, err := io.ReadFull(c.response.Body, buf)
			got += n
			if err != nil {
				t.Fatalf("cut off after %d bytes, taken at 32 KiB a second: %v", got, err)
			}
		}
	})
}

func TestABurstDoesNotCutOffAnIdleClientHoweverFewAreKept(t *testing.T) {
	for range 20 {
		src := &source[int]{}
		client, url := serve(t, newHandler(t, src.observable(), sse.Options[int]{Keep: 1}))
		c := stream(t, client, url, "")
		c.begins(t)
		emit(src, 1, 200)
		src.end(nil)
		if got, _ := c.rest(); len(got) != 201 {
			t.Errorf("the client got %d events of 200 and the end", len(got))
		}
	}
}

func TestCloseWithASlowClientOfAnEndedStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &source[string]{}
		h, err := sse.NewHandler(src.observable(), sse.Options[string]{})
		if err != nil {
			t.Fatal(err)
		}
		network := newPipes()
		serveOn(t, network, &http.Server{Handler: h}, nil)
		c := stuck(t, network)
		for range 40 {
			src.out.Next(strings.Repeat("x", 40<<10))
		}
		src.end(nil)
		synctest.Wait()
		done := make(chan struct{})
		go func() {
			defer close(done)
			for {
				time.Sleep(4 * time.Second)
				if _, err := c.next(); err != nil {
					return
				}
			}
		}()
		time.Sleep(time.Second)
		if err := h.Close(); err != nil {
			t.Error(err)
		}
		<-done
	})
}

// pausable is a connection of which nothing is read while it is paused.
type pausable struct {
	net.Conn
	paused  *atomic.Bool
	release <-chan struct{}
}

func (p pausable) Read(b []byte) (int, error) {
	if p.paused.Load() {
		<-p.release
	}
	return p.Conn.Read(b)
}

func TestAnHTTP2ConnectionThatTakesNothingIsGivenUpByTheServersOwnTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &source[int]{}
		h, err := sse.NewHandler(src.observable(), sse.Options[int]{Heartbeat: time.Second})
		if err != nil {
			t.Fatal(err)
		}
		gone := make(chan struct{})
		network := newPipes()
		two := new(http.Protocols)
		two.SetUnencryptedHTTP2(true)
		server := &http.Server{
			Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				defer close(gone)
				h.ServeHTTP(w, r)
			}),
			Protocols: two,
			HTTP2:     &http.HTTP2Config{WriteByteTimeout: 10 * time.Second},
		}
		served := make(chan struct{})
		go func() {
			defer close(served)
			_ = server.Serve(network)
		}()
		paused, release := new(atomic.Bool), make(chan struct{})
		transport := &http.Transport{Protocols: two, DialContext: func(ctx context.Context, a, b string) (net.Conn, error) {
			c, err := network.dial(ctx, a, b)
			return pausable{c, paused, release}, err
		}}
		c := connect(t, &http.Client{Transport: transport}, "http://pipes/", "")
		c.begins(t)
		paused.Store(true)
		emit(src, 1, 500)
		select {
		case <-gone:
		case <-time.After(time.Minute):
			t.Error("not given up in a minute")
		}
		if err := h.Close(); err != nil {
			t.Error(err)
		}
		close(release)
		_ = server.Close()
		c.cut()
		transport.CloseIdleConnections()
		<-served
	})
}

// rude is an error that cannot be told when it is nil.
type rude struct{ text string }

func (e *rude) Error() string { return e.text }

func TestAnErrorThatPanicsWhenAskedIsAnEndToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &source[int]{}
		client, url := servePipes(t, newHandler(t, src.observable(), sse.Options[int]{}), nil)
		c := stream(t, client, url, "")
		c.begins(t)
		src.out.Error((*rude)(nil))
		time.AfterFunc(time.Minute, c.cut)
		if m, err := c.next(); err != nil || m.name != "end" {
			t.Errorf("got %+v, %v", m, err)
		}
	})
}
