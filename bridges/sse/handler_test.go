package sse_test

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/bridges/sse"
)

func TestNewHandlerChecksItsOptions(t *testing.T) {
	for _, tt := range []struct {
		options sse.Options[int]
		want    string
	}{
		{sse.Options[int]{Keep: -1}, "sse.Options.Keep -1 must not be negative"},
		{sse.Options[int]{Keep: 1<<20 + 1}, "sse.Options.Keep 1048577 must be at most 1048576"},
		{sse.Options[int]{Replay: -2}, "sse.Options.Replay -2 must not be negative, but for NoReplay"},
		{sse.Options[int]{Replay: 1025}, "sse.Options.Replay 1025 must be at most sse.Options.Keep 1024"},
		{sse.Options[int]{Replay: 3, Keep: 2}, "sse.Options.Replay 3 must be at most sse.Options.Keep 2"},
		{sse.Options[int]{Heartbeat: -1}, "sse.Options.Heartbeat -1ns must not be negative"},
		{sse.Options[int]{Heartbeat: 1}, "sse.Options.Heartbeat 1ns must be at least 1ms"},
		{sse.Options[int]{Retry: -time.Second}, "sse.Options.Retry -1s must not be negative"},
		{sse.Options[int]{Retry: time.Second + 1}, "sse.Options.Retry 1.000000001s must be whole milliseconds"},
		{sse.Options[int]{WriteTimeout: -time.Second}, "sse.Options.WriteTimeout -1s must not be negative"},
		{sse.Options[int]{WriteTimeout: time.Microsecond}, "sse.Options.WriteTimeout 1µs must be at least 1ms"},
	} {
		subscribed := false
		src := leadership.New(func(*leadership.Scope, leadership.Observer[int]) { subscribed = true })
		_, err := sse.NewHandler(src, tt.options)
		if !errors.Is(err, leadership.ErrInvalidConfig) || err.Error() != "leadership: invalid config: "+tt.want || subscribed {
			t.Errorf("%+v: %v, subscribed: %t; want %s", tt.options, err, subscribed, tt.want)
		}
	}
	for _, options := range []sse.Options[int]{
		{},
		{Keep: 1 << 20, Replay: 1 << 20},
		{Keep: 1, Replay: sse.NoReplay, Heartbeat: time.Millisecond, Retry: time.Millisecond, WriteTimeout: time.Millisecond},
	} {
		newHandler(t, leadership.Empty[int](), options)
	}
}

