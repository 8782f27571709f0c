package sse_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// message is one event as a page gets it.
type message struct{ id, name, data string }

func (m message) String() string {
	if m.name == "" {
		return m.data
	}
	return m.name + ":" + m.data
}

// eventStream interprets an event stream as the WHATWG HTML standard has it, section 9.2.6. The lines of the standard are in the comments.
type eventStream struct {
	r        *bufio.Reader
	afterCR  bool
	started  bool
	id       string // the last event ID buffer
	lastID   string // the last event ID string of the event source
	first    string // the first of those
	retry    string
	comments []string
}

func newEventStream(r io.Reader) *eventStream { return &eventStream{r: bufio.NewReader(r)} }

// line reads a line that ended with CRLF, LF or CR, without waiting for what follows a CR.
func (s *eventStream) line() (string, error) {
	var line []byte
	for {
		b, err := s.r.ReadByte()
		if err != nil {
			return "", err // "Once the end of the file is reached, any pending data must be discarded."
		}
		skip := s.afterCR && b == '\n'
		s.afterCR = b == '\r'
		switch {
		case skip:
		case b == '\n' || b == '\r':
			text := strings.ToValidUTF8(string(line), "\ufffd")
			if !s.started {
				s.started = true
				text = strings.TrimPrefix(text, "\ufeff")
			}
			return text, nil
		default:
			line = append(line, b)
		}
	}
}

// next returns the next event that is dispatched.
func (s *eventStream) next() (message, error) {
	var data, name strings.Builder
	for {
		line, err := s.line()
		if err != nil {
			return message{}, err
		}
		if line == "" { // "dispatch the event"
			s.lastID = s.id
			if s.first == "" {
				s.first = s.id
			}
			if data.Len() == 0 {
				name.Reset()
				continue
			}
			return message{s.lastID, name.String(), strings.TrimSuffix(data.String(), "\n")}, nil
		}
		field, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch field {
		case "":
			s.comments = append(s.comments, value)
		case "event":
			name.Reset()
			name.WriteString(value)
		case "data":
			data.WriteString(value + "\n")
		case "id":
			if !strings.Contains(value, "\x00") {
				s.id = value
			}
		case "retry":
			if value != "" && strings.Trim(value, "0123456789") == "" {
				s.retry = value
			}
		}
	}
}

// rest reads to the end of the stream.
func (s *eventStream) rest() (all []string, err error) {
	for {
		m, err := s.next()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return all, err
		}
		all = append(all, m.String())
	}
}

// connection is a response with a stream.
type connection struct {
	*eventStream
	response *http.Response
}

// connect gets url as EventSource does, with the id of the last event, "" for none.
func connect(t *testing.T, client *http.Client, url, lastID string) *connection {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Accept", "text/event-stream")
	request.Header.Set("Cache-Control", "no-store")
	if lastID != "" {
		request.Header.Set("Last-Event-ID", lastID)
	}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	return &connection{newEventStream(response.Body), response}
}

// stream is connect for a request that is to be answered with a stream.
func stream(t *testing.T, client *http.Client, url, lastID string) *connection {
	t.Helper()
	c := connect(t, client, url, lastID)
	if c.response.StatusCode != http.StatusOK || c.response.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("answered %s with %s", c.response.Status, c.response.Header.Get("Content-Type"))
	}
	t.Cleanup(c.cut)
	return c
}

// cut closes the connection from the client's side.
func (c *connection) cut() { _ = c.response.Body.Close() }

// take reads n events.
func (c *connection) take(t *testing.T, n int) (all []message) {
	t.Helper()
	for range n {
		m, err := c.next()
		if err != nil {
			t.Fatalf("after %v: %v", all, err)
		}
		all = append(all, m)
	}
	return all
}

// begins reads the block in front of a response that begins before the first event: it has an id only.
func (c *connection) begins(t *testing.T) {
	t.Helper()
	for {
		line, err := c.line()
		if err != nil {
			t.Fatal(err)
		}
		if line == "" {
			break
		}
		if id, ok := strings.CutPrefix(line, "id: "); ok {
			c.id, c.lastID = id, id
		}
	}
	if !strings.HasSuffix(c.lastID, "-0") {
		t.Fatalf("begins with the id %q", c.lastID)
	}
}

// is reads as many events as there are in want and compares them.
func (c *connection) is(t *testing.T, want ...string) {
	t.Helper()
	got := c.take(t, len(want))
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Fatalf("got %v, want %v", got, want)
	}
}

// ends reads the rest of the stream and compares it.
func (c *connection) ends(t *testing.T, want ...string) {
	t.Helper()
	got, err := c.rest()
	if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Fatalf("got %v, %v, want %v and the end", got, err, want)
	}
}

func TestEventStreamOfTheStandard(t *testing.T) {
	// The examples of the standard, section 9.2.6, and what they are to be read as.
	for _, tt := range []struct{ text, want, lastID string }{
		{"data: YHOO\ndata: +2\ndata: 10\n\n", "[YHOO\n+2\n10]", ""},
		{": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n", "[first event second event  third event]", ""},
		{"data\n\ndata\ndata\n\ndata:", "[ \n]", ""},
		{"data:test\n\ndata: test\n\n", "[test test]", ""},
		{"\ufeffevent: add\r\ndata: a\r\n\r\nevent: x\rid: 7\r\rdata: b\r\r", "[add:a b]", "7"},
		{"id: 1\n\nid: 2\ndata: unfinished", "[]", "1"},
	} {
		s := newEventStream(strings.NewReader(tt.text))
		if got, err := s.rest(); err != nil || fmt.Sprint(got) != tt.want || s.lastID != tt.lastID {
			t.Errorf("%q: %q, %v, last id %q", tt.text, got, err, s.lastID)
		}
	}
}
