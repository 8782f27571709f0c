package contender

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/leadership-go/leadership/e2e/internal/fault"
	"github.com/leadership-go/leadership/e2e/internal/stores"
)

// TestPeers has the stores' own clients elect and hand over at real stores.
func TestPeers(t *testing.T) {
	for _, starter := range stores.All() {
		t.Run(starter.Name, func(t *testing.T) {
			s, err := starter.Start(t.Context(), stores.Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			}()
			if _, err := s.Sessions(t.Context()); err != nil { // so that the operator is connected
				t.Fatal(err)
			}
			before := goleak.IgnoreCurrent()
			t.Run("cases", func(t *testing.T) {
				for name, run := range map[string]func(*testing.T, stores.Store){
					"a waiter leads after a resignation, and after Close":         handOver,
					"a leader whose session ends leads no more, and stands again": loseAndStandAgain,
					"one that is cut off can be closed":                           closeCutOff,
					"each beginning is told once, whichever the library":          tellBeginnings,
					"without a TTL it is the library's own":                       defaultTTL,
					"one with a session check hands over, at Consul alone":        checkedHandsOver,
				} {
					t.Run(name, func(t *testing.T) {
						t.Parallel()
						run(t, s)
					})
				}
			})
			goleak.VerifyNone(t, before)
		})
	}
}

const ttl = 10 * time.Second

func start(t *testing.T, s stores.Store, election, id string, addrs ...string) Contender {
	t.Helper()
	begin := startConsulLock
	if s.Name() == "etcd" {
		begin = startEtcdElection
	}
	c, err := begin(t.Context(), Options{Store: s.Name(), Addrs: append(addrs, s.Addrs()...)[:1], Election: election, ID: id, TTL: ttl})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// await waits until c leads, or leads no more.
func await(t *testing.T, c Contender, want bool) (token uint64) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if token, leads := c.Leads(); leads == want {
			return token
		}
	}
	t.Fatalf("does not come to lead: %v", want)
	return 0
}

func end(t *testing.T, c Contender) {
	t.Helper()
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if _, leads := c.Leads(); leads {
		t.Error("leads after Close")
	}
}

func handOver(t *testing.T, s stores.Store) {
	a, b := start(t, s, "hand-over", "a"), start(t, s, "hand-over", "b")
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(time.Millisecond) { // whoever is first
		if _, leads := a.Leads(); leads {
			break
		}
		if _, leads := b.Leads(); leads {
			a, b = b, a
			break
		}
	}
	first := await(t, a, true)
	if err := b.Resign(t.Context()); err != nil {
		t.Errorf("one that waits resigns: %v", err)
	}
	time.Sleep(100 * time.Millisecond)
	if _, leads := b.Leads(); leads {
		t.Error("both lead")
	}
	if err := a.Resign(t.Context()); err != nil {
		t.Error(err)
	}
	if _, leads := a.Leads(); leads {
		t.Error("leads after Resign")
	}
	second := await(t, b, true)
	end(t, b)
	third := await(t, a, true)
	end(t, a)
	if s.Name() == "etcd" && (first == 0 || first >= second || second >= third) || s.Name() == "consul" && first+second+third > 0 {
		t.Errorf("tokens %d, %d, %d", first, second, third)
	}
}

func loseAndStandAgain(t *testing.T, s stores.Store) {
	a := start(t, s, "lose", "a")
	await(t, a, true)
	if err := s.EndSession(t.Context(), holder(t, s, "lose")); err != nil {
		t.Fatal(err)
	}
	await(t, a, false)
	await(t, a, true) // at Consul after its lock-delay
	end(t, a)
}

// holder is the session that holds an election's key.
func holder(t *testing.T, s stores.Store, election string) string {
	t.Helper()
	var id string
	switch s := s.(type) {
	case *stores.Consul:
		entry, _, err := s.Client().KV().Get(Key(election), stores.Reading(t.Context()))
		if err != nil || entry == nil {
			t.Fatal(entry, err)
		}
		id = entry.Session
	case *stores.Etcd:
		keys, err := s.Keys(t.Context(), Key(election))
		if err != nil || len(keys) == 0 {
			t.Fatal(keys, err)
		}
		id = keys[0][len(Key(election))+1:]
	}
	if ids, err := s.Sessions(t.Context()); err != nil || !slices.Contains(ids, id) {
		t.Fatalf("session %q is not among %q: %v", id, ids, err)
	}
	return id
}

