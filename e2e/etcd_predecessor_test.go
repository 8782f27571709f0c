package e2e

import (
	"testing"
	"time"

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
	if o := etcdLead(t, heir, "past"); !o.Resigned || o.Previous != leader.ID() {
		t.Errorf("resigned %v, previous %q; led %q", o.Resigned, o.Previous, leader.ID())
	}
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
	if o := etcdLead(t, slow, "earlier"); o.Resigned || o.Previous != next.ID() {
		t.Errorf("P1: resigned %v, previous %q; %q led last, %q before", o.Resigned, o.Previous, next.ID(), leader.ID())
	}
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
	if o := etcdLead(t, slow, "withdrew"); o.Resigned || o.Previous != leader.ID() {
		t.Errorf("P1: resigned %v, previous %q; %q led last", o.Resigned, o.Previous, leader.ID())
	}
}
