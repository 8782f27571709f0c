package leadership_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/sources/memory"
)

// watcher is an observer, its link to the store, and what it told since somebody looked.
type watcher struct {
	*leadership.ElectionObserver
	link *memory.Backend

	mu        sync.Mutex
	news      []string
	completed bool
}

func observe(t *testing.T, backend leadership.Backend) *watcher {
	t.Helper()
	link, _ := backend.(*memory.Backend)
	o, err := leadership.NewClusterFactory(func(leadership.Config) (leadership.Backend, error) { return backend, nil }).Observer(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	w := &watcher{ElectionObserver: o, link: link}
	o.AsObservable().Subscribe(func(s leadership.Standing) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.news = append(w.news, summary(s))
	}, leadership.OnComplete(func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.completed = true
	}))
	t.Cleanup(func() { _ = o.Close() })
	return w
}

// summary is a standing in one line: the leader of all candidates, or why it is not known.
func summary(s leadership.Standing) string {
	text := "nobody"
	if s.Leader != nil {
		text = s.Leader.ServiceID
	}
	ids := make([]string, len(s.Candidates))
	for i, c := range s.Candidates {
		ids[i] = c.ServiceID
	}
	text += " of [" + strings.Join(ids, " ") + "]"
	for _, err := range []error{leadership.ErrDenied, leadership.ErrMalformedVote, context.DeadlineExceeded} {
		if errors.Is(s.Err, err) {
			return text + ": " + err.Error()
		}
	}
	return text
}

func (w *watcher) expect(t *testing.T, want ...string) {
	t.Helper()
	time.Sleep(50 * time.Millisecond) // it does not look again sooner
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	if !slices.Equal(w.news, want) {
		t.Errorf("told %q, want %q", w.news, want)
	}
	w.news = nil
}

