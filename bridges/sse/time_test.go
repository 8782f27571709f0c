package sse_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leadership-go/leadership/bridges/sse"
)

// overPipes runs test in a bubble, with each version of HTTP.
func overPipes(t *testing.T, test func(t *testing.T, protocols *http.Protocols)) {
	t.Helper()
	one, two := new(http.Protocols), new(http.Protocols)
	one.SetHTTP1(true)
	two.SetUnencryptedHTTP2(true)
	for name, protocols := range map[string]*http.Protocols{"HTTP/1.1": one, "HTTP/2": two} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { test(t, protocols) })
		})
	}
}

// comment reads lines up to a comment, and returns that.
func comment(t *testing.T, c *connection) string {
	t.Helper()
	for {
		line, err := c.line()
		if err != nil {
			t.Fatal(err)
		}
		if text, ok := strings.CutPrefix(line, ":"); ok {
			return text
		}
	}
}

func TestHeartbeat(t *testing.T) {
	overPipes(t, func(t *testing.T, protocols *http.Protocols) {
		src := &source[int]{}
		client, url := servePipes(t, newHandler(t, src.observable(), sse.Options[int]{}), protocols)
		start := time.Now()
		c := stream(t, client, url, "")
		go func() {
			time.Sleep(40 * time.Second)
			emit(src, 1, 1)
		}()
		// Each heartbeat comes when nothing was written for 15 s: the event at 40 s puts the third one off.
		for _, want := range []time.Duration{15 * time.Second, 30 * time.Second, 55 * time.Second, 70 * time.Second} {
			if text := comment(t, c); text != " heartbeat" || time.Since(start) != want {
				t.Errorf("%q came after %v, want it after %v", text, time.Since(start), want)
			}
		}
	})
}

// A stream lives on while it is idle for longer than a write may take, with HTTP/2 as well, where a deadline resets a stream that writes
// nothing.
func TestAnIdleStreamOutlivesItsDeadlines(t *testing.T) {
	overPipes(t, func(t *testing.T, protocols *http.Protocols) {
		src := &source[int]{}
		h := newHandler(t, src.observable(), sse.Options[int]{WriteTimeout: time.Second, Heartbeat: 24 * time.Hour})
		client, url := servePipes(t, h, protocols)
		c := stream(t, client, url, "")
		c.begins(t)
		for i := range 3 {
			time.Sleep(time.Hour)
			emit(src, i, i)
			c.is(t, fmt.Sprint(i))
		}
		time.Sleep(time.Hour)
		if err := h.Close(); err != nil {
			t.Error(err)
		}
		c.ends(t) // well, and not with a connection that breaks
	})
}

// With a WriteTimeout of the server no stream would last any longer than that.
func TestAStreamOutlivesTheWriteTimeoutOfTheServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &source[int]{}
		h := newHandler(t, src.observable(), sse.Options[int]{Heartbeat: time.Hour})
		network := newPipes()
		server := &http.Server{Handler: h, WriteTimeout: 5 * time.Second}
		client, url := serveOn(t, network, server, nil)
		c := stream(t, client, url, "")
		c.begins(t)
		time.Sleep(time.Minute)
		emit(src, 1, 1)
		c.is(t, "1")
	})
}

// stuck is a client that reads the header and the beginning of a response, and then what and when the test wants it.
func stuck(t *testing.T, network *pipes) *connection {
	t.Helper()
	conn, err := network.dial(t.Context(), "", "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://pipes/", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	if err := request.Write(conn); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReaderSize(conn, 16), request)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatal(response, err)
	}
	c := &connection{&eventStream{r: bufio.NewReaderSize(response.Body, 16)}, response}
	c.begins(t)
	return c
}

func TestAClientThatTakesNothingIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &source[int]{}
		h := newHandler(t, src.observable(), sse.Options[int]{Heartbeat: time.Hour})
		gone := make(chan time.Time, 1)
		network := newPipes()
		serveOn(t, network, &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			h.ServeHTTP(w, r)
			gone <- time.Now()
		})}, nil)
		stuck(t, network)
		time.Sleep(time.Minute)
		start := time.Now()
		emit(src, 1, 1)
		if took := (<-gone).Sub(start); took != 10*time.Second {
			t.Errorf("it was given up after %v", took)
		}
	})
}

// The server itself writes the end of a response. A client that does not take even that costs no more time than any other.
func TestTheEndOfAResponseIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &source[int]{}
		h := newHandler(t, src.observable(), sse.Options[int]{})
		gone := make(chan time.Time, 1)
		network := newPipes()
		serveOn(t, network, &http.Server{Handler: h, ConnState: func(_ net.Conn, state http.ConnState) {
			if state == http.StateClosed {
				gone <- time.Now()
			}
		}}, nil)
		stuck(t, network)
		start := time.Now()
		if err := h.Close(); err != nil {
			t.Error(err)
		}
		if took := (<-gone).Sub(start); took != 10*time.Second {
			t.Errorf("the connection was closed after %v", took)
		}
	})
}

