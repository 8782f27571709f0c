package e2e

import (
	"context"
	"errors"
	"testing"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/e2e/etcdserver"
	"github.com/leadership-go/leadership/sources/etcd"
)

func TestEtcdWatch(t *testing.T) {
	t.Parallel()
	store := startEtcd(t, etcdserver.Options{})

	t.Run("failure 18: a leader's watch returns when its key is deleted", func(t *testing.T) {
		b, s := store.candidate(t, time.Minute)
		watch := etcdWatching(t, s, "deleted", etcdLead(t, s, "deleted"))
		if err := store.deleteKey(etcdSoon(t), "deleted"); err != nil {
			t.Fatal(err)
		}
		if err := etcdReturns(t, watch, "its key was deleted"); err != nil {
			t.Error(err)
		}
		if o := etcdObserve(t, b, "deleted"); o.Holder.Session != "" {
			t.Errorf("%q is observed", o.Holder.Session)
		}
	})

	t.Run("one handover wakes one waiter", func(t *testing.T) {
		_, leader := store.candidate(t, time.Minute)
		etcdLead(t, leader, "herd")
		var waiters []leadership.Session
		var watches []<-chan error
		for range 5 {
			_, w := store.candidate(t, time.Minute)
			waiters = append(waiters, w)
			watches = append(watches, etcdWatching(t, w, "herd", etcdCampaign(t, w, "herd")))
		}
		if err := leader.Resign(etcdSoon(t), "herd", etcdSign()); err != nil {
			t.Fatal(err)
		}
		if err := etcdReturns(t, watches[0], "the leader resigned"); err != nil {
			t.Fatal(err)
		}
		for _, w := range watches[1:] {
			etcdStays(t, w, "another waiter's turn came")
		}
		etcdLead(t, waiters[0], "herd")
		if err := waiters[2].Resign(etcdSoon(t), "herd", nil); err != nil {
			t.Fatal(err)
		}
		if err := etcdReturns(t, watches[3], "the waiter before withdrew"); err != nil {
			t.Fatal(err)
		}
		etcdCampaign(t, waiters[3], "herd")
		for _, w := range []<-chan error{watches[1], watches[4]} {
			etcdStays(t, w, "somebody else withdrew")
		}
	})

	t.Run("what happens between the read and the watch is not missed", func(t *testing.T) {
		_, leader := store.candidate(t, time.Minute)
		_, waiter := store.candidate(t, time.Minute)
		etcdLead(t, leader, "gap")
		seen := etcdCampaign(t, waiter, "gap")
		if err := leader.Resign(etcdSoon(t), "gap", etcdSign()); err != nil {
			t.Fatal(err)
		}
		if err := waiter.Watch(etcdSoon(t), "gap", seen); err != nil {
			t.Fatal(err)
		}
		etcdHeld(t, etcdLead(t, waiter, "gap"), true)
	})

	t.Run("a watch from a revision that was compacted returns, so that the key is read again", func(t *testing.T) {
		_, leader := store.candidate(t, time.Minute)
		_, waiter := store.candidate(t, time.Minute)
		held := etcdLead(t, leader, "compacted")
		seen := etcdCampaign(t, waiter, "compacted")
		for range 3 {
			if _, err := store.client.Put(etcdSoon(t), "other", "data"); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := store.client.Compact(etcdSoon(t), store.revision(t)); err != nil {
			t.Fatal(err)
		}
		for s, o := range map[leadership.Session]leadership.Observation{leader: held, waiter: seen} {
			if err := s.Watch(etcdSoon(t), "compacted", o); err != nil {
				t.Errorf("watch: %v", err)
			}
		}
		watch := etcdWatching(t, waiter, "compacted", etcdCampaign(t, waiter, "compacted"))
		etcdStays(t, watch, "a fresh read")
		if err := leader.Resign(etcdSoon(t), "compacted", nil); err != nil {
			t.Fatal(err)
		}
		if err := etcdReturns(t, watch, "the leader resigned"); err != nil {
			t.Error(err)
		}
	})

	t.Run("a compaction during a watch does no harm", func(t *testing.T) {
		_, leader := store.candidate(t, time.Minute)
		_, waiter := store.candidate(t, time.Minute)
		etcdLead(t, leader, "compacting")
		watch := etcdWatching(t, waiter, "compacting", etcdCampaign(t, waiter, "compacting"))
		if _, err := store.client.Put(etcdSoon(t), "other", "data"); err != nil {
			t.Fatal(err)
		}
		if _, err := store.client.Compact(etcdSoon(t), store.revision(t)); err != nil {
			t.Fatal(err)
		}
		etcdStays(t, watch, "a compaction")
		if err := leader.Resign(etcdSoon(t), "compacting", etcdSign()); err != nil {
			t.Fatal(err)
		}
		if err := etcdReturns(t, watch, "the leader resigned"); err != nil {
			t.Error(err)
		}
		if o := etcdLead(t, waiter, "compacting"); !o.Resigned {
			t.Error("the resignation was missed")
		}
	})

	t.Run("failure 20: a watch whose client is closed ends with an error, not in silence", func(t *testing.T) {
		client, err := store.newClient("", "", store.Endpoints()...)
		if err != nil {
			t.Fatal(err)
		}
		s, err := etcd.NewBackend(client).Open(etcdSoon(t), time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		watch := etcdWatching(t, s, "closed", etcdLead(t, s, "closed"))
		if err := client.Close(); err != nil {
			t.Fatal(err)
		}
		if err := etcdReturns(t, watch, "its client was closed"); err == nil || errors.Is(err, leadership.ErrSessionLost) {
			t.Errorf("error %v", err)
		}
		if err := s.Watch(etcdSoon(t), "closed", leadership.Observation{Holder: leadership.Holder{Session: s.ID()}}); err == nil {
			t.Error("a watch over a closed client: nil")
		}
		if err := store.destroySession(etcdSoon(t), s.ID()); err != nil {
			t.Error(err)
		}
	})
}

func TestEtcdRestart(t *testing.T) {
	t.Parallel()
	store := startEtcd(t, etcdserver.Options{Processes: true})
	_, leader := store.candidate(t, time.Minute)
	_, waiter := store.candidate(t, time.Minute)
	held := etcdLead(t, leader, "restart")
	watch := etcdWatching(t, waiter, "restart", etcdCampaign(t, waiter, "restart"))
	own := etcdWatching(t, leader, "restart", held)

	if err := store.Kill(0); err != nil {
		t.Fatal(err)
	}
	if err := leader.Renew(etcdBriefly(t, 200*time.Millisecond)); err == nil || errors.Is(err, leadership.ErrSessionLost) { // a dead connection says so, or nothing does in time
		t.Errorf("failure 4: renew while the store is down: %v", err)
	}
	if err := store.StartNode(0); err != nil {
		t.Fatal(err)
	}
	if err := store.Ready(); err != nil {
		t.Fatal(err)
	}
	if err := leader.Renew(etcdSoon(t)); err != nil {
		t.Errorf("renew after the restart: %v", err)
	}
	etcdStays(t, watch, "the store came back")
	etcdStays(t, own, "the store came back")
	if o := etcdLead(t, leader, "restart"); o.Holder.Token != held.Holder.Token {
		t.Errorf("failure 4: the token was %d and is %d after the restart", held.Holder.Token, o.Holder.Token)
	}

	// The store comes back without the revisions that the watches would go on from.
	if _, err := store.client.Put(etcdSoon(t), "other", "data"); err != nil {
		t.Fatal(err)
	}
	if err := leader.Resign(etcdSoon(t), "restart", etcdSign()); err != nil {
		t.Fatal(err)
	}
	if err := etcdReturns(t, watch, "the leader resigned after a restart"); err != nil {
		t.Errorf("watch: %v", err)
	}
	if o := etcdLead(t, waiter, "restart"); !o.Resigned {
		t.Error("the resignation was missed")
	}
}

func TestEtcdLosesItsMajority(t *testing.T) {
	t.Parallel()
	store := startEtcd(t, etcdserver.Options{Nodes: 3, Processes: true})
	b, leader := store.candidate(t, time.Minute)
	held := etcdLead(t, leader, "majority")

	first, err := store.Leader(etcdSoon(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Kill(first); err != nil {
		t.Fatal(err)
	}
	if err := store.Ready(); err != nil {
		t.Fatal(err)
	}
	if o := etcdObserve(t, b, "majority"); o.Holder.Session != leader.ID() || o.Holder.Token != held.Holder.Token {
		t.Errorf("failure 4: after the store's leader went, the key is held by %+v, before by %+v", o.Holder, held.Holder)
	}
	if err := leader.Renew(etcdSoon(t)); err != nil {
		t.Errorf("failure 4: renew after the store's leader went: %v", err)
	}

	second, err := store.Leader(etcdSoon(t))
	if err != nil {
		t.Fatal(err)
	}
	last := 3 - first - second
	near := etcd.NewBackend(store.Dial(t, store.Endpoints()[last]))
	waiter := store.open(t, near, time.Minute)
	seen := etcdCampaign(t, waiter, "majority")
	watch := etcdWatching(t, waiter, "majority", seen)
	if err := store.Pause(second); err != nil {
		t.Fatal(err)
	}
	etcdWaitFor(t, "the majority is lost", func() bool {
		_, err := near.Observe(etcdBriefly(t, 200*time.Millisecond), "majority")
		return err != nil
	})
	for what, call := range map[string]func(ctx context.Context) error{
		"renew": waiter.Renew,
		"campaign": func(ctx context.Context) error {
			_, err := waiter.Campaign(ctx, "majority", etcdVote(waiter))
			return err
		},
		"observe":  func(ctx context.Context) error { _, err := near.Observe(ctx, "majority"); return err },
		"lifetime": func(ctx context.Context) error { _, err := near.Lifetime(ctx, leader.ID()); return err },
	} {
		err := call(etcdBriefly(t, 300*time.Millisecond))
		if err == nil || errors.Is(err, leadership.ErrSessionLost) || errors.Is(err, leadership.ErrDenied) {
			t.Errorf("failure 21: %s without a majority: %v", what, err)
		}
	}
	if err := etcdReturns(t, watch, "the majority was lost"); !errors.Is(err, rpctypes.ErrNoLeader) {
		t.Errorf("failure 20: a watch at a server that is cut off from its cluster: %v", err)
	}
	if err := store.Resume(second); err != nil {
		t.Fatal(err)
	}
	if err := store.Ready(); err != nil {
		t.Fatal(err)
	}
	if err := leader.Renew(etcdSoon(t)); err != nil {
		t.Errorf("renew after the majority came back: %v", err)
	}
	if o := etcdObserve(t, near, "majority"); o.Holder.Session != leader.ID() || o.Holder.Token != held.Holder.Token {
		t.Errorf("after the majority came back, the key is held by %+v", o.Holder)
	}
}
