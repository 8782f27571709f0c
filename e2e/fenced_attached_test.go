package e2e_test

import (
	"io"
	"testing"
	"time"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/e2e/internal/fenced"
	"github.com/leadership-go/leadership/e2e/internal/stores"
)

// TestFencesOfAnAttachedSession shows what becomes of fences where a member leads two terms with one session, which it does with a session that it was
// attached to. etcd's fence compares the token. Consul's asks who holds the key: it lets a write of the first term pass during the second.
// Whoever attaches sessions there needs one of two others: the index of the key, which an operator's plain write moves, too, or
// a register that remembers the token.
func TestFencesOfAnAttachedSession(t *testing.T) {
	t.Parallel()
	onEachStore(t, stores.Options{}, true, []memberCase{{"two terms of one session", twoTermsOfOneSession}})
}

// guarded are registers of one election, each with a guard of its own.
type guarded map[fenced.Guard]*fenced.Client

func newGuarded(t *testing.T, s stores.Store, cfg leadership.Config) guarded {
	t.Helper()
	all := make(guarded)
	for guard, name := range map[fenced.Guard]string{fenced.Fence: "fence", fenced.Index: "index", fenced.Ordered: "ordered"} {
		if s.Name() == "etcd" && guard != fenced.Fence {
			continue
		}
		register := must(fenced.Dial(s.Name(), s.Addrs(), cfg.Key(), cfg.ServiceName+"-"+name))(t)
		t.Cleanup(func() { _ = register.Close() })
		all[guard] = fenced.NewClient(name, cfg.ServiceName, register, fenced.Record(io.Discard))
	}
	return all
}

// check has each guard asked to let a write of that grant pass. They are named that must.
func (all guarded) check(t *testing.T, when string, g fenced.Grant, passes ...fenced.Guard) {
	t.Helper()
	for guard, c := range all {
		want := false
		for _, p := range passes {
			want = want || p == guard
		}
		if accepted, err := c.Write(soon(t), guard, g); err != nil || accepted != want {
			t.Errorf("%s: a write with guard %d was accepted: %v, %v; want %v", when, guard, accepted, err, want)
		}
	}
}

func twoTermsOfOneSession(t *testing.T, s stores.Store) {
	cfg := newElection(calmTTL)
	cfg.Session.Refresh = time.Second
	cfg.Election.Frequency = 500 * time.Millisecond // it stands again so long after Resign
	session := must(s.OpenSession(soon(t), calmTTL))(t)
	a := enter(t, s.Factory().Configure(cfg).Session(session, calmTTL), cfg, "a")
	grants, all := fenced.Follow(a.Member), newGuarded(t, s, cfg)
	lead := func() fenced.Grant {
		g := must(grants.Of(soon(t), a.await(t, leadership.StatusElectedFirst).Term))(t)
		if g.Session != session {
			t.Fatalf("it leads with session %s, not %s", g.Session, session)
		}
		return g
	}
	first := lead()
	all.check(t, "in the first term", first, fenced.Fence, fenced.Index, fenced.Ordered)
	a.awaitProof(t)
	all.check(t, "after a renewal", first, fenced.Fence, fenced.Index, fenced.Ordered)
	if err := a.Resign(soon(t)); err != nil {
		t.Fatal(err)
	}
	all.check(t, "between two terms", first)

	second := lead()
	all.check(t, "in the second term", second, fenced.Fence, fenced.Index, fenced.Ordered)
	if s.Name() == "etcd" {
		all.check(t, "late, of the first term", first)
		return
	}
	all.check(t, "late, of the first term", first, fenced.Fence)
	must(s.Overwrite(soon(t), cfg.Key(), []byte("operator")))(t)
	a.awaitProof(t)
	if !a.IsLeader() || a.Term().Token() != second.Token {
		t.Errorf("leads %v, token %d; want the term %d to go on", a.IsLeader(), a.Term().Token(), second.Token)
	}
	all.check(t, "in the second term, after a plain write to its key", second, fenced.Fence, fenced.Ordered)
}