func TestANewClientGetsTheLatestEventsAndWhatFollows(t *testing.T) {
	for _, tt := range []struct {
		sentence string
		replay   int
		before   int
		want     string
	}{
		{"one by default", 0, 3, "[3 4 5]"},
		{"as many as Replay says", 2, 3, "[2 3 4 5]"},
		{"none with NoReplay", sse.NoReplay, 3, "[4 5]"},
		{"no more than there are", 9, 3, "[1 2 3 4 5]"},
		{"none when there are none yet", 0, 0, "[1 2]"},
	} {
		t.Run(tt.sentence, func(t *testing.T) {
			src := &source[int]{}
			client, url := serve(t, newHandler(t, src.observable(), sse.Options[int]{Replay: tt.replay, Keep: 10}))
			emit(src, 1, tt.before)
			c := stream(t, client, url, "") // it is subscribed when it is answered
			emit(src, tt.before+1, tt.before+2)
			if got := fmt.Sprint(c.take(t, strings.Count(tt.want, " ")+1)); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestWhereAResponseBegins(t *testing.T) {
	// Events 1 to 5 come before a client, 6 after it. 3, 4 and 5 are kept.
	src := &source[int]{}
	client, url := serve(t, newHandler(t, src.observable(), sse.Options[int]{Keep: 3, Replay: 2}))
	emit(src, 1, 5)
	first := stream(t, client, url, "").take(t, 1)[0]
	epoch, number, _ := strings.Cut(first.id, "-")
	if len(epoch) != 16 || number != "4" {
		t.Fatalf("the id of event 4 is %q", first.id)
	}
	tests := []struct {
		sentence string
		id       string
		want     []string
	}{
		{"none: new", "", []string{"4", "5", "6"}},
		{"the latest event: what follows", epoch + "-5", []string{"6"}},
		{"a kept event: the ones after it", epoch + "-3", []string{"4", "5", "6"}},
		{"the one before: all that are kept", epoch + "-2", []string{"3", "4", "5", "6"}},
		{"an older one: a gap", epoch + "-1", []string{`gap:{"missed":1}`, "3", "4", "5", "6"}},
		{"the beginning: a gap", epoch + "-0", []string{`gap:{"missed":2}`, "3", "4", "5", "6"}},
		{"one that is still to come: not ours", epoch + "-6", []string{`gap:{"missed":null}`, "4", "5", "6"}},
		{"another epoch: not ours", "0123456789abcdef-4", []string{`gap:{"missed":null}`, "4", "5", "6"}},
		{"malformed: not ours", epoch + "-04", []string{`gap:{"missed":null}`, "4", "5", "6"}},
		{"malformed as well: not ours", "4", []string{`gap:{"missed":null}`, "4", "5", "6"}},
	}
	streams := make([]*connection, len(tests))
	for i, tt := range tests {
		streams[i] = stream(t, client, url, tt.id)
	}
	emit(src, 6, 6)
	for i, tt := range tests {
		t.Run(tt.sentence, func(t *testing.T) { streams[i].is(t, tt.want...) })
	}
}

// A response says where it begins before the first event, so that who is cut off there comes back to the same place.
func TestWhoIsCutOffBeforeTheFirstEventMissesNothing(t *testing.T) {
	src := &source[int]{}
	client, url := serve(t, newHandler(t, src.observable(), sse.Options[int]{Keep: 4}))
	early := stream(t, client, url, "")
	early.begins(t)
	early.cut()
	emit(src, 1, 3)
	stream(t, client, url, early.lastID).is(t, "1", "2", "3")

	foreign := stream(t, client, url, "0123456789abcdef-1")
	foreign.is(t, `gap:{"missed":null}`)
	foreign.cut() // after the gap, before the event that is replayed
	stream(t, client, url, foreign.lastID).is(t, "3")

	emit(src, 4, 6)
	late := stream(t, client, url, early.lastID)
	late.is(t, `gap:{"missed":2}`)
	late.cut()
	stream(t, client, url, late.lastID).is(t, "3", "4", "5", "6")
}

func TestTheEnd(t *testing.T) {
	for _, tt := range []struct {
		sentence string
		err      error
		want     string
	}{
		{"of a completion", nil, `end:{"error":null}`},
		{"of a failure", errors.New("line 1\n\"line 2\""), `end:{"error":"line 1\n\"line 2\""}`},
		{"of a failure that looks like an overflow of the client's own", leadership.ErrOverflow, `end:{"error":"leadership: subscriber too slow, mailbox full"}`},
	} {
		t.Run(tt.sentence, func(t *testing.T) {
			src := &source[int]{}
			h := newHandler(t, src.observable(), sse.Options[int]{})
			client, url := serve(t, h)
			emit(src, 1, 3)
			early := stream(t, client, url, "")
			early.is(t, "3")
			beforeEnd := early.lastID
			src.end(tt.err)
			early.ends(t, tt.want)
			if err := h.Err(); !errors.Is(err, tt.err) {
				t.Errorf("Err is %v", err)
			}

			stream(t, client, url, "").ends(t, "3", tt.want)
			stream(t, client, url, beforeEnd).ends(t, tt.want)
			stream(t, client, url, "x-1").ends(t, `gap:{"missed":null}`, "3", tt.want)

			last := connect(t, client, url, early.lastID)
			defer last.cut()
			if last.response.StatusCode != http.StatusNoContent {
				t.Errorf("who has seen the end is answered %s", last.response.Status)
			}
		})
	}
}

func TestTheEndOfAStreamWithoutEvents(t *testing.T) {
	client, url := serve(t, ended[int](t, sse.Options[int]{}, nil))
	c := stream(t, client, url, "")
	c.ends(t, `end:{"error":null}`)
	if last := connect(t, client, url, c.lastID); last.response.StatusCode != http.StatusNoContent {
		t.Errorf("who has seen the end is answered %s", last.response.Status)
	}
}

func TestTheEndComesAfterAllThatIsKept(t *testing.T) {
	values := make([]int, 3000)
	for i := range values {
		values[i] = i + 1
	}
	client, url := serve(t, ended(t, sse.Options[int]{Keep: 2000, Replay: 2000}, nil, values...))
	got, err := stream(t, client, url, "").rest()
	if err != nil || len(got) != 2001 || got[0] != "1001" || got[1999] != "3000" || got[2000] != `end:{"error":null}` {
		t.Errorf("got %d events, %v", len(got), err)
	}
}

func TestEncoding(t *testing.T) {
	type typed struct{ name, data string }
	broken := errors.New("broken")
	opts := sse.Options[typed]{
		Replay: 1000,
		Event:  func(v typed) string { return v.name },
		Encode: func(v typed) ([]byte, error) {
			if v.data == "broken" {
				return nil, broken
			}
			return []byte(v.data), nil
		},
	}
	for _, tt := range []struct {
		sentence string
		event    typed
		want     message
	}{
		{"one line", typed{"", "a"}, message{"", "", "a"}},
		{"a type", typed{"kind", "a"}, message{"", "kind", "a"}},
		{"nothing", typed{"", ""}, message{"", "", ""}},
		{"LF", typed{"", "a\nb"}, message{"", "", "a\nb"}},
		{"CR", typed{"", "a\rb"}, message{"", "", "a\nb"}},
		{"CRLF", typed{"", "a\r\nb"}, message{"", "", "a\nb"}},
		{"LFCR is two", typed{"", "a\n\rb"}, message{"", "", "a\n\nb"}},
		{"a line break at the end", typed{"", "a\n"}, message{"", "", "a\n"}},
		{"only line breaks", typed{"", "\r\n\r\n"}, message{"", "", "\n\n"}},
		{"what looks like fields", typed{"", "id: 7\nevent: x\n: y\n\nretry: 1"}, message{"", "", "id: 7\nevent: x\n: y\n\nretry: 1"}},
		{"blanks in front", typed{"  x", "  a"}, message{"", "  x", "  a"}},
		{"a byte order mark", typed{"", "\ufeffa"}, message{"", "", "\ufeffa"}},
		{"NUL", typed{"\x00", "\x00"}, message{"", "\x00", "\x00"}},
		{"the type that EventSource uses itself", typed{"error", "a"}, message{"", "error", "a"}},
		{"a type with LF", typed{"a\nb", "x"}, message{"", "invalid", `{"error":"sse: event 1: type is not UTF-8, or holds a line break: \"a\\nb\""}`}},
		{"a type with CR", typed{"a\rb", "x"}, message{"", "invalid", `{"error":"sse: event 1: type is not UTF-8, or holds a line break: \"a\\rb\""}`}},
		{"a type that is no text", typed{"\xff", "x"}, message{"", "invalid", `{"error":"sse: event 1: type is not UTF-8, or holds a line break: \"\\xff\""}`}},
		{"the type gap", typed{"gap", "x"}, message{"", "invalid", `{"error":"sse: event 1: type is one of the handler's own: gap"}`}},
		{"the type end", typed{"end", "x"}, message{"", "invalid", `{"error":"sse: event 1: type is one of the handler's own: end"}`}},
		{"the type invalid", typed{"invalid", "x"}, message{"", "invalid", `{"error":"sse: event 1: type is one of the handler's own: invalid"}`}},
		{"data that is no text", typed{"", "\xff"}, message{"", "invalid", `{"error":"sse: event 1: data is not UTF-8"}`}},
		{"an error", typed{"x", "broken"}, message{"", "invalid", `{"error":"sse: event 1: broken"}`}},
	} {
		t.Run(tt.sentence, func(t *testing.T) {
			// The stream goes on after it, whatever it is.
			client, url := serve(t, ended(t, opts, nil, tt.event, typed{"", "next"}))
			c := stream(t, client, url, "")
			got := c.take(t, 2)
			if tt.want.id = strings.TrimSuffix(got[1].id, "2") + "1"; got[0] != tt.want {
				t.Errorf("got %+v, want %+v", got[0], tt.want)
			}
			if got[1].String() != "next" {
				t.Errorf("then got %v", got[1])
			}
			c.ends(t, `end:{"error":null}`)
		})
	}
}

// Events of any size arrive, however many of them are written at a time.
func TestLargeEvents(t *testing.T) {
	var want []string
	for i := range 20 {
		want = append(want, strings.Repeat(fmt.Sprint(i%10), i*i*500)) // up to 180 kB
	}
	opts := sse.Options[string]{Replay: 100, Encode: func(v string) ([]byte, error) { return []byte(v), nil }}
	client, url := serve(t, ended(t, opts, nil, want...))
	got := stream(t, client, url, "").take(t, len(want)+1)
	for i, text := range want {
		if got[i].data != text {
			t.Errorf("event %d has %d bytes, want %d", i+1, len(got[i].data), len(text))
		}
	}
}

func TestEncodingIsJSONByDefault(t *testing.T) {
	client, url := serve(t, ended[any](t, sse.Options[any]{Replay: 9}, nil, map[string]int{"a": 1}, math.Inf(1), "x\ny"))
	stream(t, client, url, "").ends(t,
		`{"a":1}`, `invalid:{"error":"sse: event 2: json: unsupported value: +Inf"}`, `"x\ny"`, `end:{"error":null}`)
}

// A panic is a bug in the program: it ends the stream. Its stack is not for the clients.
func TestAPanicInAFunctionEndsTheStream(t *testing.T) {
	h := ended(t, sse.Options[int]{Event: func(v int) string { panic(fmt.Sprint("no ", v)) }}, nil, 1)
	if p := (*leadership.PanicError)(nil); !errors.As(h.Err(), &p) || len(p.Stack) == 0 {
		t.Errorf("Err is %v", h.Err())
	}
	client, url := serve(t, h)
	stream(t, client, url, "").ends(t, `end:{"error":"leadership: panic in a callback: no 1"}`)
}

func TestAnswersThatAreNoStream(t *testing.T) {
	over := ended(t, sse.Options[int]{}, nil, 1)
	client, url := serve(t, over)
	c := stream(t, client, url, "")
	c.ends(t, "1", `end:{"error":null}`)
	for _, tt := range []struct {
		sentence string
		method   string
		lastID   string
		status   int
		header   map[string]string
		body     string
	}{
		{"POST", http.MethodPost, "", http.StatusMethodNotAllowed, map[string]string{"Allow": "GET, HEAD"}, "a stream of events can only be read\n"},
		{"OPTIONS is for a middleware", http.MethodOptions, "", http.StatusMethodNotAllowed, map[string]string{"Allow": "GET, HEAD"}, "a stream of events can only be read\n"},
		{"HEAD", http.MethodHead, "", http.StatusOK, map[string]string{
			"Content-Type": "text/event-stream", "Cache-Control": "no-store, no-transform", "X-Accel-Buffering": "no",
		}, ""},
		{"HEAD after the end", http.MethodHead, c.lastID, http.StatusNoContent, nil, ""},
		{"GET after the end", http.MethodGet, c.lastID, http.StatusNoContent, map[string]string{"Cache-Control": "no-store, no-transform", "Content-Type": ""}, ""},
	} {
		t.Run(tt.sentence, func(t *testing.T) {
			request := httptest.NewRequestWithContext(t.Context(), tt.method, "/", http.NoBody)
			request.Header.Set("Last-Event-ID", tt.lastID)
			answer := httptest.NewRecorder()
			over.ServeHTTP(answer, request)
			if answer.Code != tt.status || answer.Body.String() != tt.body {
				t.Errorf("answered %d, %q", answer.Code, answer.Body)
			}
			for name, value := range tt.header {
				if got := answer.Header().Get(name); got != value {
					t.Errorf("%s is %q, want %q", name, got, value)
				}
			}
		})
	}
}

func TestTheHeaderOfAStream(t *testing.T) {
	src := &source[int]{}
	h := newHandler(t, src.observable(), sse.Options[int]{Retry: 1500 * time.Millisecond})
	for name, server := range map[string]func(*testing.T, http.Handler) (*http.Client, string){"HTTP/1.1": serve, "HTTP/2.0": serveHTTP2} {
		t.Run(name, func(t *testing.T) {
			client, url := server(t, h)
			c := stream(t, client, url, "") // it comes before any event
			if c.response.Proto != name {
				t.Errorf("speaks %s", c.response.Proto)
			}
			for key, want := range map[string]string{
				"Content-Type": "text/event-stream", "Cache-Control": "no-store, no-transform", "X-Accel-Buffering": "no", "Access-Control-Allow-Origin": "",
			} {
				if got := c.response.Header.Get(key); got != want {
					t.Errorf("%s is %q, want %q", key, got, want)
				}
			}
			emit(src, 1, 1)
			c.take(t, 1)
			if c.retry != "1500" {
				t.Errorf("retry is %q", c.retry)
			}
		})
	}
}

// unflushable hides that its writer can be flushed.
type unflushable struct{ http.ResponseWriter }

// wrapped shows it to an [http.ResponseController], as a middleware should.
type wrapped struct{ http.ResponseWriter }

func (w wrapped) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func TestAWriterThatCanNotBeFlushedIsAnError(t *testing.T) {
	h := ended(t, sse.Options[int]{}, nil, 1)
	client, url := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { h.ServeHTTP(unflushable{w}, r) }))
	c := connect(t, client, url, "")
	defer c.cut()
	line, _ := c.line()
	if c.response.StatusCode != http.StatusInternalServerError || line != "events would not arrive: the server's response writer can't be flushed" {
		t.Errorf("answered %s, %q", c.response.Status, line)
	}
	if got := c.response.Header.Get("Content-Type"); !strings.HasPrefix(got, "text/plain") {
		t.Errorf("Content-Type is %q", got)
	}

	client, url = serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { h.ServeHTTP(wrapped{w}, r) }))
	stream(t, client, url, "").ends(t, "1", `end:{"error":null}`)
}
