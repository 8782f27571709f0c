package leadership_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/sources/memory"
)

// patient is a member whose health the test decides.
type patient struct {
	candidate
	probe atomic.Pointer[leadership.HealthProbe]
	asked atomic.Int64
	heard chan struct{} // closed when somebody listens: what the first probe leads to must not come before
}

func (p *patient) is(probe leadership.HealthProbe) { p.probe.Store(&probe) }

func well(context.Context) error { return nil }

func sick(err error) leadership.HealthProbe { return func(context.Context) error { return err } }

// admit builds a member with a probe.
func admit(t *testing.T, store *memory.Store, cfg leadership.Config, first leadership.HealthProbe) *patient {
	t.Helper()
	p := &patient{heard: make(chan struct{})}
	p.is(first)
	link := store.Backend()
	m, err := leadership.NewClusterFactory(func(leadership.Config) (leadership.Backend, error) { return link, nil }).
		Configure(cfg).Health(func(ctx context.Context) error {
		p.asked.Add(1)
		<-p.heard
		return (*p.probe.Load())(ctx)
	}).Build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	p.candidate = candidate{m, link, record(t, m)}
	close(p.heard)
	t.Cleanup(func() { _ = m.Close() })
	synctest.Wait()
	return p
}

func TestHealth(t *testing.T) {
	broken := errors.New("no disk")
	bubble(t, "a member whose first probe succeeds stands at once", func(t *testing.T, store *memory.Store) {
		a := admit(t, store, leadership.Config{}, well)
		a.log.expect(t, elected...)
		time.Sleep(time.Minute + time.Second)
		if n := a.asked.Load(); n != 13 {
			t.Errorf("asked %d times in a minute, every 5 s", n)
		}
	})
	bubble(t, "a sick member does not stand, and nobody has to wait for it", func(t *testing.T, store *memory.Store) {
		a := admit(t, store, leadership.Config{}, sick(broken))
		time.Sleep(time.Minute)
		if a.IsLeader() || len(store.Sessions()) != 0 {
			t.Errorf("leads %v, sessions %v", a.IsLeader(), store.Sessions())
		}
		a.is(well)
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if !a.IsLeader() {
			t.Error("it is well and does not lead")
		}
	})
	bubble(t, "failure 9: a leader is relegated after three probes that failed, and another one follows at once", func(t *testing.T, store *memory.Store) {
		a := admit(t, store, leadership.Config{}, well)
		b := join(t, store, "b")
		a.log.news()
		a.is(sick(broken))
		time.Sleep(14 * time.Second)
		if !a.IsLeader() {
			t.Error("it gave up after two")
		}
		time.Sleep(time.Second)
		synctest.Wait()
		err := a.log.last(t, leadership.StatusRelegation).Err
		if a.IsLeader() || !b.IsLeader() || !errors.Is(err, leadership.ErrUnhealthy) || !errors.Is(err, broken) {
			t.Errorf("a leads %v, b %v, relegated for %v", a.IsLeader(), b.IsLeader(), err)
		}
		a.log.news()
		a.is(well)
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if got := store.Candidates(leaderKey); len(got) != 2 {
			t.Errorf("candidates %v", got)
		}
	})
	bubble(t, "probes that fail now and then change nothing", func(t *testing.T, store *memory.Store) {
		var n atomic.Int64
		a := admit(t, store, leadership.Config{}, func(context.Context) error {
			if n.Add(1)%3 == 0 {
				return nil
			}
			return broken
		})
		time.Sleep(time.Hour)
		if !a.IsLeader() || len(a.log.news()) < 300 {
			t.Error("it does not lead")
		}
	})
	bubble(t, "rise and fall are settings", func(t *testing.T, store *memory.Store) {
		a := admit(t, store, leadership.Config{Health: leadership.HealthConfig{Interval: time.Second, Rise: 3, Fall: 1}}, well)
		time.Sleep(1999 * time.Millisecond)
		if a.IsLeader() {
			t.Error("it leads after two")
		}
		time.Sleep(2 * time.Millisecond)
		if !a.IsLeader() {
			t.Error("it does not lead after three")
		}
		a.is(sick(broken))
		time.Sleep(time.Second)
		if a.IsLeader() {
			t.Error("it leads on")
		}
	})
	bubble(t, "a probe that hangs has failed, and is not asked again before it returns", func(t *testing.T, store *memory.Store) {
		a := admit(t, store, leadership.Config{}, well)
		release := make(chan struct{})
		a.is(func(context.Context) error { <-release; return nil })
		before := a.asked.Load()
		time.Sleep(time.Minute)
		if a.IsLeader() || a.asked.Load() != before+1 {
			t.Errorf("leads %v, asked %d times", a.IsLeader(), a.asked.Load()-before)
		}
		a.is(well)
		close(release)
		time.Sleep(10 * time.Second)
		if !a.IsLeader() {
			t.Error("it is well again")
		}
	})
	bubble(t, "a probe that panics has failed", func(t *testing.T, store *memory.Store) {
		a := admit(t, store, leadership.Config{}, func(context.Context) error { panic("oops") })
		time.Sleep(time.Minute)
		if a.IsLeader() {
			t.Error("it leads")
		}
		if _, ok := errors.AsType[*leadership.PanicError](a.log.last(t, leadership.StatusError).Err); !ok {
			t.Error("the panic is not told")
		}
	})
	bubble(t, "Close does not wait for a probe that hangs", func(t *testing.T, store *memory.Store) {
		release := make(chan struct{})
		a := admit(t, store, leadership.Config{}, func(context.Context) error { <-release; return nil })
		start := time.Now()
		if err := a.Close(); err != nil || time.Since(start) != 0 {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		close(release)
	})
}

func TestStandDown(t *testing.T) {
	bubble(t, "a leader makes room, hears who leads, and comes back", func(t *testing.T, store *memory.Store) {
		a, b := join(t, store, "a"), join(t, store, "b")
		a.log.news()
		if err := a.StandDown(t.Context(), time.Minute); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if a.IsLeader() || !b.IsLeader() {
			t.Errorf("a leads %v, b %v", a.IsLeader(), b.IsLeader())
		}
		a.log.expect(t, "notelected", "relegation", "notelected")
		if v := a.log.last(t, leadership.StatusNotElected).Vote; v == nil || v.ServiceID != "b" {
			t.Errorf("a heard of %v", v)
		}
		if err := b.Close(); err != nil {
			t.Error(err)
		}
		time.Sleep(59 * time.Second)
		if a.IsLeader() {
			t.Error("it stood all the same")
		}
		time.Sleep(2 * time.Second)
		if !a.IsLeader() {
			t.Error("it did not come back")
		}
	})
	bubble(t, "0 ends it", func(t *testing.T, store *memory.Store) {
		a := join(t, store, "a")
		if err := a.StandDown(t.Context(), time.Hour); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if err := a.StandDown(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if !a.IsLeader() {
			t.Error("it does not stand")
		}
	})
}
