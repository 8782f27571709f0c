package leadership_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/sources/memory"
)

// lowly is a backend whose reads of one key tell the lowest revision that there is, not that of the store at that moment.
type lowly struct{ *tally }

func (b lowly) Observe(ctx context.Context, key string) (leadership.Observation, error) {
	seen, err := b.tally.Observe(ctx, key)
	seen.Revision = 1
	return seen, err
}

func (b lowly) Attach(ctx context.Context, id string, ttl time.Duration) (leadership.Session, error) {
	s, err := b.tally.Attach(ctx, id, ttl)
	return lowlySession{s}, err
}

func (b lowly) Await(ctx context.Context, s leadership.Session, keys []string, since uint64) (map[string]uint64, uint64, error) {
	return b.tally.Await(ctx, s.(lowlySession).Session, keys, since)
}

type lowlySession struct{ leadership.Session }

func (s lowlySession) Campaign(ctx context.Context, key string, value []byte) (leadership.Observation, error) {
	seen, err := s.Session.Campaign(ctx, key, value)
	seen.Revision = 1
	return seen, err
}

// terse is a backend that names no key in a survey that is nobody's and was so at the last one; and whose watch hangs.
type terse struct {
	*tally
	held map[string]bool // at the last survey
	mu   *sync.Mutex
}

func (b terse) Survey(ctx context.Context, keys []string, since uint64) (map[string]uint64, uint64, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	changed, revision, err := b.tally.Survey(ctx, keys, since)
	for _, key := range keys {
		seen, err := b.Backend.Observe(ctx, key)
		if err != nil {
			return nil, 0, err
		}
		if held := seen.Holder.Session != ""; held || b.held[key] {
			b.held[key] = held
			continue
		}
		delete(changed, key)
	}
	return changed, revision, err
}

func (b terse) Await(ctx context.Context, _ leadership.Session, _ []string, since uint64) (map[string]uint64, uint64, error) {
	return nil, since, hang(ctx)
}

func TestAKeyThatWasTakenAndDeletedBetweenTwoSurveysIsNotTakenForHeld(t *testing.T) {
	bubble(t, "P6: though no survey names it, and no watch tells of it", func(t *testing.T, store *memory.Store) {
		c := assemble(t, store, "a", 3, func(f *leadership.ClusterFactory, _ *leadership.Config) {
			f.Wrap(func(_ leadership.Config, b leadership.Backend) leadership.Backend {
				return terse{b.(*tally), make(map[string]bool), new(sync.Mutex)}
			})
		})
		m := c.Members()[1]
		if err := m.StandDown(t.Context(), time.Minute); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute - time.Millisecond)
		for store.Holder("services/service-1/leader").Session == "" {
			time.Sleep(50 * time.Microsecond)
		}
		store.DeleteKey("services/service-1/leader") // an operator
		time.Sleep(15 * time.Second)
		if last := c.last("service-1", leadership.StatusRelegation); !errors.Is(last.Err, leadership.ErrKeyLost) {
			t.Errorf("it was relegated for %v, and leads %v", last.Err, m.IsLeader())
		}
	})
}

// TestReadsOfOneKeyCountAsOfTheLatestRevision has keys whose own revisions are below that of the store.
func TestReadsOfOneKeyCountAsOfTheLatestRevision(t *testing.T) {
	bubble(t, "while nothing changes no key is read by itself", func(t *testing.T, store *memory.Store) {
		wrapped := func(f *leadership.ClusterFactory, _ *leadership.Config) {
			f.Wrap(func(_ leadership.Config, b leadership.Backend) leadership.Backend { return lowly{b.(*tally)} })
		}
		a := assemble(t, store, "a", 12, wrapped)
		b := assemble(t, store, "b", 12, wrapped)
		time.Sleep(time.Minute)
		for range 2 {
			for _, c := range []*crowd{a, b} {
				c.tally.reads.Store(0)
				c.tally.awaits.Store(0)
			}
			time.Sleep(10 * time.Minute)
			for _, c := range []*crowd{a, b} {
				if reads, awaits := c.tally.reads.Load(), c.tally.awaits.Load(); reads > 0 || awaits > 200 {
					t.Errorf("%d reads of one key, %d waits", reads, awaits)
				}
			}
			if err := a.Members()[3].Resign(t.Context()); err != nil { // something changes
				t.Fatal(err)
			}
			time.Sleep(time.Minute)
			if !b.Members()[3].IsLeader() && !a.Members()[3].IsLeader() {
				t.Error("nobody leads")
			}
			synctest.Wait()
		}
	})
}
