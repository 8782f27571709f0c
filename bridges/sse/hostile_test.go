package sse_test

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leadership-go/leadership/bridges/sse"
)

// This file is about clients, and values, that mean harm.

func TestMethodsOtherThanGETAndHEADAreRefused(t *testing.T) {
	h := ended(t, sse.Options[int]{}, nil, 1)
	for _, method := range []string{
		http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodConnect, http.MethodOptions, http.MethodTrace,
		"get", "GETS", "PROPFIND", "*",
	} {
		request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", strings.NewReader("data: x\n\n"))
		request.Method = method
		request.Header.Set("X-HTTP-Method-Override", http.MethodGet)
		answer := httptest.NewRecorder()
		h.ServeHTTP(answer, request)
		if answer.Code != http.StatusMethodNotAllowed || answer.Header().Get("Allow") != "GET, HEAD" || strings.Contains(answer.Body.String(), "data:") {
			t.Errorf("%s is answered with %d, %v, %q", method, answer.Code, answer.Header(), answer.Body)
		}
	}
}

func TestNothingThatAClientSendsComesBack(t *testing.T) {
	h := ended(t, sse.Options[int]{}, nil, 1)
	const mark = "mark-of-the-client"
	want := []string{"Cache-Control", "Connection", "Content-Type", "X-Accel-Buffering"}
	for name, value := range map[string]string{
		"Last-Event-ID":             mark,
		"last-event-id":             mark + "\r\nSet-Cookie: a=b\r\n\r\n<script>",
		"Accept":                    mark,
		"Origin":                    "https://" + mark,
		"Range":                     "bytes=0-" + mark,
		"If-None-Match":             mark,
		"X-Forwarded-Host":          mark,
		"Connection":                "upgrade, " + mark,
		"Sec-Fetch-Site":            mark,
		"Upgrade-Insecure-Requests": mark,
	} {
		request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/?lastEventId="+mark+"&callback="+mark, http.NoBody)
		request.Header[http.CanonicalHeaderKey(name)] = []string{value}
		answer := httptest.NewRecorder()
		h.ServeHTTP(answer, request)
		if got := slices.Sorted(maps.Keys(answer.Header())); answer.Code != http.StatusOK || !slices.Equal(got, want) {
			t.Errorf("%s: answered %d with the header %v", name, answer.Code, answer.Header())
		}
		if all := fmt.Sprint(answer.Header(), answer.Body); strings.Contains(all, mark) || strings.Contains(all, "Set-Cookie") || strings.Contains(all, "<script>") {
			t.Errorf("%s came back: %s", name, all)
		}
		if strings.EqualFold(name, "Last-Event-ID") && !strings.Contains(answer.Body.String(), `{"missed":null}`) {
			t.Errorf("%s: a foreign id is no gap: %s", name, answer.Body)
		}
	}
}

func TestHugeEventIDsAreForeignAndCostLittle(t *testing.T) {
	src := &source[int]{}
	client, url := serve(t, newHandler(t, src.observable(), sse.Options[int]{}))
	emit(src, 1, 1)
	first := stream(t, client, url, "").take(t, 1)[0]
	epoch, _, _ := strings.Cut(first.id, "-")
	for _, id := range []string{strings.Repeat("x", 500<<10), epoch + "-" + strings.Repeat("1", 500<<10), strings.Repeat(epoch+"-1,", 1000), epoch + "-1" + strings.Repeat(" -1", 1000)} {
		stream(t, client, url, id).is(t, `gap:{"missed":null}`, "1")
	}
	// What the handler itself makes of them, without the server.
	h := ended(t, sse.Options[int]{}, nil, 1)
	request := httptest.NewRequestWithContext(t.Context(), http.MethodHead, "/", http.NoBody)
	request.Header.Set("Last-Event-ID", epoch+"-"+strings.Repeat("1", 64<<20))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	h.ServeHTTP(httptest.NewRecorder(), request)
	runtime.ReadMemStats(&after)
	if cost := after.TotalAlloc - before.TotalAlloc; cost > 1<<20 {
		t.Errorf("an id of 64 MiB cost %d bytes", cost)
	}
}

