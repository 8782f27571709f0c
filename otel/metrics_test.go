package leadershipotel_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/leadership-go/leadership"
)

func TestWhoLeads(t *testing.T) {
	bubble(t, "one leads, and after Resign the other one", func(t *testing.T) {
		l := newLab(t)
		a, b := l.member(t, "app", "a"), l.member(t, "app", "b")
		l.expect(t, 1, "leadership.leading", "leadership.instance", "a", "leadership.key", "services/app/leader", "leadership.service", "app")
		l.expect(t, 0, "leadership.leading", "leadership.instance", "b")
		first := a.Term().Token()
		for _, id := range []string{"a", "b"} {
			l.expect(t, float64(first), "leadership.term", "leadership.instance", id)
		}
		if err := a.Resign(t.Context()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		l.expect(t, 0, "leadership.leading", "leadership.instance", "a")
		l.expect(t, 1, "leadership.leading", "leadership.instance", "b")
		time.Sleep(10 * time.Second)
		synctest.Wait()
		second := b.Term().Token()
		if second <= first {
			t.Fatalf("term %d follows %d", second, first)
		}
		for _, id := range []string{"a", "b"} {
			l.expect(t, float64(second), "leadership.term", "leadership.instance", id)
		}
		_, _ = a.Close(), b.Close()
	})
	bubble(t, "nothing of a member that is closed is asked for any more, and what was counted stays", func(t *testing.T) {
		l := newLab(t)
		a, b := l.member(t, "app", "a"), l.member(t, "app", "b")
		_ = a.Close()
		synctest.Wait()
		all := l.metrics(t)
		for _, name := range []string{"leadership.leading", "leadership.term", "leadership.margin"} {
			left := points(all[name])
			if len(left) != 1 || !has(left[0].attributes, []string{"leadership.instance", "b"}) {
				t.Errorf("%s: %v", name, left)
			}
		}
		l.expect(t, 1, "leadership.transitions", "leadership.instance", "a", "leadership.reason", "closed")
		_ = b.Close()
	})
	bubble(t, "in single mode, too", func(t *testing.T) {
		l := newLab(t)
		m := l.build(t, leadership.NewClusterFactory(nil).Mode(leadership.ModeSingle))
		synctest.Wait()
		l.expect(t, 1, "leadership.leading", "leadership.key", "services/cluster-app/leader")
		_ = m.Close()
	})
}

func TestMargin(t *testing.T) {
	bubble(t, "it falls from TTL less drift until a proof, and is 0 without a term", func(t *testing.T) {
		const lease = 15 - 0.75 // seconds
		l := newLab(t)
		f, link := l.link("app", "a")
		m := l.build(t, f)
		time.Sleep(5 * time.Second) // the boot clock does not know of the bubble: let the other one be ahead
		l.expect(t, lease-5, "leadership.margin")
		time.Sleep(5 * time.Second) // a proof after 7 s
		l.expect(t, lease-3, "leadership.margin")
		margins := l.value(t, "leadership.renewal.margin")
		if margins.value != 1 || margins.sum != lease-7 {
			t.Errorf("%v renewals with %v s left, want 1 with %v", margins.value, margins.sum, lease-7)
		}
		link.Disconnect()
		time.Sleep(ttl)
		synctest.Wait()
		l.expect(t, 0, "leadership.margin")
		l.expect(t, 0, "leadership.leading")
		l.expect(t, 1, "leadership.transitions", "leadership.reason", "expired")
		if n := l.value(t, "leadership.renewal.margin").value; n != 1 {
			t.Errorf("%v renewals had a margin after the link was cut", n)
		}
		link.Reconnect()
		_ = m.Close()
	})
	bubble(t, "a renewal of a member that waits has none", func(t *testing.T) {
		l := newLab(t)
		a, b := l.member(t, "app", "a"), l.member(t, "app", "b")
		time.Sleep(time.Minute)
		for _, p := range points(l.metrics(t)["leadership.renewal.margin"]) {
			if has(p.attributes, []string{"leadership.instance", "b"}) {
				t.Errorf("a candidate has %v", p)
			}
		}
		_, _ = a.Close(), b.Close()
	})
}

func TestTransitionsAndErrorsStartAtZero(t *testing.T) {
	bubble(t, "so that the first one shows as a rise", func(t *testing.T) {
		l := newLab(t)
		f, link := l.link("app", "a")
		link.Disconnect()
		m := l.build(t, f)
		synctest.Wait()
		l.expect(t, 0, "leadership.transitions", "leadership.edge", "elected.first", "leadership.reason", "")
		for _, reason := range []string{"expired", "key_lost", "session_lost", "resigned", "work_failed", "stood_down", "unhealthy", "closed"} {
			l.expect(t, 0, "leadership.transitions", "leadership.edge", "relegation", "leadership.reason", reason)
		}
		for _, kind := range []string{
			"denied", "session_lost", "key_conflict", "malformed_vote", "unhealthy", "work_failed", "work_overran", "timeout", "transient",
		} {
			l.expect(t, 0, "leadership.errors", "error.type", kind)
		}
		link.Reconnect()
		_ = m.Close()
	})
}

func TestCallsToTheStore(t *testing.T) {
	bubble(t, "each is timed, by operation and outcome", func(t *testing.T) {
		const slow = 300 * time.Millisecond
		l := newLab(t)
		var f fault
		refuse := func(ctx context.Context) error {
			select {
			case <-time.After(slow):
				return errors.New("no quorum")
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
		factory, _ := l.link("app", "a")
		m := l.build(t, factory.Wrap(f.within))
		time.Sleep(10 * time.Second)
		l.expect(t, 1, "leadership.store.operation.duration", "leadership.operation", "open", "error.type", "")
		l.expect(t, 1, "leadership.store.operation.duration", "leadership.operation", "campaign", "error.type", "")
		l.expect(t, 1, "leadership.store.operation.duration", "leadership.operation", "renew", "error.type", "")
		f.renew.Store(&refuse)
		time.Sleep(5 * time.Second)
		failed := l.value(t, "leadership.store.operation.duration", "leadership.operation", "renew", "error.type", "transient")
		if failed.value < 1 || failed.sum < failed.value*0.299 || failed.sum > failed.value*0.301 {
			t.Errorf("%v failed renewals took %v s in all, not %v each", failed.value, failed.sum, slow)
		}
		l.expect(t, 1, "leadership.errors", "error.type", "transient")
		f.renew.Store(nil)
		time.Sleep(5 * time.Second)
		_ = m.Close()
		l.expect(t, 1, "leadership.store.operation.duration", "leadership.operation", "resign", "error.type", "")
		l.expect(t, 1, "leadership.store.operation.duration", "leadership.operation", "close", "error.type", "")
	})
	bubble(t, "one that hangs is a timeout, one that is called off is cancelled", func(t *testing.T) {
		l := newLab(t)
		f, link := l.link("app", "a")
		m := l.build(t, f)
		time.Sleep(5 * time.Second)
		link.Disconnect()
		time.Sleep(6 * time.Second) // a renewal since 7 s, limited to 3.625 s
		synctest.Wait()
		l.expect(t, 1, "leadership.store.operation.duration", "leadership.operation", "renew", "error.type", "timeout")
		go func() { _ = m.Resign(t.Context()) }()
		synctest.Wait()
		l.expect(t, 1, "leadership.store.operation.duration", "leadership.operation", "renew", "error.type", "cancelled")
		link.Reconnect()
		_ = m.Close()
	})
}

func TestNoSessionIDsInMetrics(t *testing.T) {
	bubble(t, "after two terms on two sessions there are as many series as after one", func(t *testing.T) {
		l := newLab(t)
		m := l.member(t, "app", "a")
		count := func() (n int) {
			for _, metric := range l.metrics(t) {
				n += len(points(metric))
			}
			return n
		}
		cycle := func() {
			if err := m.Resign(t.Context()); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Minute)
		}
		cycle()
		before := count()
		cycle()
		if after := count(); after != before || before == 0 {
			t.Errorf("%d series, and %d a term later", before, after)
		}
		_ = m.Close()
	})
}

func TestTemporality(t *testing.T) {
	bubble(t, "counters only rise, and leading is a sum that falls as well", func(t *testing.T) {
		l := newLab(t)
		m := l.member(t, "app", "a")
		all := l.metrics(t)
		for name, monotonic := range map[string]bool{"leadership.leading": false, "leadership.transitions": true, "leadership.errors": true} {
			sum, ok := all[name].Data.(metricdata.Sum[int64])
			if !ok || sum.IsMonotonic != monotonic || sum.Temporality != metricdata.CumulativeTemporality {
				t.Errorf("%s is %T %+v", name, all[name].Data, sum)
			}
		}
		_ = m.Close()
	})
}
