package consul

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/leadership-go/leadership"
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

func TestSurvey(t *testing.T) {
	begin := func(t *testing.T, n int) (*shelf, *backend, []string, uint64) {
		t.Helper()
		s, keys := newShelf(t, n)
		b := serve(t, s)
		changed, revision := survey(t, b, keys, 10)
		if len(changed) != n {
			t.Errorf("the first survey names %d keys of %d", len(changed), n)
		}
		s.requests()
		return s, b, keys, revision
	}
	expect := func(t *testing.T, s *shelf, glances, reads int) {
		t.Helper()
		if g, r := s.requests(); g != glances || r != reads {
			t.Errorf("%d glances and %d reads; want %d and %d", g, r, glances, reads)
		}
	}
	t.Run("while the index stays it costs one request", func(t *testing.T) {
		s, b, keys, revision := begin(t, 3)
		for range 3 {
			if changed, now := survey(t, b, keys, revision); len(changed) > 0 || now != revision {
				t.Errorf("%v, %d", changed, now)
			}
		}
		expect(t, s, 3, 0)
		if changed, now := survey(t, b, keys, revision+1000); len(changed) > 0 || now != revision+1000 {
			t.Errorf("from a later revision: %v, %d", changed, now)
		}
		s.put(api.KVPair{Key: keys[1], Session: idOne})
		if changed, _ := survey(t, b, keys, revision+1000); len(changed) != 1 || changed[keys[1]] <= revision+1000 {
			t.Errorf("%v", changed)
		}
	})
	t.Run("what the observed revisions cover is not named", func(t *testing.T) {
		s, keys := newShelf(t, 4)
		s.keys[keys[3]] = api.KVPair{Key: keys[3], Session: idOne, CreateIndex: 90, ModifyIndex: 90}
		delete(s.keys, keys[2])
		b := serve(t, s)
		if changed, revision := survey(t, b, keys, 60); len(changed) != 2 || changed[keys[3]] != 90 || changed[keys[2]] != 100 || revision != 100 {
			t.Errorf("%v, %d", changed, revision)
		}
	})
	t.Run("150 keys are read in three transactions", func(t *testing.T) {
		s, keys := newShelf(t, 150)
		b := serve(t, s)
		if changed, _ := survey(t, b, keys, 10); len(changed) != len(keys) {
			t.Errorf("%d keys are named", len(changed))
		}
		expect(t, s, 1, 3)
		if s.largest != mostReads {
			t.Errorf("a transaction of %d", s.largest)
		}
	})
	t.Run("a key that was held, deleted or created is named", func(t *testing.T) {
		s, b, keys, revision := begin(t, 3)
		s.put(api.KVPair{Key: keys[0], Session: idOne})
		var changed map[string]uint64
		if changed, revision = survey(t, b, keys, revision); len(changed) != 1 || changed[keys[0]] == 0 {
			t.Errorf("%v", changed)
		}
		s.do(func() { s.index++; delete(s.keys, keys[1]) })
		if changed, revision = survey(t, b, keys, revision); len(changed) != 1 || changed[keys[1]] == 0 {
			t.Errorf("%v", changed)
		}
		s.put(api.KVPair{Key: keys[1], Session: idOne})
		if changed, _ = survey(t, b, keys, revision); len(changed) != 1 || changed[keys[1]] == 0 {
			t.Errorf("%v", changed)
		}
	})
	t.Run("a key that is missing may have been there in between", func(t *testing.T) {
		s, b, keys, revision := begin(t, 3)
		s.do(func() { s.index++; delete(s.keys, keys[1]) })
		_, revision = survey(t, b, keys, revision)
		s.put(api.KVPair{Key: keys[1], Session: idOne}) // and somebody reads that
		read := s.index
		s.do(func() { s.index++; delete(s.keys, keys[1]) })
		if changed, _ := survey(t, b, keys, revision); changed[keys[1]] <= read {
			t.Errorf("%v; it was read at revision %d", changed, read)
		}
	})
	t.Run("forgotten deletions cost one look", func(t *testing.T) {
		s, b, keys, revision := begin(t, 3)
		s.do(func() { s.index = 70 })
		for range 3 {
			changed, now := survey(t, b, keys, revision)
			if len(changed) > 0 || now != revision {
				t.Errorf("%v, %d; before: %d", changed, now, revision)
			}
		}
		expect(t, s, 4, 1) // one of the glances after the pause
	})
	t.Run("an older state that was restored is named", func(t *testing.T) {
		s, b, keys, revision := begin(t, 3)
		s.do(func() {
			s.index = 60
			s.keys[keys[0]] = api.KVPair{Key: keys[0], Session: idOne, CreateIndex: 20, ModifyIndex: 20}
		})
		if changed, _ := survey(t, b, keys, revision); len(changed) != 1 || changed[keys[0]] == 0 {
			t.Errorf("%v", changed)
		}
	})
	t.Run("the deletion of all that begins with less leaves the index", func(t *testing.T) {
		s, b, keys, revision := begin(t, 3)
		s.do(func() { clear(s.keys); s.gone = true })
		if changed, _ := survey(t, b, keys, revision); len(changed) != 3 {
			t.Errorf("%v", changed)
		}
	})
	t.Run("a held key stands as its holder knows it", func(t *testing.T) {
		s, keys := newShelf(t, 3)
		b := serve(t, s)
		ours(b)
		for i, key := range keys {
			s.keys[key] = api.KVPair{Key: key, Session: idOne, CreateIndex: 50, ModifyIndex: 50}
			b.remember(place{idOne, key}, holding{token: 50, createIndex: 50})
			if i == 2 {
				delete(s.keys, key)
			}
		}
		if changed, _ := survey(t, b, keys, 50); len(changed) != 1 || changed[keys[2]] <= 50 {
			t.Errorf("%v", changed)
		}
	})
	t.Run("or is named with a revision after its token", func(t *testing.T) {
		s, keys := newShelf(t, 1)
		keys = append(keys, "services/other/leader")
		b := serve(t, s)
		ours(b)
		b.remember(place{idOne, keys[1]}, holding{token: 900, createIndex: 900}) // before a snapshot was restored
		if changed, _ := survey(t, b, keys, 10); changed[keys[1]] <= 900 {
			t.Errorf("%v", changed)
		}
	})
	t.Run("a key that the token may not read is named each time", func(t *testing.T) {
		s, b, keys, revision := begin(t, 3)
		s.do(func() { s.hidden[keys[1]] = true; s.index++ })
		for range 3 {
			var changed map[string]uint64
			if changed, revision = survey(t, b, keys, revision); len(changed) != 1 || changed[keys[1]] == 0 {
				t.Errorf("%v", changed)
			}
		}
		s.do(func() { clear(s.hidden) })
		if changed, revision := survey(t, b, keys, revision); len(changed) != 1 {
			t.Errorf("%v", changed)
		} else if changed, _ = survey(t, b, keys, revision); len(changed) > 0 {
			t.Errorf("%v", changed)
		}
	})
	t.Run("an old server: all keys, when the index has moved", func(t *testing.T) {
		s, keys := newShelf(t, 3)
		s.old = true
		b := serve(t, s)
		_, revision := survey(t, b, keys, 10)
		expect(t, s, 1, 1)
		if changed, now := survey(t, b, keys, revision); len(changed) > 0 || now != revision {
			t.Errorf("%v, %d", changed, now)
		}
		s.put(api.KVPair{Key: keys[1], Session: idOne})
		if changed, _ := survey(t, b, keys, revision); len(changed) != 3 {
			t.Errorf("%v", changed)
		}
		if _, reads := s.requests(); reads > 0 {
			t.Errorf("%d reads that it does not know", reads)
		}
	})
	t.Run("a token that may not list goes by the index of all keys", func(t *testing.T) {
		s, b, keys, revision := begin(t, 3)
		s.do(func() { s.listless = true })
		survey(t, b, keys, revision)
		s.requests()
		if changed, _ := survey(t, b, keys, revision); len(changed) > 0 {
			t.Errorf("%v", changed)
		}
		expect(t, s, 1, 0)
		s.put(api.KVPair{Key: keys[1], Session: idOne})
		if changed, _ := survey(t, b, keys, revision); len(changed) != 1 || changed[keys[1]] == 0 {
			t.Errorf("%v", changed)
		}
	})
	t.Run("values that are too long for one answer", func(t *testing.T) {
		s, keys := newShelf(t, 10)
		for _, key := range keys {
			s.keys[key] = api.KVPair{Key: key, Session: idOne, Value: make([]byte, 300<<10), ModifyIndex: 50}
		}
		b := serve(t, s)
		if changed, _ := survey(t, b, keys, 10); len(changed) != 10 {
			t.Errorf("%v", changed)
		}
		expect(t, s, 1, 11)
	})
	t.Run("other keys", func(t *testing.T) {
		s, b, keys, revision := begin(t, 3)
		if changed, now := survey(t, b, keys[:2], revision); len(changed) > 0 && now <= revision {
			t.Errorf("%v, %d", changed, now)
		}
		expect(t, s, 2, 1)
	})
	t.Run("none", func(t *testing.T) {
		b := serve(t, http.NotFoundHandler())
		if changed, revision := survey(t, b, nil, 7); len(changed) > 0 || revision != 7 {
			t.Errorf("%v, %d", changed, revision)
		}
	})
}

