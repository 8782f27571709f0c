package consul

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/consul/api"

	"github.com/leadership-go/leadership"
)

// listing is an agent that knows no other keys than those that it lists.
func listing(t *testing.T, keys string) leadership.Backend {
	t.Helper()
	agent := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Consul-Index", "7")
		w.Header().Set("X-Consul-Knownleader", "true")
		w.Header().Set("X-Consul-Lastcontact", "0")
		w.Header().Set("Content-Type", "application/json")
		if !r.URL.Query().Has("recurse") {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		_, _ = fmt.Fprint(w, keys)
	}))
	t.Cleanup(agent.Close)
	b, err := NewBackend(leadership.ConsulConfig{}, WithAddress(agent.URL))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	return b
}

// candidacyBy is a candidacy that its session holds.
func candidacyBy(session string, created uint64, c leadership.Candidate) api.KVPair {
	return api.KVPair{Key: candidacyOf(key, session), Session: session, CreateIndex: created, ModifyIndex: created, Value: c.Encode()}
}

func TestCandidatesAreWhoPublishedThatTheyStand(t *testing.T) {
	old := leadership.Candidate{ServiceID: "web-1"}
	other := leadership.Candidate{ServiceID: "web-2", Profile: leadership.Profile{Version: "1.2.0", Priority: 7, Metadata: map[string]string{"zone": "a"}}}
	torn := candidacyBy(idFour, 40, old)
	torn.Value = []byte("{")
	stolen := candidacyBy(idFive, 5, old)
	stolen.Session = idTwo
	left := candidacyBy(idFive, 50, old)
	left.Session = ""
	strange := api.KVPair{Key: candidaciesOf(key) + "notes", Session: "notes", CreateIndex: 1}
	keys, err := json.Marshal([]api.KVPair{candidacyBy(idThree, 30, old), candidacyBy(idOne, 10, old), torn, stolen, strange, candidacyBy(idTwo, 20, other), left})
	if err != nil {
		t.Fatal(err)
	}
	got, err := listing(t, string(keys)).Candidates(t.Context(), key)
	old.Session, other.Session = idOne, idTwo
	again := old
	again.Session = idThree
	want := []leadership.Candidate{old, other, again, {Session: idFour}}
	if err != nil || !slices.EqualFunc(got, want, leadership.Candidate.Equal) {
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

func TestManyCandidatesAreListed(t *testing.T) {
	const many = 3000
	list := make([]api.KVPair, many)
	for i := range list {
		list[i] = candidacyBy(fmt.Sprintf("%08x-0000-4000-8000-000000000000", i), uint64(i+1), leadership.Candidate{ServiceID: fmt.Sprint("instance-", i)})
	}
	keys, err := json.Marshal(list)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := listing(t, string(keys)).Candidates(t.Context(), key); err != nil || len(got) != many {
		t.Errorf("%d candidates, %v; want %d", len(got), err, many)
	}
	endless := "[" + strings.Repeat("{},", maxListParts) + "{}]"
	if _, err := listing(t, endless).Candidates(t.Context(), key); err == nil || !strings.Contains(err.Error(), "more than 100000 values") {
		t.Errorf("of a list without end: %v", err)
	}
}