func TestTheFirstOfSeveralEventIDsCounts(t *testing.T) {
	h := ended(t, sse.Options[int]{Keep: 4}, nil, 1, 2, 3)
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	first := stream(t, server.Client(), server.URL, "").take(t, 1)[0] // 3, as it is the latest
	epoch, _, _ := strings.Cut(first.id, "-")
	request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody)
	request.Header["Last-Event-Id"] = []string{epoch + "-2", "x", epoch + "-1"}
	answer := httptest.NewRecorder()
	h.ServeHTTP(answer, request)
	if body := answer.Body.String(); strings.Contains(body, "gap") || strings.Contains(body, "data: 2") || !strings.Contains(body, "data: 3") {
		t.Errorf("answered %q", body)
	}
}

// Whatever values hold, they make one event each, and no header.
func TestValuesMakeNoFieldsAndNoHeaders(t *testing.T) {
	hostile := []string{
		"\r\nSet-Cookie: a=b", "\n\nevent: end\ndata: {}\n\n", "x\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", "\rid: 99\r\r", "\u2028\u2029\u0085", "\v\f", "data: y\n\n: c",
		"</script><script>alert(1)</script>", "\x00", strings.Repeat("\n", 1000),
	}
	opts := sse.Options[string]{
		Replay: 100,
		Encode: func(v string) ([]byte, error) { return []byte(v), nil },
		Event:  func(v string) string { return v },
	}
	for name, serving := range map[string]func(*testing.T, http.Handler) (*http.Client, string){"HTTP/1.1": serve, "HTTP/2": serveHTTP2} {
		t.Run(name, func(t *testing.T) {
			client, url := serving(t, ended(t, opts, nil, hostile...))
			c := stream(t, client, url, "")
			if c.response.Header.Get("Set-Cookie") != "" || c.retry != "" {
				t.Errorf("the header is %v", c.response.Header)
			}
			events := c.take(t, len(hostile)+1)
			for i, m := range events {
				if _, number, _ := strings.Cut(m.id, "-"); number != fmt.Sprint(i+1) {
					t.Errorf("event %d has the id %s", i+1, m.id)
				}
				if last := i == len(hostile); (m.name == "end") != last {
					t.Errorf("event %d is of the type %q", i+1, m.name)
				}
			}
		})
	}
}

// trickled is a request of which the body is announced and never comes.
const trickled = "GET / HTTP/1.1\r\nHost: pipes\r\nContent-Length: 1000000\r\n\r\n"

func TestARequestWhoseBodyNeverComesIsServedAndLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &source[int]{}
		h, err := sse.NewHandler(src.observable(), sse.Options[int]{Heartbeat: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		network := newPipes()
		serveOn(t, network, &http.Server{Handler: h}, nil)
		conn, err := network.dial(t.Context(), "", "")
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			_, _ = io.WriteString(conn, trickled)
			for {
				time.Sleep(time.Second)
				if _, err := conn.Write([]byte("x")); err != nil {
					return
				}
			}
		}()
		response, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil || response.StatusCode != http.StatusOK {
			t.Fatal(response, err)
		}
		c := &connection{newEventStream(response.Body), response}
		c.begins(t)
		emit(src, 1, 1)
		c.is(t, "1")
		start := time.Now()
		if err := h.Close(); err != nil || time.Since(start) != 0 {
			t.Errorf("Close returned %v after %v", err, time.Since(start))
		}
		if _, err := c.rest(); err != nil {
			t.Errorf("the response ended with %v", err)
		}
		_ = conn.Close()
		time.Sleep(2 * time.Second) // until both ends have noticed
	})
}

// A header that comes a byte at a time is the server's to bound, with ReadHeaderTimeout: the handler never hears of it.
func TestARequestWhoseHeaderNeverEndsCostsTheHandlerNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &source[int]{}
		observed, open := released(src.observable())
		h := newHandler(t, observed, sse.Options[int]{})
		called := false
		network := newPipes()
		serveOn(t, network, &http.Server{ReadHeaderTimeout: 5 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			called = true
			h.ServeHTTP(w, r)
		})}, nil)
		conn, err := network.dial(t.Context(), "", "")
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close() //nolint:errcheck // the test's end of a pipe
		start := time.Now()
		go func() { _, _ = io.Copy(io.Discard, conn) }()
		for _, b := range []byte("GET / HTTP/1.1\r\nHost: pipes\r\nLast-Event-ID: x") {
			if _, err := conn.Write([]byte{b}); err != nil {
				break
			}
			time.Sleep(time.Second)
		}
		if took := time.Since(start); took > 7*time.Second || called || open() != 1 {
			t.Errorf("given up after %v; the handler was called: %t; it has %d subscriptions", took, called, open())
		}
	})
}
