package consul

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/leadership-go/leadership"
)

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
		b.roll.rest = time.Now().Add(time.Second) // as after a look that took long
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
		b.roll.rest = time.Now().Add(time.Second) // as after a look that took long
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