// The heartbeat finds out that a client is gone whose connection says nothing of it.
func TestAHeartbeatThatIsNotTakenEndsAResponse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &source[int]{}
		h := newHandler(t, src.observable(), sse.Options[int]{Heartbeat: 7 * time.Second, WriteTimeout: 2 * time.Second})
		gone := make(chan time.Time, 1)
		network := newPipes()
		serveOn(t, network, &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			h.ServeHTTP(w, r)
			gone <- time.Now()
		})}, nil)
		start := time.Now()
		stuck(t, network)
		if took := (<-gone).Sub(start); took != 9*time.Second {
			t.Errorf("it was given up after %v", took)
		}
	})
}

func TestAClientThatLeavesIsLeft(t *testing.T) {
	overPipes(t, func(t *testing.T, protocols *http.Protocols) {
		src := &source[int]{}
		h := newHandler(t, src.observable(), sse.Options[int]{})
		left := make(chan struct{})
		client, url := servePipes(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			h.ServeHTTP(w, r)
			close(left)
		}), protocols)
		start := time.Now()
		c := stream(t, client, url, "")
		emit(src, 1, 1)
		c.is(t, "1")
		c.cut()
		<-left
		if took := time.Since(start); took != 0 {
			t.Errorf("it took %v", took)
		}
	})
}

func TestAStuckClientHoldsNobodyUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &source[int]{}
		network := newPipes()
		client, url := serveOn(t, network, &http.Server{Handler: newHandler(t, src.observable(), sse.Options[int]{Keep: 10})}, nil)
		for range 3 {
			stuck(t, network)
		}
		c := stream(t, client, url, "")
		start := time.Now()
		for i := range 1000 {
			emit(src, i, i)
			c.is(t, fmt.Sprint(i))
		}
		if took := time.Since(start); took != 0 {
			t.Errorf("it took %v", took)
		}
	})
}

func TestASlowClientLosesNothingThatIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &source[int]{}
		network := newPipes()
		serveOn(t, network, &http.Server{Handler: newHandler(t, src.observable(), sse.Options[int]{Keep: 500})}, nil)
		c := stuck(t, network)
		emit(src, 1, 500)
		synctest.Wait()
		for i := 1; i <= 500; i++ {
			c.is(t, fmt.Sprint(i))
		}
		emit(src, 501, 501)
		c.is(t, "501")
	})
}

// What it resumes with does not fill its mailbox.
func TestASlowClientMayResumeWithAllThatIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &source[int]{}
		network := newPipes()
		serveOn(t, network, &http.Server{Handler: newHandler(t, src.observable(), sse.Options[int]{Keep: 500, Replay: 500})}, nil)
		emit(src, 1, 500)
		c := stuck(t, network)
		emit(src, 501, 900)
		synctest.Wait()
		for i := 1; i <= 900; i++ {
			c.is(t, fmt.Sprint(i))
		}
	})
}

func TestAClientThatIsTooSlowResumes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const last = 1000
		src := &source[int]{}
		network := newPipes()
		client, url := serveOn(t, network, &http.Server{Handler: newHandler(t, src.observable(), sse.Options[int]{Keep: 4})}, nil)
		c := stuck(t, network)
		for i := 1; i <= last; i++ {
			emit(src, i, i)
			synctest.Wait()
		}
		src.end(nil)
		got, err := c.rest()
		if err != nil || len(got) == 0 || len(got) >= last {
			t.Fatalf("got %d events and then %v", len(got), err)
		}
		for i, data := range got {
			if data != fmt.Sprint(i+1) {
				t.Fatalf("event %d is %s", i+1, data)
			}
		}
		stream(t, client, url, c.lastID).ends(t,
			fmt.Sprintf(`gap:{"missed":%d}`, last-len(got)-4), "997", "998", "999", "1000", `end:{"error":null}`)
	})
}

