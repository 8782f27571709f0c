package consul

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/leadership-go/leadership"
)

// listing is an agent that knows no keys, and lists sessions as it is told.
func listing(t *testing.T, sessions string) leadership.Backend {
	t.Helper()
	agent := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Consul-Index", "7")
		w.Header().Set("X-Consul-Knownleader", "true")
		w.Header().Set("X-Consul-Lastcontact", "0")
		w.Header().Set("Content-Type", "application/json")
		if strings.HasPrefix(r.URL.Path, "/v1/kv/") {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		_, _ = fmt.Fprint(w, sessions)
	}))
	t.Cleanup(agent.Close)
	b, err := NewBackend(leadership.ConsulConfig{}, WithAddress(agent.URL))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	return b
}

func TestCandidatesAreFoundByTheNamesOfSessions(t *testing.T) {
	b := listing(t, `[
		{"ID":"3","Name":"leadership \"a\" web-1","CreateIndex":30},
		{"ID":"1","Name":"leadership \"a\" web-1","CreateIndex":10},
		{"ID":"4","Name":"leadership \"a b\" web-4"},
		{"ID":"5","Name":"leadership a web-5"},
		{"ID":"2","Name":"leadership \"a\" b web","CreateIndex":20}]`)
	got, err := b.Candidates(t.Context(), "a")
	want := []leadership.Candidate{{Session: "1", ServiceID: "web-1"}, {Session: "2", ServiceID: "b web"}, {Session: "3", ServiceID: "web-1"}}
	if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%v, %v; want %v, the oldest first", got, err, want)
	}
}

func TestCandidatesOfABadAgent(t *testing.T) {
	for _, answer := range []string{"[null]", "[{},null]", "{", `"x"`, "[1]"} {
		if got, err := listing(t, answer).Candidates(t.Context(), "a"); err == nil {
			t.Errorf("%s: %v", answer, got)
		} else if strings.Contains(answer, "null") && !errors.Is(err, errForeign) {
			t.Errorf("%s: %v", answer, err)
		}
	}
}
