package consul

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/consul/api"
)

// shelf is a fake agent with many keys. It answers glances and reads, at once or, where nothing has changed, when something does.
type shelf struct {
	t *testing.T

	mu       sync.Mutex
	keys     map[string]api.KVPair
	index    uint64 // of what all keys begin with
	gone     bool   // the listing is empty
	hidden   map[string]bool
	old      bool // it does not know get-or-empty
	listless bool // nobody may list
	glances  int
	reads    int // of many keys
	polls    int
	largest  int // transaction
	changed  chan struct{}
}

func newShelf(t *testing.T, n int) (*shelf, []string) {
	s := &shelf{t: t, keys: make(map[string]api.KVPair), index: 100, hidden: make(map[string]bool), changed: make(chan struct{})}
	keys := make([]string, n)
	for i := range keys {
		keys[i] = fmt.Sprintf("services/app-%d/leader", i)
		s.keys[keys[i]] = api.KVPair{Key: keys[i], Session: idTwo, Value: voteOf(idTwo), CreateIndex: 50, ModifyIndex: 50}
	}
	return s, keys
}

// do changes it.
func (s *shelf) do(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
	close(s.changed)
	s.changed = make(chan struct{})
}

// put writes a key.
func (s *shelf) put(pair api.KVPair) {
	s.do(func() {
		s.index++
		pair.CreateIndex, pair.ModifyIndex = s.index, s.index
		s.keys[pair.Key] = pair
	})
}

// requests are what was asked since the last call.
func (s *shelf) requests() (glances, reads int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	glances, reads, s.glances, s.reads = s.glances, s.reads, 0, 0
	return glances, reads
}

func (s *shelf) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path == "/v1/txn":
		s.read(r).write(w)
	case r.URL.Query().Has("keys"):
		s.list(r).write(w)
	default: // a key that is missing
		s.mu.Lock()
		defer s.mu.Unlock()
		missing(s.index).write(w)
	}
}

func (s *shelf) list(r *http.Request) answer {
	q := r.URL.Query()
	since, _ := strconv.ParseUint(q.Get("index"), 10, 64)
	wait, _ := time.ParseDuration(q.Get("wait"))
	if r.URL.Path != "/v1/kv/services" || q.Get("separator") != "/" || q.Has("consistent") == q.Has("index") {
		s.t.Errorf("unexpected request %s", r.URL)
	}
	for until := time.Now().Add(wait); ; {
		s.mu.Lock()
		index, gone, changed, listless := s.index, s.gone, s.changed, s.listless
		poll := since > 0 && index <= since && time.Now().Before(until)
		if !poll && since == 0 {
			s.glances++
		}
		if !poll && since > 0 {
			s.polls++
		}
		s.mu.Unlock()
		switch {
		case listless:
			return answer{status: http.StatusForbidden, body: "Permission denied: token lacks permission 'key:list'"}
		case !poll && gone:
			return missing(index)
		case !poll:
			return answer{index: fmt.Sprint(index), body: []string{"services/"}}
		}
		timer := time.NewTimer(time.Until(until))
		select {
		case <-changed:
		case <-timer.C:
		case <-r.Context().Done():
			return answer{status: http.StatusTeapot}
		}
		timer.Stop()
	}
}

func (s *shelf) read(r *http.Request) answer {
	var ops api.TxnOps
	if err := json.Unmarshal([]byte(readAll(r)), &ops); err != nil || !r.URL.Query().Has("consistent") {
		s.t.Errorf("%s: %v", r.URL, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reads++
	s.largest = max(s.largest, len(ops))
	if s.old {
		return rolledBack(&api.TxnError{What: `unknown KV verb "get-or-empty"`})
	}
	var results api.TxnResults
	for _, op := range ops {
		pair := s.keys[op.KV.Key]
		pair.Key = op.KV.Key
		if !s.hidden[pair.Key] {
			results = append(results, &api.TxnResult{KV: &pair})
		}
	}
	return answer{body: api.TxnResponse{Results: results}}
}

// survey asks b, which must not name revisions that don't fit.
func survey(t *testing.T, b *backend, keys []string, since uint64) (changed map[string]uint64, revision uint64) {
	t.Helper()
	changed, revision, err := b.Survey(t.Context(), keys, since)
	if err != nil {
		t.Fatal(err)
	}
	for key, at := range changed {
		if at <= since || at > revision {
			t.Errorf("%s is named with revision %d as changed between revisions %d and %d", key, at, since, revision)
		}
	}
	if revision < since {
		t.Errorf("a survey since revision %d is of revision %d", since, revision)
	}
	return changed, revision
}