func TestCloseEndsAllResponses(t *testing.T) {
	overPipes(t, func(t *testing.T, protocols *http.Protocols) {
		src := &source[int]{}
		observed, open := released(src.observable())
		h := newHandler(t, observed, sse.Options[int]{Retry: time.Second})
		network := newPipes()
		client, url := serveOn(t, network, &http.Server{Handler: h, Protocols: protocols}, protocols)
		emit(src, 1, 1)
		var clients []*connection
		for range 5 {
			c := stream(t, client, url, "")
			c.is(t, "1")
			clients = append(clients, c)
		}
		start := time.Now()
		closed := make(chan error)
		for range 3 {
			go func() { closed <- h.Close() }()
		}
		for range 3 {
			if err := <-closed; err != nil {
				t.Error(err)
			}
		}
		if took := time.Since(start); took != 0 || open() != 0 {
			t.Errorf("Close took %v, %d subscriptions are left", took, open())
		}
		for _, c := range clients {
			c.ends(t) // no end event: they shall come back
		}
		after := stream(t, client, url, clients[0].lastID)
		after.ends(t)
		if after.retry != "1000" || fmt.Sprint(after.comments) != "[closed]" {
			t.Errorf("a closed handler answers with %q and retry %q", after.comments, after.retry)
		}
		if err := h.Close(); err != nil || h.Err() == nil {
			t.Errorf("Close returned %v then, and Err is %v", err, h.Err())
		}

		// One connection with HTTP/2 carries them all. With HTTP/1.1, where a stream leaves a deadline behind, none is used again.
		connections := int64(1)
		if protocols.HTTP1() {
			connections = 6
		}
		if got := network.dials.Load(); got != connections {
			t.Errorf("%d connections were made, want %d", got, connections)
		}
	})
}

// The next handler does not know where they were, and says so.
func TestClientsOfAClosedHandlerGoOnAtTheNext(t *testing.T) {
	first, second := ended(t, sse.Options[int]{}, nil, 1, 2), ended(t, sse.Options[int]{}, nil, 1, 2)
	client, url := serve(t, first)
	c := stream(t, client, url, "")
	c.is(t, "2")
	client, url = serve(t, second)
	stream(t, client, url, c.lastID).ends(t, `gap:{"missed":null}`, "2", `end:{"error":null}`)
}

func TestAClosedHandlerStillSaysThatTheStreamIsOver(t *testing.T) {
	h := ended(t, sse.Options[int]{}, nil, 1)
	client, url := serve(t, h)
	c := stream(t, client, url, "")
	c.ends(t, "1", `end:{"error":null}`)
	if err := h.Close(); err != nil || h.Err() != nil {
		t.Errorf("Close returned %v, and Err is %v", err, h.Err())
	}
	if last := connect(t, client, url, c.lastID); last.response.StatusCode != http.StatusNoContent {
		t.Errorf("who has seen the end is answered %s", last.response.Status)
	}
	stream(t, client, url, "").ends(t)
}

func TestCloseWaitsForAWriteThatIsNotTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &source[int]{}
		h := newHandler(t, src.observable(), sse.Options[int]{})
		network := newPipes()
		serveOn(t, network, &http.Server{Handler: h}, nil)
		stuck(t, network)
		emit(src, 1, 500) // more than are on their way to the response at a time
		time.Sleep(3 * time.Second)
		start := time.Now()
		if err := h.Close(); err != nil || time.Since(start) != 7*time.Second {
			t.Errorf("Close returned %v after %v", err, time.Since(start))
		}
	})
}

// What waits for a slow client is left to the next response: its connection works, so Close need not wait for a deadline.
func TestCloseDoesNotWaitForWhatIsQueued(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &source[int]{}
		h := newHandler(t, src.observable(), sse.Options[int]{})
		network := newPipes()
		serveOn(t, network, &http.Server{Handler: h}, nil)
		c := stuck(t, network)
		emit(src, 1, 900)
		synctest.Wait()
		start, closed := time.Now(), make(chan error)
		go func() { closed <- h.Close() }()
		synctest.Wait()
		got, err := c.rest()
		if err != nil || len(got) == 0 {
			t.Errorf("got %d events, %v", len(got), err)
		}
		if err := <-closed; err != nil || time.Since(start) != 0 {
			t.Errorf("Close returned %v after %v", err, time.Since(start))
		}
	})
}

// blocked is a response writer that knows no deadlines and takes nothing until it is released.
type blocked struct {
	header  http.Header
	release chan struct{}
}

func (b blocked) Header() http.Header { return b.header }
func (b blocked) WriteHeader(int)     {}
func (b blocked) Flush()              {}
func (b blocked) Write([]byte) (int, error) {
	<-b.release
	return 0, io.ErrClosedPipe
}

func TestCloseDoesNotWaitForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &source[int]{}
		h, err := sse.NewHandler(src.observable(), sse.Options[int]{})
		if err != nil {
			t.Fatal(err)
		}
		w := blocked{http.Header{}, make(chan struct{})}
		go h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody))
		synctest.Wait()
		start := time.Now()
		if err := h.Close(); err == nil || err.Error() != "sse: a response still runs 11s after Close" || time.Since(start) != 11*time.Second {
			t.Errorf("Close returned %v after %v", err, time.Since(start))
		}
		close(w.release)
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	})
}
