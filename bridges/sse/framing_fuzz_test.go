package sse_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/bridges/sse"
)

// FuzzEvent: any type and data arrive as they are, but for the kind of line breaks, or the event says that it is invalid; and the next event
// is not touched.
func FuzzEvent(f *testing.F) {
	f.Add("", []byte("{}"))
	f.Add("kind", []byte("a\r\nb\rc\nd\n"))
	f.Fuzz(func(t *testing.T, name string, data []byte) {
		types := []string{name, ""}
		h, err := sse.NewHandler(leadership.Just(data, []byte("next")), sse.Options[[]byte]{
			Replay: 2,
			Encode: func(v []byte) ([]byte, error) { return v, nil },
			Event: func([]byte) string {
				next := types[0]
				types = types[1:]
				return next
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		answer := httptest.NewRecorder()
		h.ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody))
		if err := h.Close(); err != nil {
			t.Fatal(err)
		}

		var got []message
		s := newEventStream(answer.Body)
		for {
			m, err := s.next()
			if err != nil {
				break
			}
			got = append(got, m)
		}
		if len(got) != 3 || got[1].String() != "next" || got[2].String() != `end:{"error":null}` || s.retry != "" || len(s.comments) != 0 {
			t.Fatalf("got %q, retry %q, comments %q", got, s.retry, s.comments)
		}
		reserved := name == "gap" || name == "end" || name == "invalid"
		if reserved || strings.ContainsAny(name, "\r\n") || !utf8.ValidString(name) || !utf8.Valid(data) {
			if got[0].name != "invalid" || !strings.HasPrefix(got[0].data, `{"error":"sse: event 1: `) {
				t.Fatalf("got %+v", got[0])
			}
			return
		}
		text := strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(string(data))
		if got[0].name != name || got[0].data != text {
			t.Fatalf("got %+v, want type %q and data %q", got[0], name, text)
		}
	})
}
