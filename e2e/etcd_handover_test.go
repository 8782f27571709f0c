package e2e

import (
	"context"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/e2e/etcdserver"
	"github.com/leadership-go/leadership/sources/etcd"
)

func TestEtcdHandover(t *testing.T) {
	t.Parallel()
	store := startEtcd(t, etcdserver.Options{})
	// three lets a leader and two waiters stand, and the first waiter watch.
	three := func(t *testing.T, key string) (leader, first, second leadership.Session, watch <-chan error) {
		t.Helper()
		_, leader = store.candidate(t, time.Minute)
		_, first = store.candidate(t, time.Minute)
		_, second = store.candidate(t, time.Minute)
		etcdLead(t, leader, key)
		watch = etcdWatching(t, first, key, etcdCampaign(t, first, key))
		etcdCampaign(t, second, key)
		return leader, first, second, watch
	}
	returns := func(t *testing.T, watch <-chan error, what string) {
		t.Helper()
		if err := etcdReturns(t, watch, what); err != nil {
			t.Fatal(err)
		}
	}

	for name, vote := range map[string][]byte{"a vote that names a session": []byte(`{"sessionId":"1","serviceName":"","serviceId":""}`), "nothing": nil, "no vote": []byte("bye")} {
		t.Run("leaving "+name+" behind is no sign", func(t *testing.T) {
			key := "no sign/" + name
			leader, first, _, watch := three(t, key)
			if err := leader.Resign(etcdSoon(t), key, vote); err != nil {
				t.Fatal(err)
			}
			returns(t, watch, "the leader resigned")
			etcdHeld(t, etcdLead(t, first, key), false) // who gives the key back believes no more
		})
	}

	t.Run("a sign is told to the next in line only, and as long as it holds the key", func(t *testing.T) {
		leader, first, second, watch := three(t, "sign")
		if err := leader.Resign(etcdSoon(t), "sign", etcdSign()); err != nil {
			t.Fatal(err)
		}
		returns(t, watch, "the leader resigned")
		for range 2 {
			etcdHeld(t, etcdLead(t, first, "sign"), true)
		}
		etcdHeld(t, etcdCampaign(t, second, "sign"), false)
		watch = etcdWatching(t, second, "sign", etcdCampaign(t, second, "sign"))
		if err := store.deleteKey(etcdSoon(t), "sign"); err != nil {
			t.Fatal(err)
		}
		returns(t, watch, "the key was deleted")
		etcdHeld(t, etcdLead(t, second, "sign"), false, first)
	})

	t.Run("a waiter that withdraws is not taken for a leader that resigned", func(t *testing.T) {
		leader, first, second, _ := three(t, "withdraw")
		watch := etcdWatching(t, second, "withdraw", etcdCampaign(t, second, "withdraw"))
		if err := first.Resign(etcdSoon(t), "withdraw", etcdSign()); err != nil {
			t.Fatal(err)
		}
		returns(t, watch, "the waiter before withdrew")
		if o := etcdCampaign(t, second, "withdraw"); o.Holder.Session != leader.ID() || o.Resigned {
			t.Errorf("%q holds the key, resigned %v", o.Holder.Session, o.Resigned)
		}
		watch = etcdWatching(t, second, "withdraw", etcdCampaign(t, second, "withdraw"))
		if err := store.destroySession(etcdSoon(t), leader.ID()); err != nil {
			t.Fatal(err)
		}
		returns(t, watch, "the leader's lease was revoked")
		etcdHeld(t, etcdLead(t, second, "withdraw"), false)
	})

	t.Run("the last holder is named when a waiter withdraws and the leader goes at the same time", func(t *testing.T) {
		leader, first, second, _ := three(t, "both")
		seen := etcdCampaign(t, second, "both")
		if err := first.Resign(etcdSoon(t), "both", nil); err != nil {
			t.Fatal(err)
		}
		if err := store.deleteKey(etcdSoon(t), "both"); err != nil {
			t.Fatal(err)
		}
		if err := second.Watch(etcdSoon(t), "both", seen); err != nil {
			t.Fatal(err)
		}
		etcdHeld(t, etcdLead(t, second, "both"), false, leader)
	})

	t.Run("all holders are named where a waiter saw only the first of them", func(t *testing.T) {
		leader, first, second, _ := three(t, "unseen")
		seen := etcdCampaign(t, second, "unseen")
		for _, s := range []leadership.Session{leader, first} {
			if o := etcdLead(t, s, "unseen"); o.Holder.Session != s.ID() {
				t.Fatal(o)
			}
			if err := store.deleteKey(etcdSoon(t), "unseen"); err != nil {
				t.Fatal(err)
			}
		}
		if err := second.Watch(etcdSoon(t), "unseen", seen); err != nil {
			t.Fatal(err)
		}
		etcdHeld(t, etcdLead(t, second, "unseen"), false, leader, first)
	})

	t.Run("a value that is put by hand where a sign would be is none", func(t *testing.T) {
		leader, first, _, watch := three(t, "hand")
		if _, err := store.client.Put(etcdSoon(t), "hand/"+leader.ID()+"/resigned", string(etcdSign())); err != nil {
			t.Fatal(err)
		}
		etcdStays(t, watch, "a key below the leader's")
		if err := store.deleteKey(etcdSoon(t), "hand"); err != nil {
			t.Fatal(err)
		}
		returns(t, watch, "the leader's key was deleted")
		etcdHeld(t, etcdLead(t, first, "hand"), false, leader)
	})

	t.Run("a sign is found where the one in between withdrew at the same time", func(t *testing.T) {
		leader, first, second, _ := three(t, "between")
		seen := etcdCampaign(t, second, "between")
		for _, s := range []leadership.Session{first, leader} {
			if err := s.Resign(etcdSoon(t), "between", etcdSign()); err != nil {
				t.Fatal(err)
			}
		}
		if err := second.Watch(etcdSoon(t), "between", seen); err != nil {
			t.Fatal(err)
		}
		etcdHeld(t, etcdLead(t, second, "between"), true)
	})

	t.Run("a sign is nobody's candidacy", func(t *testing.T) {
		_, leader := store.candidate(t, time.Minute)
		etcdLead(t, leader, "alone")
		if err := leader.Resign(etcdSoon(t), "alone", etcdSign()); err != nil {
			t.Fatal(err)
		}
		b, next := store.candidate(t, time.Minute)
		if o := etcdObserve(t, b, "alone"); o.Holder.Session != "" {
			t.Errorf("%q is observed", o.Holder.Session)
		}
		if list, err := b.Candidates(etcdSoon(t), "alone"); err != nil || len(list) != 0 {
			t.Errorf("%v, %v", list, err)
		}
		etcdLead(t, next, "alone")
		_, last := store.candidate(t, time.Minute)
		watch := etcdWatching(t, last, "alone", etcdCampaign(t, last, "alone"))
		if err := leader.Close(etcdSoon(t)); err != nil { // with the sign
			t.Fatal(err)
		}
		etcdStays(t, watch, "the end of an earlier leader's session")
		if err := next.Resign(etcdSoon(t), "alone", etcdSign()); err != nil {
			t.Fatal(err)
		}
		returns(t, watch, "the leader resigned")
		etcdHeld(t, etcdLead(t, last, "alone"), true)
	})

	t.Run("an attached session resigns visibly, and its lease lives on", func(t *testing.T) {
		grant, err := store.client.Grant(etcdSoon(t), 60)
		if err != nil {
			t.Fatal(err)
		}
		b, first := store.candidate(t, time.Minute)
		leader, err := b.Attach(etcdSoon(t), leaseHex(grant.ID), time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		etcdLead(t, leader, "attached")
		watch := etcdWatching(t, first, "attached", etcdCampaign(t, first, "attached"))
		if err := leader.Resign(etcdSoon(t), "attached", etcdSign()); err != nil {
			t.Fatal(err)
		}
		if err := leader.Close(etcdSoon(t)); err != nil {
			t.Fatal(err)
		}
		returns(t, watch, "an attached session resigned")
		if o := etcdLead(t, first, "attached"); !o.Resigned {
			t.Error("not shown")
		}
		if resp, err := store.client.Get(etcdSoon(t), "attached/", clientv3.WithPrefix(), clientv3.WithKeysOnly()); err != nil || len(resp.Kvs) != 1 {
			t.Errorf("%v is left, %v; etcd's own client would wait for the end of the attached lease", resp.Kvs, err)
		}
		if left, err := b.Lifetime(etcdSoon(t), leader.ID()); err != nil || left < 50*time.Second {
			t.Errorf("the attached lease has %v left, error %v", left, err)
		}
	})

	t.Run("a leader's key that a plain put took off its lease is lost, and removed by Resign", func(t *testing.T) {
		leader, first, _, watch := three(t, "put")
		b := etcd.NewBackend(store.client)
		held := etcdObserve(t, b, "put")
		own := etcdWatching(t, leader, "put", held)
		if err := store.overwrite(etcdSoon(t), "put", etcdSign()); err != nil {
			t.Fatal(err)
		}
		returns(t, own, "its key was overwritten")
		returns(t, watch, "the leader's key was overwritten")
		o := etcdObserve(t, b, "put")
		if o.Holder.Session == leader.ID() || o.Holder.Session == "" {
			t.Errorf("%q holds the overwritten key", o.Holder.Session)
		}
		if left, err := b.Lifetime(etcdSoon(t), o.Holder.Session); err != nil || left < 50*time.Second {
			t.Errorf("who lost the key may believe for %v, error %v; its lease lives", left, err)
		}
		watch = etcdWatching(t, first, "put", etcdCampaign(t, first, "put"))
		etcdStays(t, watch, "the leader has not gone yet")
		if err := leader.Resign(etcdSoon(t), "put", nil); err != nil {
			t.Fatal(err)
		}
		returns(t, watch, "the overwritten key was removed")
		if o := etcdLead(t, first, "put"); o.Resigned {
			t.Error("P1: a value that was put by hand is taken for the sign of a resignation")
		}
	})

	t.Run("an overwritten key whose lease is gone is removed by the next candidate", func(t *testing.T) {
		leader, first, second, _ := three(t, "orphan")
		if err := store.overwrite(etcdSoon(t), "orphan", []byte("by hand")); err != nil {
			t.Fatal(err)
		}
		if err := store.destroySession(etcdSoon(t), leader.ID()); err != nil {
			t.Fatal(err)
		}
		if n, _ := store.candidates(etcdSoon(t), "orphan"); n != 3 {
			t.Fatalf("%d candidates, so this shows nothing", n)
		}
		if o := etcdObserve(t, etcd.NewBackend(store.client), "orphan"); o.Holder.Session != "" {
			t.Errorf("%q is observed", o.Holder.Session)
		}
		if o := etcdCampaign(t, second, "orphan"); o.Holder.Session != first.ID() {
			t.Errorf("%q holds the key, want the first waiter %q", o.Holder.Session, first.ID())
		}
		etcdLead(t, first, "orphan")
	})

	t.Run("a waiter whose own key was overwritten stands again at the end of the line, once it reads the key", func(t *testing.T) {
		leader, first, second, _ := three(t, "waiter")
		if _, err := store.client.Put(etcdSoon(t), "waiter/"+first.ID(), "by hand"); err != nil {
			t.Fatal(err)
		}
		etcdCampaign(t, first, "waiter")
		if err := leader.Close(etcdSoon(t)); err != nil {
			t.Fatal(err)
		}
		etcdLead(t, second, "waiter")
		if err := second.Close(etcdSoon(t)); err != nil {
			t.Fatal(err)
		}
		etcdLead(t, first, "waiter")
	})
}

// BenchmarkEtcdHandover measures from the call of Resign to the moment at which the waiter knows that it may believe.
func BenchmarkEtcdHandover(b *testing.B) {
	c, err := etcdserver.Run(etcdserver.Options{Nodes: 3, Processes: true, Fsync: true})
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close() //nolint:errcheck // nothing depends on it
	client := c.Dial(b)
	backend := etcd.NewBackend(client)
	ctx := b.Context()
	open := func() leadership.Session {
		s, err := backend.Open(ctx, time.Minute)
		if err != nil {
			b.Fatal(err)
		}
		return s
	}
	for _, way := range []struct {
		name string
		sign []byte
	}{
		{"a sign, with the deletion", etcdSign()},
		{"the deletion, then asking for the lease until it is revoked", nil},
	} {
		b.Run(way.name, func(b *testing.B) {
			var took time.Duration
			for b.Loop() {
				leader, waiter := open(), open()
				if _, err := leader.Campaign(ctx, "bench", etcdVote(leader)); err != nil {
					b.Fatal(err)
				}
				seen, err := waiter.Campaign(ctx, "bench", etcdVote(waiter))
				if err != nil {
					b.Fatal(err)
				}
				done := make(chan error, 1)
				var believed time.Time
				go func() {
					err := believe(ctx, backend, waiter, leader.ID(), seen)
					believed = time.Now()
					done <- err
				}()
				time.Sleep(5 * time.Millisecond) // until the watch is in place
				start := time.Now()
				if err := leader.Resign(ctx, "bench", way.sign); err != nil {
					b.Fatal(err)
				}
				if err := leader.Close(ctx); err != nil {
					b.Fatal(err)
				}
				if err := <-done; err != nil {
					b.Fatal(err)
				}
				took += believed.Sub(start)
				if err := waiter.Close(ctx); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(took.Microseconds())/float64(b.N), "µs/handover")
		})
	}
}

// believe waits until the waiter holds the key and nobody before it can believe any more.
func believe(ctx context.Context, b leadership.Backend, waiter leadership.Session, before string, seen leadership.Observation) error {
	for seen.Holder.Session != waiter.ID() {
		if err := waiter.Watch(ctx, "bench", seen); err != nil {
			return err
		}
		var err error
		if seen, err = waiter.Campaign(ctx, "bench", etcdVote(waiter)); err != nil {
			return err
		}
	}
	for !seen.Resigned {
		left, err := b.Lifetime(ctx, before)
		if err != nil || left == 0 {
			return err
		}
	}
	return nil
}
