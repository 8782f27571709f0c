package leadershipotel_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/leadership-go/leadership"
)

func TestCoalescedMessages(t *testing.T) {
	bubble(t, "those of a named subscriber are counted, and of its successors added", func(t *testing.T) {
		l := newLab(t)
		m := l.member(t, "app", "a")
		if all := points(l.metrics(t)["leadership.messages.coalesced"]); len(all) != 0 {
			t.Errorf("nobody has a name: %v", all)
		}
		subscribe := func(name string) (sub *leadership.Subscription, release func()) {
			stop := make(chan struct{})
			sub = m.AsObservable().Subscribe(func(leadership.ElectionMessage) { <-stop }, leadership.Mailbox(4), l.telemetry.Subscriber(m, name))
			return sub, func() { close(stop) }
		}
		slow, release := subscribe("cache")
		quick := m.AsObservable().Subscribe(nil, l.telemetry.Subscriber(m, "audit"))
		time.Sleep(time.Hour)
		synctest.Wait()
		once := slow.Coalesced()
		if once == 0 {
			t.Fatal("nothing was coalesced")
		}
		l.expect(t, float64(once), "leadership.messages.coalesced", "leadership.subscriber", "cache", "leadership.instance", "a")
		l.expect(t, 0, "leadership.messages.coalesced", "leadership.subscriber", "audit")
		release()
		slow.Unsubscribe()
		once = slow.Coalesced()
		second, release := subscribe("cache")
		third, releaseThird := subscribe("cache")
		time.Sleep(time.Hour)
		synctest.Wait()
		want := once + second.Coalesced() + third.Coalesced()
		if second.Coalesced() == 0 || third.Coalesced() == 0 {
			t.Fatal("nothing was coalesced")
		}
		l.expect(t, float64(want), "leadership.messages.coalesced", "leadership.subscriber", "cache")
		release()
		releaseThird()
		_ = m.Close()
		synctest.Wait()
		if quick.Err() != nil || quick.Coalesced() != 0 {
			t.Errorf("%v, %d", quick.Err(), quick.Coalesced())
		}
		if all := points(l.metrics(t)["leadership.messages.coalesced"]); len(all) != 0 {
			t.Errorf("asked for after Close: %v", all)
		}
		reports := handled(t)
		<-m.AsObservable().Subscribe(nil, l.telemetry.Subscriber(m, "late")).Done()
		if reports.containing(`subscriber "late" belongs to no member`) != 1 {
			t.Errorf("reported of one after Close: %q", reports.all)
		}
	})
	bubble(t, "one of a member that is not measured is reported, and served all the same", func(t *testing.T) {
		reports := handled(t)
		l := newLab(t)
		f, _ := l.link("app", "a")
		m, err := f.Build(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var seen int
		sub := m.AsObservable().Subscribe(func(leadership.ElectionMessage) { seen++ }, l.telemetry.Subscriber(m, "cache"))
		time.Sleep(time.Second)
		_ = m.Close()
		<-sub.Done()
		if reports.containing(`subscriber "cache" belongs to no member`) != 1 || seen == 0 {
			t.Errorf("reported: %q; saw %d messages", reports.all, seen)
		}
	})
}