func TestObserver(t *testing.T) {
	bubble(t, "it tells who leads, nobody included, and who stands", func(t *testing.T, store *memory.Store) {
		w := observe(t, store.Backend())
		w.expect(t, "nobody of []")
		a := join(t, store, "a")
		w.expect(t, "a of [a]")
		time.Sleep(time.Second)
		b := join(t, store, "b")
		w.expect(t, "a of [a b]")
		time.Sleep(time.Second)
		_ = a.Resign(t.Context())
		w.expect(t, "b of [b]")
		time.Sleep(time.Minute)
		w.expect(t, "b of [b a]")
		_ = a.Close()
		w.expect(t, "b of [b]")
		time.Sleep(time.Second)
		_ = b.Close()
		w.expect(t, "nobody of []")
		if n := len(store.Sessions()); n != 0 {
			t.Errorf("%d sessions", n)
		}
	})
	bubble(t, "the token of the leader's term comes with it", func(t *testing.T, store *memory.Store) {
		a, w := join(t, store, "a"), observe(t, store.Backend())
		synctest.Wait()
		if got := w.Standing(); got.Term != a.Term().Token() || got.Leader.SessionID != store.Holder(leaderKey).Session || got.Time != time.Now() {
			t.Errorf("%+v", got)
		}
	})
	bubble(t, "a late subscriber first gets the last standing", func(t *testing.T, store *memory.Store) {
		w := observe(t, store.Backend())
		join(t, store, "a")
		time.Sleep(time.Minute)
		var got []string
		sub := w.AsObservable().Subscribe(func(s leadership.Standing) { got = append(got, summary(s)) })
		_ = w.Close()
		<-sub.Done()
		if !slices.Equal(got, []string{"a of [a]"}) {
			t.Errorf("got %q", got)
		}
	})
	bubble(t, "a store that can't be reached is an error, once, and not nobody", func(t *testing.T, store *memory.Store) {
		w := observe(t, store.Backend())
		w.expect(t, "nobody of []")
		join(t, store, "a")
		w.expect(t, "a of [a]")
		w.link.Disconnect()
		time.Sleep(time.Minute)
		w.expect(t, "nobody of []: context deadline exceeded")
		w.link.Reconnect()
		time.Sleep(3 * time.Second)
		w.expect(t, "a of [a]")
	})
	bubble(t, "a refused read is an error", func(t *testing.T, store *memory.Store) {
		w := observe(t, store.Backend())
		synctest.Wait()
		w.link.Deny(true)
		time.Sleep(11 * time.Second)
		w.expect(t, "nobody of []", "nobody of []: leadership: denied by the store")
	})
	bubble(t, "a value that is no vote is an error, with the term", func(t *testing.T, store *memory.Store) {
		a, w := join(t, store, "a"), observe(t, store.Backend())
		w.expect(t, "a of [a]")
		time.Sleep(time.Second)
		store.Put(leaderKey, []byte("mine"))
		w.expect(t, "nobody of []: leadership: malformed vote")
		if got := w.Standing(); got.Term != a.Term().Token() {
			t.Errorf("term %d", got.Term)
		}
	})
	bubble(t, "a watch that reports nothing costs a vote period", func(t *testing.T, store *memory.Store) {
		w := observe(t, mute{store.Backend()})
		w.expect(t, "nobody of []")
		join(t, store, "a")
		time.Sleep(9 * time.Second)
		w.expect(t)
		time.Sleep(time.Second - 50*time.Millisecond)
		w.expect(t, "a of [a]")
	})
	bubble(t, "a watch that fails, or returns for nothing, is no busy loop", func(t *testing.T, store *memory.Store) {
		for name, err := range map[string]error{"fails": errors.New("no"), "returns for nothing": nil} {
			n := &nervous{Backend: store.Backend(), err: err}
			w := observe(t, n)
			time.Sleep(10 * time.Second)
			_ = w.Close()
			if most := 10*20 + 1; n.reads < 2 || n.reads > most {
				t.Errorf("one that %s: %d reads in 10 s, where at most %d are due", name, n.reads, most)
			}
		}
	})
	bubble(t, "it ends with the context of its making, and its stream completes", func(t *testing.T, store *memory.Store) {
		ctx, cancel := context.WithCancel(t.Context())
		o, err := memory.NewClusterFactory(store).Observer(ctx)
		if err != nil {
			t.Fatal(err)
		}
		sub := o.AsObservable().Subscribe(func(leadership.Standing) {})
		cancel()
		<-sub.Done()
		if err := sub.Err(); err != nil {
			t.Error(err)
		}
		if err := errors.Join(o.Close(), o.Close()); err != nil {
			t.Error(err)
		}
	})
	bubble(t, "Close waits for no subscriber", func(t *testing.T, store *memory.Store) {
		o, err := memory.NewClusterFactory(store).Observer(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		release := make(chan struct{})
		sub := o.AsObservable().Subscribe(func(leadership.Standing) { <-release })
		synctest.Wait()
		if err := o.Close(); err != nil {
			t.Error(err)
		}
		close(release)
		<-sub.Done()
	})
}

// mute is a store whose watches report nothing.
type mute struct{ *memory.Backend }

func (mute) Watch(ctx context.Context, _ string, _ leadership.Observation) error {
	<-ctx.Done()
	return context.Cause(ctx)
}

// nervous is a store whose watches return at once.
type nervous struct {
	*memory.Backend
	err   error
	reads int
}

func (n *nervous) Watch(context.Context, string, leadership.Observation) error { return n.err }

func (n *nervous) Observe(ctx context.Context, key string) (leadership.Observation, error) {
	n.reads++
	return n.Backend.Observe(ctx, key)
}

func TestObserverRefuses(t *testing.T) {
	store := memory.NewStore()
	for name, f := range map[string]*leadership.ClusterFactory{
		"single mode":       memory.NewClusterFactory(store).Mode(leadership.ModeSingle),
		"a bad setting":     memory.NewClusterFactory(store).Configure(leadership.Config{Session: leadership.SessionConfig{TTL: -1}}),
		"no way to a store": leadership.NewClusterFactory(nil),
	} {
		if _, err := f.Observer(t.Context()); !errors.Is(err, leadership.ErrInvalidConfig) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestStandingJSON(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	vote := leadership.Vote{SessionID: "s1", ServiceName: "app", ServiceID: "web-1"}
	for want, s := range map[string]leadership.Standing{
		`{"time":"2026-01-02T03:04:05Z","leader":null,"term":0,"candidates":[],"error":null}`: {Time: at},
		`{"time":"2026-01-02T03:04:05Z","leader":{"sessionId":"s1","serviceName":"app","serviceId":"web-1"},"term":7,` +
			`"candidates":[{"session":"s1","serviceId":"web-1"}],"error":"no list"}`: {
			Leader: &vote, Term: 7, Candidates: []leadership.Candidate{{Session: "s1", ServiceID: "web-1"}}, Err: fmt.Errorf("no list"), Time: at,
		},
	} {
		got, err := json.Marshal(s)
		if err != nil || string(got) != want {
			t.Errorf("%s, %v; want %s", got, err, want)
		}
	}
}