func tellBeginnings(t *testing.T, s stores.Store) {
	for i, kind := range []string{Leadership, Peer(s.Name())} {
		begin, err := Of(kind)
		if err != nil {
			t.Fatal(err)
		}
		led := make(chan string, 100)
		candidates := make(map[string]Contender)
		for _, id := range []string{"a", "b"} {
			c, err := begin(t.Context(), Options{
				Store: s.Name(), Addrs: s.Addrs(), Election: fmt.Sprintf("tell-%d", i), ID: id, TTL: ttl, Frequency: StandAgain,
				Led: func() { led <- id },
			})
			if err != nil {
				t.Fatal(err)
			}
			candidates[id] = c
			if id == "a" {
				await(t, c, true)
			}
		}
		time.Sleep(100 * time.Millisecond)      // b stands
		for _, id := range []string{"a", "b"} { // and a again
			if err := candidates[id].Resign(t.Context()); err != nil {
				t.Error(kind, err)
			}
			time.Sleep(StandAgain + 200*time.Millisecond)
		}
		for _, want := range []string{"a", "b", "a"} {
			select {
			case got := <-led:
				if got != want {
					t.Errorf("%s: %s leads, want %s", kind, got, want)
				}
			case <-time.After(time.Minute):
				t.Fatalf("%s: %s is not told to lead", kind, want)
			}
		}
		end(t, candidates["b"])
		end(t, candidates["a"])
		if n := len(led); n > 0 {
			t.Errorf("%s: %d beginnings too many", kind, n)
		}
	}
}

func checkedHandsOver(t *testing.T, s stores.Store) {
	stand := func(id string) (Contender, error) {
		return startChecked(t.Context(), Options{Store: s.Name(), Addrs: s.Addrs(), Election: "checked", ID: id})
	}
	a, err := stand("a")
	if s.Name() != "consul" {
		if err == nil {
			t.Error("it stands at a store that looks after nobody")
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	await(t, a, true)
	b, err := stand("b")
	if err != nil {
		t.Fatal(err)
	}
	end(t, a)
	await(t, b, true)
	end(t, b)
}

func defaultTTL(t *testing.T, s stores.Store) {
	for kind, want := range map[string]time.Duration{Leadership: 15 * time.Second, EtcdElection: time.Minute, ConsulLock: 15 * time.Second} {
		if kind != Leadership && kind != Peer(s.Name()) {
			continue
		}
		begin, err := Of(kind)
		if err != nil {
			t.Fatal(err)
		}
		election := "default " + kind[:4]
		c, err := begin(t.Context(), Options{Store: s.Name(), Addrs: s.Addrs(), Election: election, ID: "a"})
		if err != nil {
			t.Fatal(err)
		}
		await(t, c, true)
		backend, err := s.Backend()
		if err != nil {
			t.Fatal(err)
		}
		if got, err := backend.Lifetime(t.Context(), holder(t, s, election)); err != nil || got != want {
			t.Errorf("%s: a TTL of %v, error %v; want %v", kind, got, err, want)
		}
		if err := backend.Close(); err != nil {
			t.Error(err)
		}
		end(t, c)
	}
}

func closeCutOff(t *testing.T, s stores.Store) {
	link, err := fault.NewLink(s.Addrs()[0])
	if err != nil {
		t.Fatal(err)
	}
	defer link.Close()
	leader := start(t, s, "cut-off", "leader", link.Addr())
	await(t, leader, true)
	waiter := start(t, s, "cut-off", "waiter", link.Addr())
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for standing := false; !standing && ctx.Err() == nil; time.Sleep(10 * time.Millisecond) {
		ids, err := s.Sessions(ctx)
		if err != nil {
			t.Fatal(err)
		}
		standing = len(ids) >= 2
	}
	if err := link.Cut(fault.Both); err != nil {
		t.Fatal(err)
	}
	closed := make(chan string, 2)
	for name, c := range map[string]Contender{"leader": leader, "waiter": waiter} {
		go func() {
			began := time.Now()
			err := c.Close() // an error is no wonder
			closed <- fmt.Sprintf("%s closed after %v: %v", name, time.Since(began), err)
		}()
	}
	for range 2 {
		select {
		case told := <-closed:
			t.Log(told)
		case <-ctx.Done():
			t.Fatal("Close hangs")
		}
	}
}
