package consul

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/consul/api"
)

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