func TestSurveyOfBadAnswers(t *testing.T) {
	glanced := answer{index: "9", body: []string{"services/"}}
	for _, c := range []struct {
		name        string
		list, reads answer
		want        error
		says        string
	}{
		{"a listing without an index", answer{body: "[]"}, answer{}, errForeign, "without the index"},
		{"no web page that is missing", answer{status: http.StatusNotFound, body: ""}, answer{}, errForeign, "without the index"},
		{"a server in trouble", answer{status: http.StatusInternalServerError, body: "no leader"}, answer{}, nil, "no leader"},
		{"a transaction in trouble", glanced, answer{status: http.StatusInternalServerError, body: "no leader"}, nil, "no leader"},
		{"a transaction that is refused", glanced, rolledBack(&api.TxnError{What: "Permission denied: token lacks permission"}), leadership.ErrDenied, "hidden by an ACL"},
		{"a transaction that was rolled back", glanced, rolledBack(&api.TxnError{What: "whatever"}), errForeign, "rolled back"},
		{"another key", glanced, committed(api.KVPair{}), errForeign, "shows key"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/v1/txn" {
					c.reads.write(w)
					return
				}
				c.list.write(w)
			}))
			_, _, err := b.Survey(t.Context(), []string{"services/a/leader", "services/b/leader"}, 7)
			if c.want == nil {
				c.want = err
			}
			check(t, err, c.want, c.says)
			if b.roll.lines != nil {
				t.Error("and yet something was taken over")
			}
		})
	}
	b := serve(t, http.NotFoundHandler())
	if _, _, err := b.Survey(t.Context(), []string{"a//b"}, 7); !errors.Is(err, leadership.ErrInvalidConfig) {
		t.Error(err)
	}
	if _, _, err := b.Await(t.Context(), foreign{}, []string{"a"}, 7); err == nil || !strings.Contains(err.Error(), "no session of this package") {
		t.Error(err)
	}
}

