package leadership_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/internal/grammar"
	"github.com/leadership-go/leadership/sources/memory"
)

func TestGroup(t *testing.T) {
	bubble(t, "one group leads all services, the other hears who does", func(t *testing.T, store *memory.Store) {
		a, b := assemble(t, store, "a", 5), assemble(t, store, "b", 5)
		time.Sleep(time.Second)
		a.wantLeads(t, 5)
		b.wantLeads(t, 0)
		for i, m := range a.Members() {
			service := names(5)[i]
			key := "services/" + service + "/leader"
			if a.Member(service) != m || m.Term().Key() != key {
				t.Errorf("member %d is for %q", i, m.Term().Key())
			}
			msg := b.last(service, leadership.StatusNotElected)
			if msg.Vote == nil || msg.Vote.ServiceID != "a" || msg.Vote.ServiceName != service || msg.Term != m.Term().Token() {
				t.Errorf("b heard %v of term %d", msg, msg.Term)
			}
			leader, err := b.Member(service).Leader(t.Context())
			if err != nil || leader.ServiceID != "a" {
				t.Errorf("the store names %v, %v", leader, err)
			}
		}
		if a.Member("another") != nil {
			t.Error("there is a member for a service that was not named")
		}
		if n := len(store.Sessions()); n != 2 {
			t.Errorf("%d sessions, want 2", n)
		}
	})
	bubble(t, "P4: a late subscriber first gets the current state of each service", func(t *testing.T, store *memory.Store) {
		a, b := assemble(t, store, "a", 3), assemble(t, store, "b", 3)
		time.Sleep(time.Hour)
		if err := a.Member("service-1").Resign(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		for c, want := range map[*crowd]string{
			a: "service-0 elected, service-0 elected.first, service-1 notelected, service-2 elected, service-2 elected.first",
			b: "service-0 notelected, service-1 elected, service-1 elected.first, service-2 notelected",
		} {
			var mu sync.Mutex
			var got []string
			sub := c.AsObservable().Subscribe(func(m leadership.GroupMessage) {
				mu.Lock()
				defer mu.Unlock()
				got = append(got, m.Service+" "+string(m.Status))
			})
			synctest.Wait()
			sub.Unsubscribe()
			if text := strings.Join(got, ", "); text != want {
				t.Errorf("got  %s\nwant %s", text, want)
			}
		}
	})
	bubble(t, "P7: what one member gives up is another's within a moment, and nothing else changes", func(t *testing.T, store *memory.Store) {
		a, b := assemble(t, store, "a", 4), assemble(t, store, "b", 4)
		time.Sleep(time.Minute)
		token := a.Member("service-0").Term().Token()
		for _, give := range []func() error{
			func() error { return a.Member("service-0").Resign(t.Context()) },
			func() error { return a.Member("service-1").StandDown(t.Context(), time.Hour) },
			func() error { return a.Member("service-2").TransferTo(t.Context(), "b") },
			a.Member("service-3").Close,
		} {
			leads := b.leads()
			if err := give(); err != nil {
				t.Fatal(err)
			}
			time.Sleep(100 * time.Millisecond)
			b.wantLeads(t, leads+1)
		}
		if next := b.Member("service-0").Term().Token(); next <= token {
			t.Errorf("token %d after %d", next, token)
		}
		time.Sleep(time.Minute)
		b.wantLeads(t, 4)
		if err := b.Close(); err != nil {
			t.Error(err)
		}
		time.Sleep(100 * time.Millisecond)
		a.wantLeads(t, 2) // one stands down, one is closed
		if n := len(store.Sessions()); n != 1 {
			t.Errorf("%d sessions, want 1", n)
		}
		if err := a.Member("service-3").Resign(t.Context()); err != nil {
			t.Errorf("Resign of a closed member: %v", err)
		}
		if err := a.Member("service-3").Lead(t.Context(), nil); !errors.Is(err, leadership.ErrClosed) {
			t.Errorf("Lead of a closed member: %v", err)
		}
	})
	bubble(t, "P1: a group that is cut off relegates all of 1,000 members before their deadlines, and is elected again", func(t *testing.T, store *memory.Store) {
		a := assemble(t, store, "a", 1000)
		b := assemble(t, store, "b", 1000)
		time.Sleep(time.Minute + time.Second)
		a.wantLeads(t, 1000)
		a.link.Disconnect()
		deadlines := make(map[string]time.Time)
		services, members := names(1000), a.Members()
		for i := range 600 { // a referee that looks every 100 ms
			time.Sleep(100 * time.Millisecond)
			for j, m := range members {
				service := services[j]
				if m.IsLeader() {
					if b.Member(service).IsLeader() {
						t.Fatalf("%v later, two lead %s", time.Duration(i)*100*time.Millisecond, service)
					}
					deadlines[service] = m.Term().Deadline()
				}
			}
			if a.leads() == 0 && b.leads() == 1000 {
				break
			}
		}
		a.wantLeads(t, 0)
		b.wantLeads(t, 1000)
		for service, deadline := range deadlines {
			msg := a.last(service, leadership.StatusRelegation)
			if !errors.Is(msg.Err, leadership.ErrLeaseExpired) || msg.Time.After(deadline.Add(time.Millisecond)) {
				t.Fatalf("%s relegated at %v for %v; its deadline was %v", service, msg.Time, msg.Err, deadline)
			}
		}
		a.link.Reconnect()
		time.Sleep(time.Minute)
		if err := b.Close(); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Second)
		a.wantLeads(t, 1000)
	})
	bubble(t, "P6: a session that an operator ends relegates all at once, and the group goes on with another one", func(t *testing.T, store *memory.Store) {
		a := assemble(t, store, "a", 100)
		time.Sleep(time.Minute)
		began := time.Now()
		before := store.Sessions()[0]
		store.DestroySession(before)
		synctest.Wait()
		for _, service := range names(100) {
			msg := a.last(service, leadership.StatusRelegation)
			gone := errors.Is(msg.Err, leadership.ErrSessionLost) || errors.Is(msg.Err, leadership.ErrKeyLost) // a read of the key may come first
			if !gone || msg.Time.Sub(began) > 0 {
				t.Fatalf("%s relegated after %v for %v", service, msg.Time.Sub(began), msg.Err)
			}
		}
		time.Sleep(2 * time.Second)
		a.wantLeads(t, 100)
		if after := store.Sessions(); len(after) != 1 || after[0] == before {
			t.Errorf("sessions %v after %s", after, before)
		}
		time.Sleep(time.Minute)
		a.wantLeads(t, 100)
		if n := a.tally.opens.Load(); n != 2 {
			t.Errorf("%d sessions were opened, want 2", n)
		}
	})
	bubble(t, "P6: a key that an operator deletes is that member's loss alone", func(t *testing.T, store *memory.Store) {
		a := assemble(t, store, "a", 10)
		time.Sleep(time.Minute)
		store.DeleteKey("services/service-3/leader")
		time.Sleep(100 * time.Millisecond)
		if msg := a.last("service-3", leadership.StatusRelegation); !errors.Is(msg.Err, leadership.ErrKeyLost) {
			t.Errorf("it was relegated for %v", msg.Err)
		}
		time.Sleep(time.Minute)
		a.wantLeads(t, 10)
	})
	bubble(t, "while nothing changes, 1,000 services cost no more requests and goroutines than one", func(t *testing.T, store *memory.Store) {
		a, b := assemble(t, store, "a", 1000), assemble(t, store, "b", 1000)
		time.Sleep(time.Minute)
		for _, c := range []*crowd{a, b} {
			c.tally.renewals.Store(0)
			c.tally.reads.Store(0)
			c.tally.surveys.Store(0)
			c.tally.awaits.Store(0)
		}
		time.Sleep(10 * time.Minute)
		a.wantLeads(t, 1000)
		for _, c := range []*crowd{a, b} {
			t.Logf("in 10 minutes: %d renewals, %d reads of one key, %d surveys, %d waits", c.tally.renewals.Load(), c.tally.reads.Load(), c.tally.surveys.Load(), c.tally.awaits.Load())
			if n := c.tally.renewals.Load(); n < 60 || n > 400 {
				t.Errorf("%d renewals in 10 minutes", n)
			}
			if n := c.tally.reads.Load(); n > 0 {
				t.Errorf("%d reads of one key in 10 minutes", n)
			}
			if n := c.tally.surveys.Load(); n > 400 {
				t.Errorf("%d surveys in 10 minutes", n)
			}
			if n := c.tally.awaits.Load(); n > 20 {
				t.Errorf("%d waits in 10 minutes", n)
			}
		}
		if n := runtime.NumGoroutine(); n > 40 {
			t.Errorf("%d goroutines", n)
		}
	})
	bubble(t, "a backend that can't survey is asked for each key", func(t *testing.T, store *memory.Store) {
		hide := func(f *leadership.ClusterFactory, _ *leadership.Config) {
			f.Wrap(func(_ leadership.Config, b leadership.Backend) leadership.Backend { return plain{b} })
		}
		a, b := assemble(t, store, "a", 20, hide), assemble(t, store, "b", 20, hide)
		time.Sleep(time.Hour)
		a.wantLeads(t, 20)
		if err := a.Member("service-7").Resign(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(50 * time.Millisecond)
		b.wantLeads(t, 1)
		if err := a.Close(); err != nil {
			t.Error(err)
		}
		time.Sleep(50 * time.Millisecond)
		b.wantLeads(t, 20)
	})
	bubble(t, "P7: Close is bounded where the store answers nothing, and the session ends by itself", func(t *testing.T, store *memory.Store) {
		a := assemble(t, store, "a", 1000)
		time.Sleep(time.Minute)
		a.link.Disconnect()
		a.fails = true
		began := time.Now()
		err := a.Close()
		if took := time.Since(began); took > 25*time.Second {
			t.Errorf("it took %v", took)
		}
		if err == nil {
			t.Error("no error says so")
		}
		a.wantLeads(t, 0)
		time.Sleep(time.Minute)
		if n := len(store.Sessions()); n != 0 {
			t.Errorf("%d sessions are left", n)
		}
	})
	bubble(t, "P7: the end of the context closes the group, and all services have a new leader", func(t *testing.T, store *memory.Store) {
		ctx, cancel := context.WithCancel(t.Context())
		g, err := memory.NewClusterFactory(store).Group(ctx, names(50)...)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		b := assemble(t, store, "b", 50)
		cancel()
		if err := g.Close(); err != nil {
			t.Error(err)
		}
		time.Sleep(100 * time.Millisecond)
		b.wantLeads(t, 50)
	})
	bubble(t, "members lead for work, confirm their terms, and are waited for", func(t *testing.T, store *memory.Store) {
		a := assemble(t, store, "a", 3)
		var running, waited atomic.Int64
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		for _, m := range a.Members() {
			go func() {
				_ = m.Lead(ctx, func(ctx context.Context, term leadership.Term) error {
					running.Add(1)
					defer running.Add(-1)
					<-ctx.Done()
					time.Sleep(time.Second)
					if term.Valid() {
						waited.Add(1)
					}
					return nil
				})
			}()
			if err := m.Confirm(t.Context()); err != nil {
				t.Error(err)
			}
		}
		time.Sleep(time.Minute)
		if n := running.Load(); n != 3 {
			t.Errorf("%d works run, want 3", n)
		}
		if err := a.Close(); err != nil {
			t.Error(err)
		}
		if n := waited.Load(); n != 3 {
			t.Errorf("%d works were waited for, want 3", n)
		}
	})
	bubble(t, "the health probe is asked once for all", func(t *testing.T, store *memory.Store) {
		var asked atomic.Int64
		var sick atomic.Bool
		probed := func(f *leadership.ClusterFactory, _ *leadership.Config) {
			f.Health(func(context.Context) error {
				asked.Add(1)
				if sick.Load() {
					return errors.New("broken")
				}
				return nil
			})
		}
		a, b := assemble(t, store, "a", 30, probed), assemble(t, store, "b", 30)
		time.Sleep(time.Minute)
		if n := asked.Load(); n > 15 {
			t.Errorf("asked %d times in a minute", n)
		}
		leads := a.leads()
		b.wantLeads(t, 30-leads)
		sick.Store(true)
		time.Sleep(time.Minute)
		a.wantLeads(t, 0)
		b.wantLeads(t, 30)
	})
	bubble(t, "P5: a stuck subscriber holds nobody up, and lacks repetitions only", func(t *testing.T, store *memory.Store) {
		a := assemble(t, store, "a", 100)
		var check grammar.Checker
		var last atomic.Int64
		stuck := make(chan struct{})
		sub := a.AsObservable().Subscribe(func(m leadership.GroupMessage) {
			<-stuck
			if m.Service == "service-5" {
				last.Store(m.Time.UnixNano())
				if err := check.Next(string(m.Status), m.Term, m.Err); err != nil {
					t.Error(err)
				}
			}
		})
		for range 3 {
			time.Sleep(time.Hour)
			store.DestroySession(store.Sessions()[0])
		}
		time.Sleep(time.Hour)
		a.wantLeads(t, 100)
		close(stuck)
		synctest.Wait()
		if err := sub.Err(); err != nil || sub.Coalesced() == 0 {
			t.Errorf("it ended by %v, and lacks %d messages", err, sub.Coalesced())
		}
		if !check.Leads() || time.Since(time.Unix(0, last.Load())) > 11*time.Second {
			t.Error("it did not hear the last ones")
		}
		sub.Unsubscribe()
	})
	bubble(t, "under single mode all members lead, each by itself", func(t *testing.T, _ *memory.Store) {
		g, err := leadership.NewClusterFactory(nil).Mode(leadership.ModeSingle).Group(t.Context(), "x", "y")
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		if err := g.Member("x").Close(); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Hour)
		if !g.Member("y").IsLeader() || g.Member("x").IsLeader() {
			t.Error("the end of one election is one of the other")
		}
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestGroupChecksItsSettings(t *testing.T) {
	factory := func() *leadership.ClusterFactory { return memory.NewClusterFactory(nil) }
	for _, c := range []struct {
		factory  *leadership.ClusterFactory
		services []string
		want     string
	}{
		{factory(), nil, "services [] must name at least one service"},
		{factory(), []string{"a", ""}, `services "" must not be empty`},
		{factory(), []string{"a", "b", "a"}, `services "a" must not be named twice`},
		{factory(), []string{"a", "b/../c"}, `services "b/../c" makes the key "services/b/../c/leader": a key must not contain the path element ..`},
		{factory(), []string{strings.Repeat("x", 70_000)}, "makes a vote of"},
		{factory().Session("s", time.Second), []string{"a"}, `session id "s" must not be given to a group`},
		{factory().Configure(leadership.Config{Session: leadership.SessionConfig{TTL: -1}}), []string{"a"}, "session.ttl"},
		{leadership.NewClusterFactory(nil), []string{"a"}, "connect"},
	} {
		g, err := c.factory.Group(t.Context(), c.services...)
		if !errors.Is(err, leadership.ErrInvalidConfig) || !strings.Contains(fmt.Sprint(err), c.want) {
			t.Errorf("%v, want %s", err, c.want)
		}
		if g != nil {
			_ = g.Close()
		}
	}
	if !slices.IsSorted(names(3)) {
		t.Error("the names are not in order")
	}
}
