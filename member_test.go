package leadership_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/sources/memory"
)

func TestMember(t *testing.T) {
	bubble(t, "the first is elected at once, the next one hears who leads", func(t *testing.T, store *memory.Store) {
		a, b := join(t, store, "a"), join(t, store, "b")
		a.log.expect(t, elected...)
		b.log.expect(t, "notelected")
		if !a.IsLeader() || b.IsLeader() {
			t.Errorf("a leads %v, b %v", a.IsLeader(), b.IsLeader())
		}
		msg := b.log.last(t, leadership.StatusNotElected)
		if msg.Vote == nil || msg.Vote.ServiceID != "a" || msg.Term != a.Term().Token() {
			t.Errorf("b heard %v of term %d", msg, msg.Term)
		}
		leader, err := b.Leader(t.Context())
		if err != nil || leader.ServiceID != "a" {
			t.Errorf("the store names %v, %v", leader, err)
		}
	})
	bubble(t, "messages print as the Java library's", func(t *testing.T, store *memory.Store) {
		a := join(t, store, "node-1")
		want := fmt.Sprintf("ElectionMessage(status=elected.first, vote=Vote{sessionId='%s', serviceName='cluster-app', serviceId='node-1'}, error=null)",
			store.Holder("services/cluster-app/leader").Session)
		if got := a.log.last(t, leadership.StatusElectedFirst).String(); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	})
	bubble(t, "elected and notelected repeat every 10 s, for hours", func(t *testing.T, store *memory.Store) {
		a, b := join(t, store, "a"), join(t, store, "b")
		a.log.news()
		b.log.news()
		time.Sleep(3 * time.Hour)
		for _, c := range []struct {
			candidate
			want string
		}{{a, "elected"}, {b, "notelected"}} {
			got := c.log.news()
			if len(got) != 1080 || slices.ContainsFunc(got, func(s string) bool { return s != c.want }) {
				t.Errorf("%d messages, want 1080 times %s", len(got), c.want)
			}
		}
	})
	bubble(t, "P4: a late subscriber first gets the current state", func(t *testing.T, store *memory.Store) {
		a, b := join(t, store, "a"), join(t, store, "b")
		time.Sleep(time.Hour + time.Second)
		record(t, a.Member).expect(t, elected...)
		record(t, b.Member).expect(t, "notelected")
		if err := a.Resign(t.Context()); err != nil {
			t.Fatal(err)
		}
		record(t, a.Member).expect(t, "notelected")
		record(t, b.Member).expect(t, elected...)
	})
	bubble(t, "P7: a resignation elects a waiter at once; the old leader stands again", func(t *testing.T, store *memory.Store) {
		a, b := join(t, store, "a"), join(t, store, "b")
		a.log.news()
		b.log.news()
		token, ctx := a.Term().Token(), a.Term().Context()
		start := time.Now()
		if err := a.Resign(t.Context()); err != nil {
			t.Fatal(err)
		}
		a.log.expect(t, relegated...)
		b.log.expect(t, elected...)
		if took := time.Since(start); took != 0 {
			t.Errorf("it took %v", took)
		}
		if b.Term().Token() <= token {
			t.Errorf("token %d after %d", b.Term().Token(), token)
		}
		if !errors.Is(context.Cause(ctx), leadership.ErrResigned) {
			t.Errorf("the term ended for %v", context.Cause(ctx))
		}
		time.Sleep(11 * time.Second)
		if got := len(store.Candidates("services/cluster-app/leader")); got != 2 {
			t.Errorf("%d candidates, want 2", got)
		}
	})
	bubble(t, "failures 12, 5: Close after the context has ended gives everything back", func(t *testing.T, store *memory.Store) {
		ctx, cancel := context.WithCancel(t.Context())
		m, err := memory.NewClusterFactory(store).Build(ctx)
		if err != nil {
			t.Fatal(err)
		}
		log := record(t, m)
		synctest.Wait()
		b := join(t, store, "b")
		b.log.news()
		cancel()
		synctest.Wait()
		b.log.expect(t, elected...)
		if err := m.Close(); err != nil {
			t.Error(err)
		}
		log.expect(t, append(slices.Clone(elected), relegated...)...)
		if !log.completed() {
			t.Error("the stream did not complete")
		}
		if err := b.Close(); err != nil {
			t.Error(err)
		}
		if n := store.Sessions(); len(n) != 0 {
			t.Errorf("sessions left: %v", n)
		}
	})
	bubble(t, "failures 1, 2: on a dead link the leader is relegated before its TTL is over, and before its successor", func(t *testing.T, store *memory.Store) {
		a, b := join(t, store, "a"), join(t, store, "b")
		time.Sleep(20 * time.Second)
		a.log.news()
		b.log.news()
		a.link.Disconnect()
		cut := time.Now() // the last proof was sent before
		for a.IsLeader() {
			if b.IsLeader() {
				t.Fatal("two leaders")
			}
			time.Sleep(time.Millisecond)
		}
		if took := time.Since(cut); took >= 15*time.Second {
			t.Errorf("it believed for %v", took)
		}
		got := a.log.news()
		if !slices.Equal(got[len(got)-2:], relegated) {
			t.Errorf("told %q", got)
		}
		if err := a.log.last(t, leadership.StatusRelegation).Err; !errors.Is(err, leadership.ErrLeaseExpired) {
			t.Errorf("relegated for %v", err)
		}
		time.Sleep(30 * time.Second)
		if !b.IsLeader() {
			t.Error("nobody followed")
		}
		a.link.Reconnect()
		time.Sleep(30 * time.Second)
		if a.IsLeader() || !b.IsLeader() {
			t.Error("the old term resumed")
		}
	})
	bubble(t, "failure 18: a deleted key relegates at once, and the successor waits for the old session to end", func(t *testing.T, store *memory.Store) {
		a, b := join(t, store, "a"), join(t, store, "b")
		a.log.news()
		store.DeleteKey("services/cluster-app/leader")
		a.log.expect(t, relegated...)
		if err := a.log.last(t, leadership.StatusRelegation).Err; !errors.Is(err, leadership.ErrKeyLost) {
			t.Errorf("relegated for %v", err)
		}
		time.Sleep(time.Second)
		if !b.IsLeader() {
			t.Error("nobody followed")
		}
	})
	bubble(t, "a successor of a leader that is cut off and whose key was deleted waits until that one has stopped", func(t *testing.T, store *memory.Store) {
		a, b := join(t, store, "a"), join(t, store, "b")
		a.link.Disconnect()
		store.DeleteKey("services/cluster-app/leader")
		for range 20000 {
			time.Sleep(time.Millisecond)
			if a.IsLeader() && b.IsLeader() {
				t.Fatal("two leaders")
			}
		}
		if !b.IsLeader() {
			t.Error("nobody followed within a TTL")
		}
		a.link.Reconnect()
	})
	bubble(t, "failure 19: a destroyed session relegates at once and a new one is made", func(t *testing.T, store *memory.Store) {
		a := join(t, store, "a")
		a.log.news()
		token := a.Term().Token()
		store.DestroySession(store.Holder("services/cluster-app/leader").Session)
		synctest.Wait()
		time.Sleep(time.Second)
		a.log.expect(t, append(slices.Clone(relegated), elected...)...)
		if a.Term().Token() <= token {
			t.Error("the token did not grow")
		}
	})
	bubble(t, "failure 14: a waiter whose session was destroyed enters again", func(t *testing.T, store *memory.Store) {
		a, b := join(t, store, "a"), join(t, store, "b")
		store.DestroySession(store.Candidates("services/cluster-app/leader")[1])
		time.Sleep(time.Minute)
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if !b.IsLeader() {
			t.Error("the waiter is out")
		}
	})
	bubble(t, "failures 17, 11: a refused credential is told, relegates at the deadline, and candidacy goes on", func(t *testing.T, store *memory.Store) {
		a := join(t, store, "a")
		a.log.news()
		a.link.Deny(true)
		time.Sleep(time.Minute)
		if a.IsLeader() {
			t.Error("it still leads")
		}
		if err := a.log.last(t, leadership.StatusError).Err; !errors.Is(err, leadership.ErrDenied) {
			t.Errorf("told %v", err)
		}
		a.link.Deny(false)
		time.Sleep(time.Minute)
		if !a.IsLeader() {
			t.Error("it did not come back")
		}
	})
	bubble(t, "failure 4: an outage shorter than the lease relegates nobody", func(t *testing.T, store *memory.Store) {
		a := join(t, store, "a")
		a.log.news()
		time.Sleep(6 * time.Second)
		a.link.Deny(true)
		time.Sleep(5 * time.Second)
		a.link.Deny(false)
		time.Sleep(time.Minute)
		if slices.Contains(a.log.news(), "relegation") {
			t.Error("relegated")
		}
	})
	bubble(t, "failures 24, 26: it stands again after every loss", func(t *testing.T, store *memory.Store) {
		a := join(t, store, "a")
		for i := range 50 {
			store.DestroySession(store.Holder("services/cluster-app/leader").Session)
			time.Sleep(time.Minute)
			if !a.IsLeader() {
				t.Fatalf("out after loss %d", i+1)
			}
		}
	})
	bubble(t, "P5: stuck and panicking subscribers hold nobody up", func(t *testing.T, store *memory.Store) {
		a := join(t, store, "a")
		release := make(chan struct{})
		stuck := a.AsObservable().Subscribe(func(leadership.ElectionMessage) { <-release }, leadership.Mailbox(4))
		panics := a.AsObservable().Subscribe(func(leadership.ElectionMessage) { panic("user bug") })
		time.Sleep(time.Hour)
		if got := a.log.news(); len(got) != 362 || !a.IsLeader() {
			t.Errorf("the third one got %d messages, want 362", len(got))
		}
		if stuck.Coalesced() == 0 || stuck.Err() != nil {
			t.Errorf("coalesced %d, ended with %v", stuck.Coalesced(), stuck.Err())
		}
		if _, ok := errors.AsType[*leadership.PanicError](panics.Err()); !ok {
			t.Errorf("the panic became %v", panics.Err())
		}
		close(release)
	})
	bubble(t, "failure 27: callbacks may resign and close", func(t *testing.T, store *memory.Store) {
		a := join(t, store, "a")
		resigned := false
		a.AsObservable().Subscribe(func(m leadership.ElectionMessage) {
			switch m.Status {
			case leadership.StatusElectedFirst:
				if !resigned {
					resigned = true
					if err := a.Resign(t.Context()); err != nil {
						t.Error(err)
					}
				}
			case leadership.StatusRelegation:
				if err := a.Close(); err != nil {
					t.Error(err)
				}
			case leadership.StatusElected, leadership.StatusNotElected, leadership.StatusError:
			}
		})
		time.Sleep(time.Second)
		if !a.log.completed() {
			t.Error("the stream did not complete")
		}
	})
	bubble(t, "a session that somebody else made is used, renewed and left", func(t *testing.T, store *memory.Store) {
		given, err := store.Backend().Open(t.Context(), 15*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		m, err := memory.NewClusterFactory(store).Session(given.ID(), 15*time.Second).Build(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		if got := store.Holder("services/cluster-app/leader").Session; got != given.ID() || !m.IsLeader() {
			t.Errorf("held by %q, want %q", got, given.ID())
		}
		if err := m.Close(); err != nil {
			t.Error(err)
		}
		if got := store.Holder("services/cluster-app/leader"); got.Session != "" {
			t.Errorf("the key is left with %+v", got)
		}
		if err := given.Renew(t.Context()); err != nil {
			t.Errorf("the session is gone: %v", err)
		}
		_ = given.Close(t.Context())
	})
	bubble(t, "a key with somebody else's data is told about, not overwritten", func(t *testing.T, store *memory.Store) {
		store.Put("services/cluster-app/leader", []byte("precious"))
		a := join(t, store, "a")
		time.Sleep(time.Minute)
		if err := a.log.last(t, leadership.StatusError).Err; !errors.Is(err, leadership.ErrKeyConflict) {
			t.Errorf("told %v", err)
		}
		if v, _ := store.Get("services/cluster-app/leader"); string(v) != "precious" {
			t.Errorf("now %q", v)
		}
	})
	bubble(t, "Resign and Close after Close return at once", func(t *testing.T, store *memory.Store) {
		a := join(t, store, "a")
		for range 2 {
			if err := errors.Join(a.Close(), a.Resign(t.Context())); err != nil {
				t.Error(err)
			}
		}
	})
	bubble(t, "Resign returns when its context ends, and the member does not lead then", func(t *testing.T, store *memory.Store) {
		a := join(t, store, "a")
		a.link.Disconnect()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := a.Resign(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		if a.IsLeader() {
			t.Error("it leads")
		}
	})
	bubble(t, "failure 12: Resign with a context that has ended resigns all the same", func(t *testing.T, store *memory.Store) {
		a := join(t, store, "a")
		for range 20 {
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			_ = a.Resign(ctx) // the store's answer may or may not be in by now
			if a.IsLeader() {
				t.Fatal("it leads")
			}
			time.Sleep(11 * time.Second)
			if !a.IsLeader() {
				t.Fatal("it does not stand again")
			}
		}
	})
	bubble(t, "a stuck subscriber beside one whose callback resigns, unsubscribes and closes", func(t *testing.T, store *memory.Store) {
		a := join(t, store, "a")
		release := make(chan struct{})
		a.AsObservable().Subscribe(func(leadership.ElectionMessage) { <-release })
		var subscription *leadership.Subscription
		ready := make(chan struct{})
		subscription = a.AsObservable().Subscribe(func(m leadership.ElectionMessage) {
			<-ready
			if m.Status == leadership.StatusElectedFirst {
				_ = a.Resign(context.Background())
				subscription.Unsubscribe()
				_ = a.Close()
			}
		})
		close(ready)
		time.Sleep(time.Minute)
		if n := store.Sessions(); !a.log.completed() || len(n) != 0 {
			t.Errorf("complete %v, sessions %v", a.log.completed(), n)
		}
		close(release)
	})
	bubble(t, "Close is bounded when the store does not answer", func(t *testing.T, store *memory.Store) {
		a := join(t, store, "a")
		a.link.Disconnect()
		start := time.Now()
		if err := a.Close(); err == nil {
			t.Error("no error says that the key was not given back")
		}
		if took := time.Since(start); took > 15*time.Second {
			t.Errorf("it took %v", took)
		}
	})
}

func TestCloseAtAnyTime(t *testing.T) {
	for at := range 60 {
		synctest.Test(t, func(t *testing.T) {
			store := memory.NewStore(memory.WithGrace(15 * time.Second))
			link := store.Backend()
			m, err := leadership.NewClusterFactory(func(leadership.Config) (leadership.Backend, error) { return link, nil }).Build(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			record(t, m)
			if at%3 == 0 {
				link.Disconnect()
			}
			time.Sleep(time.Duration(at) * 300 * time.Millisecond)
			link.Reconnect()
			if at%2 == 0 {
				go func() { _ = m.Resign(context.Background()) }()
			}
			if err := m.Close(); err != nil {
				t.Errorf("after %d × 300 ms: %v", at, err)
			}
			synctest.Wait()
			if left := store.Sessions(); len(left) != 0 {
				t.Errorf("after %d × 300 ms: sessions %v are left", at, left)
			}
		})
	}
}
