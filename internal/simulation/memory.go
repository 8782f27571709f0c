package simulation

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/sources/memory"
)

// simulated is the election's key.
const simulated = "services/simulated/leader"

// Memory is the world of the memory store, each of whose members has a [Link].
type Memory struct {
	// Break, if set, is put between the store and a member's link.
	Break func(member int, b leadership.Backend) leadership.Backend
	// BreakHere is put between the link and the member.
	BreakHere func(member int, b leadership.Backend) leadership.Backend

	store  *memory.Store
	down   Crashing
	links  []*Link
	passed atomic.Int64

	mu    sync.Mutex
	given []string
}

// NewMemory makes the world of a plan.
func NewMemory(p Plan) *Memory {
	w := &Memory{store: memory.NewStore(memory.WithGrace(p.Grace))}
	for i := range p.Members {
		w.links = append(w.links, NewLink(p.Setup, p.Seed, i, &w.down, &w.passed))
	}
	return w
}

// MemoryMenu is all that can happen in it.
func MemoryMenu() Menu {
	return Menu{
		Kinds: append(
			UserKinds(), LoseRequests, LoseReplies, Cut, Slow, Freeze, Lossy, Twice, Refuse, Deny, Deaf, Spurious, LastMoment,
			Crash, CrashReset, DestroyLease, DeleteKey, Overwrite),
		TTLs:   []time.Duration{2 * time.Second, 3 * time.Second, 5 * time.Second},
		Graces: []int{0, 0, 30, 100},
		Least:  10 * time.Second, Most: 40 * time.Second,
		MaxFaults: 24, MaxLatency: 20 * time.Millisecond,
		Skewed: true, Attached: true, Strategies: 50,
	}
}

// Connect implements [World].
func (w *Memory) Connect(member int, cfg leadership.Config) (leadership.Backend, error) {
	var b leadership.Backend = w.store.BackendFor(cfg.Profile)
	if w.Break != nil {
		b = w.Break(member, b)
	}
	b = w.links[member].Backend(b)
	if w.BreakHere != nil {
		b = w.BreakHere(member, b)
	}
	return b, nil
}

// Give implements [Giver].
func (w *Memory) Give(ttl time.Duration) string {
	s, err := w.store.Backend().Open(context.Background(), ttl)
	if err != nil {
		return ""
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.given = append(w.given, s.ID())
	return s.ID()
}

// Begin implements [World].
func (w *Memory) Begin(f Fault) {
	switch f.Kind { //nolint:exhaustive // the other faults are a link's
	case Crash, CrashReset:
		w.down.down.Add(1)
	case DestroyLease:
		ids := w.store.Candidates(simulated)
		if f.Arg%2 != 0 {
			ids = w.store.Sessions()
		}
		if len(ids) > 0 {
			at := 0
			if f.Arg%2 != 0 {
				at = int(f.Arg) % len(ids)
			}
			w.store.DestroySession(ids[at])
		}
	case DeleteKey:
		w.store.DeleteKey(simulated)
	case Overwrite:
		w.store.Put(simulated, scribble(f))
	default:
		w.links[f.Member].Begin(f)
	}
}

// scribble is what an operator writes.
func scribble(f Fault) []byte {
	switch f.Arg % 4 {
	case 0:
		return nil
	case 1:
		return []byte("not a vote")
	case 2:
		return leadership.Vote{ServiceName: "somebody", ServiceID: "else"}.Encode()
	default:
		return leadership.Vote{SessionID: "session-1", ServiceName: "somebody", ServiceID: "else"}.Encode()
	}
}

// End implements [World].
func (w *Memory) End(f Fault) {
	switch f.Kind { //nolint:exhaustive // the other faults are a link's
	case Crash, CrashReset:
		if w.down.down.Load() > 0 { // else all are healed
			w.down.down.Add(-1)
		}
		if f.Kind == CrashReset {
			b := w.store.Backend()
			for _, id := range w.store.Sessions() {
				_, _ = b.Attach(context.Background(), id, 0) // renews it
			}
		}
	default:
		w.links[f.Member].End(f)
	}
}

// Heal implements [World].
func (w *Memory) Heal() {
	w.down.down.Store(0)
	for _, l := range w.links {
		l.Heal()
	}
	if w.store.Holder(simulated).Session == "" {
		w.store.DeleteKey(simulated) // what an operator wrote there may be no vote
	}
}

// Left implements [World].
func (w *Memory) Left() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	given := func(id string) bool { return slices.Contains(w.given, id) }
	left := append(w.store.Sessions(), w.store.Candidates(simulated)...)
	return slices.DeleteFunc(left, given)
}

// Close implements [World].
func (w *Memory) Close() {
	for _, l := range w.links {
		l.Close()
	}
	for _, id := range w.store.Sessions() {
		w.store.DestroySession(id)
	}
}

// Passed is how many requests and answers went over all links.
func (w *Memory) Passed() int { return int(w.passed.Load()) }
