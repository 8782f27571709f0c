package e2e

import (
	"slices"
	"strings"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/e2e/etcdserver"
)

// An attached lease lives on after a transfer. Where candidates were passed over, the heir must still learn that the leader resigned, or it waits for a TTL.
func TestEtcdTransferOfAnAttachedSessionPastOthersShows(t *testing.T) {
	t.Parallel()
	store := startEtcd(t, etcdserver.Options{})
	grant, err := store.client.Grant(etcdSoon(t), 60)
	if err != nil {
		t.Fatal(err)
	}
	b, first := store.candidate(t, time.Minute)
	_, heir := store.candidate(t, time.Minute)
	leader, err := b.Attach(etcdSoon(t), leaseHex(grant.ID), time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	etcdLead(t, leader, "past")
	etcdCampaign(t, first, "past")
	watch := etcdWatching(t, heir, "past", etcdCampaign(t, heir, "past"))
	vote := leadership.Vote{SessionID: heir.ID(), ServiceName: "e2e", ServiceID: heir.ID()}
	if err := leader.Transfer(etcdSoon(t), "past", etcdSign(), vote); err != nil {
		t.Fatal(err)
	}
	if err := etcdReturns(t, watch, "the transfer"); err != nil {
		t.Fatal(err)
	}
	etcdHeld(t, etcdLead(t, heir, "past"), true)
}

// etcdLine has four sessions stand, one after the other.
func etcdLine(t *testing.T, store *etcdStore, key string) (leader, next, ahead, slow leadership.Session) {
	t.Helper()
	var line [4]leadership.Session
	for i := range line {
		_, line[i] = store.candidate(t, time.Minute)
		etcdCampaign(t, line[i], key)
	}
	return line[0], line[1], line[2], line[3]
}

// The one right ahead withdraws, the leader resigns, the next one leads and loses its key to an operator, all before a slow waiter looks again: it must not
// take the resignation of the one before for that of the last holder, who may believe.
func TestEtcdResignationOfAnEarlierHolderIsNotThatOfTheLast(t *testing.T) {
	t.Parallel()
	store := startEtcd(t, etcdserver.Options{})
	leader, next, ahead, slow := etcdLine(t, store, "earlier")
	seen := etcdCampaign(t, slow, "earlier")
	if err := ahead.Resign(etcdSoon(t), "earlier", nil); err != nil {
		t.Fatal(err)
	}
	if err := leader.Resign(etcdSoon(t), "earlier", etcdSign()); err != nil {
		t.Fatal(err)
	}
	etcdLead(t, next, "earlier")
	if err := store.deleteKey(etcdSoon(t), "earlier"); err != nil {
		t.Fatal(err)
	}
	if err := slow.Watch(etcdSoon(t), "earlier", seen); err != nil {
		t.Fatal(err)
	}
	etcdHeld(t, etcdLead(t, slow, "earlier"), false, next)
}

// The leader loses its key to an operator while both who stand next withdraw. It may believe on, and they can't.
func TestEtcdWhoWithdrewIsNotTakenForTheLastHolder(t *testing.T) {
	t.Parallel()
	store := startEtcd(t, etcdserver.Options{})
	leader, next, ahead, slow := etcdLine(t, store, "withdrew")
	seen := etcdCampaign(t, slow, "withdrew")
	for _, s := range []leadership.Session{ahead, next} {
		if err := s.Close(etcdSoon(t)); err != nil {
			t.Fatal(err)
		}
	}
	if err := store.deleteKey(etcdSoon(t), "withdrew"); err != nil {
		t.Fatal(err)
	}
	if err := slow.Watch(etcdSoon(t), "withdrew", seen); err != nil {
		t.Fatal(err)
	}
	etcdHeld(t, etcdLead(t, slow, "withdrew"), false, leader)
}

// A session that stands again after an operator deleted its key is no earlier holder to those who stand before it then, if it was a waiter. If it led, it is, even where a request
// comes late that has it stand again: it may not know yet that it was deposed.
func TestEtcdWhoStandsAgainAfterADeletion(t *testing.T) {
	t.Parallel()
	store := startEtcd(t, etcdserver.Options{})
	key := "again"
	deleteOf := func(t *testing.T, s leadership.Session) {
		t.Helper()
		if _, err := store.client.Delete(etcdSoon(t), key+"/"+s.ID()); err != nil {
			t.Fatal(err)
		}
	}
	leader, next, waiter, last := etcdLine(t, store, key)
	deleteOf(t, waiter)
	etcdCampaign(t, waiter, key) // now behind the last one
	deleteOf(t, leader)
	etcdCampaign(t, leader, key)
	etcdHeld(t, etcdLead(t, next, key), false, leader)
	if err := next.Resign(etcdSoon(t), key, etcdSign()); err != nil {
		t.Fatal(err)
	}
	etcdHeld(t, etcdLead(t, last, key), false, leader) // it has watched nothing that would tell of the resignation
	if err := leader.Resign(etcdSoon(t), key, nil); err != nil {
		t.Fatal(err)
	}
	if err := last.Close(etcdSoon(t)); err != nil {
		t.Fatal(err)
	}
	etcdHeld(t, etcdLead(t, waiter, key), false)
	for _, s := range []leadership.Session{next, waiter} {
		if err := s.Resign(etcdSoon(t), key, nil); err != nil {
			t.Fatal(err)
		}
	}
	left, err := store.client.Get(etcdSoon(t), key, clientv3.WithPrefix(), clientv3.WithKeysOnly())
	if err != nil || len(left.Kvs) > 1 || len(left.Kvs) == 1 && !strings.HasSuffix(string(left.Kvs[0].Key), "/resigned") {
		t.Errorf("%v, %v; want nothing, or a sign", left, err)
	}
}

// Other clients see candidates below the election's prefix, and nothing else that is not gone with them.
func TestEtcdTracesAreNoCandidates(t *testing.T) {
	t.Parallel()
	store := startEtcd(t, etcdserver.Options{})
	_, leader := store.candidate(t, time.Minute)
	etcdLead(t, leader, "plain")
	below, err := store.client.Get(etcdSoon(t), "plain/", clientv3.WithPrefix(), clientv3.WithKeysOnly())
	if err != nil || len(below.Kvs) != 1 {
		t.Errorf("%v, %v; want the candidate's key alone", below, err)
	}
	all, err := store.client.Get(etcdSoon(t), "", clientv3.WithPrefix(), clientv3.WithKeysOnly())
	if err != nil || len(all.Kvs) != 2 || all.Kvs[0].Lease != all.Kvs[1].Lease {
		t.Errorf("%v, %v; want the candidate's key and its trace, on one lease", all, err)
	}
}

// Another client's candidate leaves no trace. A waiter that stood right behind it names it all the same.
func TestEtcdForeignLeaderWhoseKeyWasDeletedIsNamed(t *testing.T) {
	t.Parallel()
	store := startEtcd(t, etcdserver.Options{})
	_, leader := store.candidate(t, time.Minute)
	_, waiter := store.candidate(t, time.Minute)
	etcdLead(t, leader, "foreign")
	grant, err := store.client.Grant(etcdSoon(t), 60)
	if err != nil {
		t.Fatal(err)
	}
	peer := "foreign/" + leaseHex(grant.ID)
	if _, err := store.client.Put(etcdSoon(t), peer, "peer", clientv3.WithLease(grant.ID)); err != nil {
		t.Fatal(err)
	}
	etcdCampaign(t, waiter, "foreign")
	if err := leader.Resign(etcdSoon(t), "foreign", etcdSign()); err != nil {
		t.Fatal(err)
	}
	if _, err := store.client.Delete(etcdSoon(t), peer); err != nil { // it led, and may believe on
		t.Fatal(err)
	}
	if o := etcdLead(t, waiter, "foreign"); o.Resigned || !slices.Equal(o.Earlier, []string{leaseHex(grant.ID)}) {
		t.Errorf("resigned %v, earlier holders %q; want %x", o.Resigned, o.Earlier, grant.ID)
	}
}
