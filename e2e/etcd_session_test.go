package e2e

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/e2e/etcdserver"
	"github.com/leadership-go/leadership/sources/etcd"
)

// throughCable is a backend whose link can fail.
func (s *etcdStore) throughCable(t *testing.T) (leadership.Backend, *cable) {
	t.Helper()
	c, err := newCable(t.Context(), strings.TrimPrefix(s.Endpoints()[0], "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	client, err := s.newClient("", "", c.Endpoint("http"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	b := etcd.NewBackend(client)
	etcdObserve(t, b, "warm up the connection")
	return b, c
}

func etcdBriefly(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

func TestEtcdSessions(t *testing.T) {
	t.Parallel()
	store := startEtcd(t, etcdserver.Options{})

	t.Run("failure 13: attempts to open a session whose answers are lost leave at most one lease", func(t *testing.T) {
		before, err := store.sessions(etcdSoon(t))
		if err != nil {
			t.Fatal(err)
		}
		b, c := store.throughCable(t)
		c.Mute()
		for range 15 {
			if s, err := b.Open(etcdBriefly(t, 50*time.Millisecond), time.Minute); !errors.Is(err, context.DeadlineExceeded) {
				t.Fatalf("open without an answer: %v, %v", s, err)
			}
		}
		left, err := store.sessions(etcdSoon(t))
		if err != nil {
			t.Fatal(err)
		}
		if left-before != 1 {
			t.Errorf("%d leases are left", left-before)
		}
		c.Reset()
		etcdObserve(t, b, "reconnected")
		s := store.open(t, b, time.Minute)
		if n, _ := store.sessions(etcdSoon(t)); n-before != 1 {
			t.Errorf("%d leases are left after the one that was opened", n-before)
		}
		if left, err := b.Lifetime(etcdSoon(t), s.ID()); err != nil || left <= 58*time.Second {
			t.Errorf("the session has %v left, error %v", left, err)
		}
	})

	t.Run("failure 16: a candidacy whose answer was lost is withdrawn by Resign", func(t *testing.T) {
		b, c := store.throughCable(t)
		s := store.open(t, b, time.Minute)
		c.Mute()
		if _, err := s.Campaign(etcdBriefly(t, 100*time.Millisecond), "lost", etcdVote(s)); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("campaign without an answer: %v", err)
		}
		if n, err := store.candidates(etcdSoon(t), "lost"); n != 1 || err != nil {
			t.Fatalf("%d candidates, error %v: the attempt did not get through, so this shows nothing", n, err)
		}
		c.Reset()
		etcdObserve(t, b, "reconnected")
		if err := s.Resign(etcdSoon(t), "lost", etcdSign()); err != nil {
			t.Fatal(err)
		}
		if n, err := store.candidates(etcdSoon(t), "lost"); n != 0 || err != nil {
			t.Errorf("%d candidates are left, error %v", n, err)
		}
	})

	t.Run("a candidacy whose answer was lost is found again by the next Campaign", func(t *testing.T) {
		b, c := store.throughCable(t)
		s := store.open(t, b, time.Minute)
		c.Mute()
		_, _ = s.Campaign(etcdBriefly(t, 100*time.Millisecond), "found", etcdVote(s))
		line, err := store.client.Get(etcdSoon(t), "found/"+s.ID())
		if err != nil || len(line.Kvs) != 1 {
			t.Fatalf("the attempt did not get through, so this shows nothing: %v, %v", line, err)
		}
		c.Reset()
		etcdObserve(t, b, "reconnected")
		if o := etcdLead(t, s, "found"); o.Holder.Token != uint64(line.Kvs[0].CreateRevision) {
			t.Errorf("the token is %d, the candidacy began at %d", o.Holder.Token, line.Kvs[0].CreateRevision)
		}
	})

	t.Run("failure 14 and 15: a waiter whose lease was revoked learns it, and is never told that it holds", func(t *testing.T) {
		_, leader := store.candidate(t, time.Minute)
		b, waiter := store.candidate(t, time.Minute)
		etcdLead(t, leader, "revoked")
		seen := etcdCampaign(t, waiter, "revoked")
		watch := etcdWatching(t, waiter, "revoked", seen)
		if err := store.destroySession(etcdSoon(t), waiter.ID()); err != nil {
			t.Fatal(err)
		}
		if err := waiter.Renew(etcdSoon(t)); !errors.Is(err, leadership.ErrSessionLost) {
			t.Errorf("the renewal: %v", err)
		}
		if err := leader.Resign(etcdSoon(t), "revoked", nil); err != nil {
			t.Fatal(err)
		}
		if err := etcdReturns(t, watch, "the leader resigned"); err != nil {
			t.Errorf("the watch: %v", err)
		}
		if o, err := waiter.Campaign(etcdSoon(t), "revoked", etcdVote(waiter)); !errors.Is(err, leadership.ErrSessionLost) {
			t.Errorf("campaign with a dead lease: %+v, %v", o, err)
		}
		if o := etcdObserve(t, b, "revoked"); o.Holder.Session != "" {
			t.Errorf("%q holds the key", o.Holder.Session)
		}
		again := store.open(t, b, time.Minute)
		etcdLead(t, again, "revoked")
	})

	t.Run("failure 21: a session that is renewed well shows nothing of a key that is gone; the read does", func(t *testing.T) {
		b, s := store.candidate(t, time.Minute)
		etcdLead(t, s, "gone")
		if err := store.deleteKey(etcdSoon(t), "gone"); err != nil {
			t.Fatal(err)
		}
		if err := s.Renew(etcdSoon(t)); err != nil {
			t.Errorf("renew: %v", err)
		}
		if o := etcdObserve(t, b, "gone"); o.Holder.Session != "" {
			t.Errorf("%q is observed", o.Holder.Session)
		}
	})

	t.Run("the granted TTL counts, in whole seconds", func(t *testing.T) {
		b := etcd.NewBackend(store.Dial(t))
		for ttl, want := range map[time.Duration]time.Duration{
			time.Millisecond: time.Second, time.Second: time.Second, 1500 * time.Millisecond: 2 * time.Second, time.Hour: time.Hour,
		} {
			if s := store.open(t, b, ttl); s.TTL() != want {
				t.Errorf("a TTL of %v was granted as %v", ttl, s.TTL())
			}
		}
		if _, err := b.Open(etcdSoon(t), 0); !errors.Is(err, leadership.ErrInvalidConfig) {
			t.Errorf("a TTL of 0: %v", err)
		}
	})

	t.Run("a lifetime is never shorter than what is left, nor longer than the TTL", func(t *testing.T) {
		b, s := store.candidate(t, 5*time.Second)
		if left, err := b.Lifetime(etcdSoon(t), s.ID()); err != nil || left != 5*time.Second {
			t.Errorf("right after Open: %v, %v", left, err)
		}
		for _, id := range []string{"1", "no lease", "", "ffffffffffffffffff"} {
			if left, err := b.Lifetime(etcdSoon(t), id); err != nil || left != 0 {
				t.Errorf("%q: %v, %v", id, left, err)
			}
		}
	})

	t.Run("a fenced write goes through during the term only", func(t *testing.T) {
		_, s := store.candidate(t, time.Minute)
		held := etcdLead(t, s, "fenced")
		write := func() bool {
			resp, err := store.client.Txn(etcdSoon(t)).If(etcd.FenceToken("fenced", s.ID(), held.Holder.Token)).Then(clientv3.OpPut("guarded", "x")).Commit()
			if err != nil {
				t.Fatal(err)
			}
			return resp.Succeeded
		}
		if !write() {
			t.Error("refused during the term")
		}
		if err := s.Resign(etcdSoon(t), "fenced", etcdSign()); err != nil {
			t.Fatal(err)
		}
		etcdLead(t, s, "fenced")
		if write() {
			t.Error("went through with the token of the term before")
		}
	})
}