type foreign struct{ leadership.Session }

func TestFolderOf(t *testing.T) {
	for want, keys := range map[string][]string{
		"services":     {"services/a/leader", "services/b/leader"},
		"services/app": {"services/app/leader"},
		"":             {"one", "other"},
		"a":            {"a/b", "a/b/c", "a/bc"},
		"a/b":          {"a/b/", "a/b/c"},
	} {
		if got := folderOf(keys); got != want {
			t.Errorf("%q: %q; want %q", keys, got, want)
		}
	}
}

func TestAwait(t *testing.T) {
	// begin has a survey of three keys behind it.
	begin := func(t *testing.T) (s *shelf, b *backend, keys []string, revision uint64, end func()) {
		t.Helper()
		s, keys = newShelf(t, 3)
		b, end = bubble(t, s)
		_, revision = survey(t, b, keys, 10)
		s.requests()
		return s, b, keys, revision, end
	}
	type awaited struct {
		changed  map[string]uint64
		revision uint64
		took     time.Duration
		err      error
	}
	await := func(ctx context.Context, b *backend, keys []string, since uint64) <-chan awaited {
		done := make(chan awaited, 1)
		go func() {
			began := time.Now()
			changed, revision, err := b.Await(ctx, ours(b), keys, since)
			done <- awaited{changed, revision, time.Since(began), err}
		}()
		return done
	}
	t.Run("a quiet hour", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s, b, keys, revision, end := begin(t)
			defer end()
			done := await(t.Context(), b, keys, revision)
			time.Sleep(time.Hour)
			if glances, reads := s.requests(); glances > 0 || reads > 0 || s.polls > 241 {
				t.Errorf("%d glances, %d reads, %d queries", glances, reads, s.polls)
			}
			s.put(api.KVPair{Key: keys[1], Session: idOne})
			if a := <-done; a.err != nil || len(a.changed) != 1 || a.changed[keys[1]] <= revision || a.revision < a.changed[keys[1]] || a.took > time.Hour+time.Second {
				t.Errorf("%+v", a)
			}
		})
	})
	t.Run("changes of before", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s, b, keys, revision, end := begin(t)
			defer end()
			s.put(api.KVPair{Key: keys[1], Session: idOne})
			if a := <-await(t.Context(), b, keys, revision); a.err != nil || len(a.changed) != 1 || a.took > time.Second {
				t.Errorf("%+v", a)
			}
			s.requests()
			if a := <-await(t.Context(), b, keys, revision); a.err != nil || len(a.changed) != 1 || a.took > 0 {
				t.Errorf("%+v", a)
			}
			if glances, reads := s.requests(); glances+reads > 0 {
				t.Errorf("%d glances and %d reads for what was known", glances, reads)
			}
		})
	})
	t.Run("writes to other keys are looked at ever less often", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s, b, keys, revision, end := begin(t)
			defer end()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			done := await(ctx, b, keys, revision)
			for range 6000 {
				time.Sleep(10 * time.Millisecond)
				s.do(func() { s.index++ })
			}
			a := <-done
			check(t, a.err, context.DeadlineExceeded, "await changes")
			if _, reads := s.requests(); reads < 30 || reads > 100 {
				t.Errorf("%d reads", reads)
			}
		})
	})
	t.Run("an index that goes backwards", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s, b, keys, revision, end := begin(t)
			defer end()
			done := await(t.Context(), b, keys, revision)
			time.Sleep(time.Second)
			s.do(func() {
				s.index = 60
				s.keys[keys[0]] = api.KVPair{Key: keys[0], Session: idOne, CreateIndex: 20, ModifyIndex: 20}
			})
			if a := <-done; a.err != nil || len(a.changed) != 1 || a.changed[keys[0]] <= revision || a.took > 2*watchWait {
				t.Errorf("%+v", a)
			}
		})
	})
	t.Run("a token that may not list asks each second", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s, b, keys, revision, end := begin(t)
			defer end()
			s.do(func() { s.listless = true })
			survey(t, b, keys, revision)
			done := await(t.Context(), b, keys, revision)
			time.Sleep(time.Minute)
			s.put(api.KVPair{Key: keys[1], Session: idOne})
			if a := <-done; a.err != nil || len(a.changed) != 1 || a.took > time.Minute+2*time.Second {
				t.Errorf("%+v", a)
			}
			if _, reads := s.requests(); reads != 2 {
				t.Errorf("%d reads", reads)
			}
		})
	})
	for _, c := range []struct {
		name        string
		flags       uint64
		least, most time.Duration
	}{
		{"another one's turn", flagsOf(idTwo), hush + leastGrace, hush + mostGrace + time.Second/10},
		{"the own turn", flagsOf(idOne), 0, time.Second / 10},
		{"nobody's turn", 0, 0, time.Second / 10},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, b, keys, revision, end := begin(t)
				defer end()
				time.Sleep(mostPause)
				s.put(api.KVPair{Key: keys[0], Value: voteOf(""), Flags: c.flags})
				a := <-await(t.Context(), b, keys, revision)
				if a.err != nil || len(a.changed) != 1 || a.took < c.least || a.took > c.most {
					t.Errorf("%+v", a)
				}
			})
		})
	}
	t.Run("the next Campaign takes a free key without a read", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s, b, keys, revision, end := begin(t)
			defer end()
			s.put(api.KVPair{Key: keys[0], Value: voteOf("")})
			own := ours(b)
			if _, _, err := b.Await(t.Context(), own, keys, revision); err != nil {
				t.Fatal(err)
			}
			if state, known := own.seize(keys[0]); !known || state.entry.ModifyIndex != s.index {
				t.Errorf("%+v, %v", state, known)
			}
			if _, known := own.seize(keys[1]); known {
				t.Error("a key that is held was shown")
			}
		})
	})
	t.Run("an agent that never answers ends it", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b, end := bubble(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
			defer end()
			a := <-await(t.Context(), b, []string{key}, 7)
			check(t, a.err, errSilent, "no answer in time")
			if a.took != requestTimeout {
				t.Errorf("it took %v", a.took)
			}
		})
	})
	t.Run("who waits for another's look ends with its context", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b, end := bubble(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
			defer end()
			first := await(t.Context(), b, []string{key}, 7)
			synctest.Wait()
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			_, _, err := b.Survey(ctx, []string{key}, 7)
			check(t, err, context.DeadlineExceeded, "survey elections")
			<-first
		})
	})
	t.Run("no keys", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b, end := bubble(t, http.NotFoundHandler())
			defer end()
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			check(t, (<-await(ctx, b, nil, 7)).err, context.DeadlineExceeded, "await")
		})
	})
}
