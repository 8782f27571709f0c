package e2e

import (
	"context"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/leadership-go/leadership/e2e/etcdserver"
)

// What [etcdStore.line] leaves out has to be looked at, too: etcd's own client takes the sign for a candidate.
func TestEtcdAttachedSessionLeavesNoSign(t *testing.T) {
	t.Parallel()
	store := startEtcd(t, etcdserver.Options{})
	grant, err := store.client.Grant(etcdSoon(t), 60)
	if err != nil {
		t.Fatal(err)
	}
	b, _ := store.candidate(t, time.Minute)
	leader, err := b.Attach(etcdSoon(t), leaseHex(grant.ID), time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	etcdLead(t, leader, "nothing left")
	if err := leader.Resign(etcdSoon(t), "nothing left", etcdSign()); err != nil {
		t.Fatal(err)
	}
	resp, err := store.client.Get(etcdSoon(t), "nothing left/", clientv3.WithPrefix(), clientv3.WithKeysOnly())
	if err != nil || len(resp.Kvs) != 0 {
		t.Errorf("%v is left, %v", resp.Kvs, err)
	}
	election, _ := store.stock(t, "nothing left")
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if err := election.Campaign(ctx, "stock"); err != nil {
		t.Errorf("concurrency.Election is kept waiting: %v", err)
	}
}

// A sign that an attached session could not take back goes when it stands again.
func TestEtcdAttachedSessionThatStandsAgainTakesItsSignBack(t *testing.T) {
	t.Parallel()
	store := startEtcd(t, etcdserver.Options{})
	grant, err := store.client.Grant(etcdSoon(t), 60)
	if err != nil {
		t.Fatal(err)
	}
	sign := "again/" + leaseHex(grant.ID) + "/resigned"
	if _, err := store.client.Put(etcdSoon(t), sign, string(etcdSign()), clientv3.WithLease(grant.ID)); err != nil {
		t.Fatal(err)
	}
	b, _ := store.candidate(t, time.Minute)
	leader, err := b.Attach(etcdSoon(t), leaseHex(grant.ID), time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	etcdLead(t, leader, "again")
	if resp, err := store.client.Get(etcdSoon(t), sign); err != nil || len(resp.Kvs) != 0 {
		t.Errorf("%v is left, %v", resp.Kvs, err)
	}
}
