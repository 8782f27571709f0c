package leadership_test

import (
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/internal/grammar"
	"github.com/leadership-go/leadership/sources/memory"
)

// bubble runs a test of members under virtual time.
func bubble(t *testing.T, name string, test func(t *testing.T, store *memory.Store)) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) { test(t, memory.NewStore(memory.WithGrace(15*time.Second))) })
	})
}

// candidate is a member, its link to the store, and all it told.
type candidate struct {
	*leadership.Member
	link *memory.Backend
	log  *recorder
}

// join builds a member with the default settings and the given id.
func join(t *testing.T, store *memory.Store, id string) candidate {
	t.Helper()
	return joinWith(t, store, leadership.Config{ServiceID: id})
}

func joinWith(t *testing.T, store *memory.Store, cfg leadership.Config) candidate {
	t.Helper()
	link := store.Backend()
	m, err := leadership.NewClusterFactory(func(leadership.Config) (leadership.Backend, error) { return link, nil }).
		Configure(cfg).Build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c := candidate{m, link, record(t, m)}
	t.Cleanup(func() { _ = m.Close() })
	synctest.Wait()
	return c
}

// recorder keeps what a member told and checks its grammar.
type recorder struct {
	mu       sync.Mutex
	messages []leadership.ElectionMessage
	times    []time.Time
	unread   int
	complete bool
}

func record(t *testing.T, m *leadership.Member) *recorder {
	t.Helper()
	r := &recorder{}
	var g grammar.Checker
	m.AsObservable().Subscribe(func(msg leadership.ElectionMessage) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.messages = append(r.messages, msg)
		r.times = append(r.times, time.Now())
		if err := g.Next(string(msg.Status), msg.Term, msg.Err); err != nil {
			t.Error(err)
		}
	}, leadership.OnComplete(func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.complete = true
		if err := g.End(); err != nil {
			t.Error(err)
		}
	}))
	return r
}

// news are the statuses since the last call.
func (r *recorder) news() []string {
	synctest.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	var list []string
	for _, m := range r.messages[r.unread:] {
		list = append(list, string(m.Status))
	}
	r.unread = len(r.messages)
	return list
}

// completed reports whether the stream has completed.
func (r *recorder) completed() bool {
	synctest.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.complete
}

// last is the last message with that status.
func (r *recorder) last(t *testing.T, s leadership.Status) leadership.ElectionMessage {
	t.Helper()
	synctest.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, m := range slices.Backward(r.messages) {
		if m.Status == s {
			return m
		}
	}
	t.Fatalf("no %s among %v", s, r.messages)
	return leadership.ElectionMessage{}
}

func (r *recorder) expect(t *testing.T, want ...string) {
	t.Helper()
	if got := r.news(); !slices.Equal(got, want) {
		t.Fatalf("told %q, want %q", got, want)
	}
}

var (
	elected   = []string{"elected", "elected.first"}
	relegated = []string{"notelected", "relegation"}
)
