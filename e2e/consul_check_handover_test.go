package e2e_test

import (
	"testing"
	"time"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/sources/consul"
)

// Where checks end sessions, that a session is gone says nothing about its holder. A resignation must say it, then, to whoever waits.
func TestConsulCheckResignationHandsOverAtOnce(t *testing.T) {
	t.Parallel()
	server := checkServer(t)
	cfg := newElection(calmTTL)
	cfg.Election.Frequency = time.Second
	a := enter(t, checkedAt(server.Addr, tcpCheck(newDoor(t).addr)), cfg, "a")
	a.await(t, leadership.StatusElectedFirst)
	b := enter(t, checkedAt(server.Addr, tcpCheck(newDoor(t).addr)), cfg, "b")
	b.await(t, leadership.StatusNotElected)
	handOver := func(how string, to *candidate, give func() error) {
		t.Helper()
		began := time.Now()
		if err := give(); err != nil {
			t.Fatal(err)
		}
		next := to.await(t, leadership.StatusElectedFirst)
		took := next.At.Sub(began)
		t.Logf("handover by %s: %v", how, took)
		if took > calmTTL/3 {
			t.Errorf("handover by %s took %v: the successor has waited for the end of a session", how, took)
		}
		time.Sleep(1500 * time.Millisecond) // who gave the key away stands again
	}
	handOver("Resign", b, func() error { return a.Resign(soon(t)) })
	handOver("TransferTo", a, func() error { return b.TransferTo(soon(t), "a") })
	handOver("Close", b, a.Close)
}

func TestConsulNodeChecksCostNoHandover(t *testing.T) {
	t.Parallel()
	server := checkServer(t)
	cfg := newElection(calmTTL)
	factory := func() *leadership.ClusterFactory {
		return consul.NewClusterFactory(consul.WithAddress(server.Addr), consul.WithNodeChecks("serfHealth"))
	}
	leader := enter(t, factory(), cfg, "0")
	leader.await(t, leadership.StatusElectedFirst)
	for n := range 10 {
		next := enter(t, factory(), cfg, string(rune('a'+n)))
		next.await(t, leadership.StatusNotElected)
		began := time.Now()
		if err := leader.Close(); err != nil {
			t.Fatal(err)
		}
		if took := next.await(t, leadership.StatusElectedFirst).At.Sub(began); took > calmTTL/3 {
			t.Fatalf("handover %d took %v", n, took)
		}
		leader = next
	}
}
