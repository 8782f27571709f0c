package e2e_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/e2e/consulserver"
	"github.com/leadership-go/leadership/e2e/internal/fault"
	"github.com/leadership-go/leadership/e2e/internal/probe"
	"github.com/leadership-go/leadership/sources/consul"
)

// A check that fails ends the session of a leader that works. Here the leader can't learn of it, and believes until its deadline.
func TestConsulCheckFailsUnderALeaderThatIsCutOff(t *testing.T) {
	t.Parallel()
	server := checkServer(t)
	for _, c := range []struct {
		sentence        string
		late, operators bool
	}{
		{"a waiter leads when the lock-delay is over", false, false},
		{"a candidate that comes only then does, too", true, false},
		{"a waiter that an operator lets have the key has no lock-delay, and waits by itself", false, true},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			t.Parallel()
			operator, cfg := server.Client(), newElection(slowCheckedTTL)
			link := must(fault.NewLink(server.Addr))(t)
			t.Cleanup(link.Close)
			sampling := probe.Sample()
			t.Cleanup(sampling.Stop)
			d := newDoor(t)
			leader := enter(t, checkedAt(link.Addr(), tcpCheck(d.addr)), cfg, "leader")
			believes := sampling.Of(leader.Member)
			first := leader.await(t, leadership.StatusElectedFirst)
			var other *candidate
			come := func() {
				other = enter(t, checkedAt(server.Addr, tcpCheck(newDoor(t).addr)), cfg, "other")
				other.await(t, leadership.StatusNotElected)
			}
			if !c.late {
				come()
			}
			leader.awaitProof(t)
			if err := link.Cut(fault.Both); err != nil {
				t.Fatal(err)
			}
			if c.operators {
				if _, err := operator.KV().Delete(cfg.Key(), nil); err != nil {
					t.Fatal(err)
				}
			}
			d.close(t)
			eventually(t, func(ctx context.Context) error {
				session, _, err := operator.Session().Info(first.Vote.SessionID, new(api.QueryOptions).WithContext(ctx))
				if err == nil && session != nil {
					err = errors.New("the session lives")
				}
				return err
			})
			ended := time.Now()
			if c.late {
				cfg.Election.Frequency = time.Second // it is told that nobody leads at that pace
				come()
			}
			second := other.await(t, leadership.StatusElectedFirst)
			old, err := believes.AwaitSpan(soon(t), first.Term, true)
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("after the session's end one believed for %v, and the other began after %v", old.Last.Sub(ended), second.At.Sub(ended))
			if !old.Last.After(ended) {
				t.Errorf("the leader stopped before its session ended: that proves nothing")
			}
			if !old.Over.Before(second.At) || second.Term <= first.Term {
				t.Errorf("term %d began at %v; term %d, from %v to %v, was not over", second.Term, second.At, first.Term, old.First, old.Over)
			}

			link.Heal(t.Context())
			leader.awaitText(t, "is in critical state")
			d.open(t)
			if err := other.Close(); err != nil {
				t.Error(err)
			}
			leader.await(t, leadership.StatusElectedFirst)
		})
	}
}

// Renewals pass a check with a TTL. A member that is cut off passes it no more.
func TestConsulCheckWithATTLEndsWithTheRenewals(t *testing.T) {
	t.Parallel()
	server := checkServer(t)
	cfg := newElection(checkedTTL)
	link := must(fault.NewLink(server.Addr))(t)
	t.Cleanup(link.Close)
	sampling := probe.Sample()
	t.Cleanup(sampling.Stop)
	check := api.AgentServiceCheck{TTL: checkedTTL.String()}
	leader, other := enter(t, checkedAt(link.Addr(), check), cfg, "leader"), (*candidate)(nil)
	believes := sampling.Of(leader.Member)
	first := leader.await(t, leadership.StatusElectedFirst)
	other = enter(t, checkedAt(server.Addr, check), cfg, "other")
	other.await(t, leadership.StatusNotElected)
	at := time.Now()
	if err := link.Cut(fault.Both); err != nil {
		t.Fatal(err)
	}
	second := other.await(t, leadership.StatusElectedFirst)
	if took := second.At.Sub(at); took > sooner {
		t.Errorf("it led after %v only", took)
	} else {
		t.Logf("it led after %v", took)
	}
	if old, err := believes.AwaitSpan(soon(t), first.Term, true); err != nil || !old.Over.Before(second.At) {
		t.Errorf("term %d began at %v; the one before: %+v, %v", second.Term, second.At, old, err)
	}
	link.Heal(t.Context())
	if err := other.Close(); err != nil {
		t.Error(err)
	}
	leader.await(t, leadership.StatusElectedFirst)
}

// A process that hangs still takes connections, but answers nothing.
func TestConsulCheckNoticesAProcessThatHangs(t *testing.T) {
	t.Parallel()
	server, d := checkServer(t), newDoor(t)
	check := api.AgentServiceCheck{HTTP: "http://" + d.addr, Interval: "1s"}
	leader := enter(t, checkedAt(server.Addr, check), newElection(checkedTTL), "node-1")
	leader.await(t, leadership.StatusElectedFirst)
	d.hangs.Store(true)
	leader.await(t, leadership.StatusRelegation)
	leader.awaitText(t, "is in critical state")
	d.hangs.Store(false)
	leader.await(t, leadership.StatusElectedFirst)
}

// What keeps the key from others when a check has ended a session is the lock-delay. These are the facts that the documentation tells about it.
func TestConsulLockDelay(t *testing.T) {
	t.Parallel()
	const long = 60 * time.Second
	for _, c := range []struct {
		sentence string
		servers  int
		befall   func(t *testing.T, servers []*consulserver.Server)
		delayed  bool
	}{
		{"outlives a change of the servers' leader", 3, func(t *testing.T, servers []*consulserver.Server) {
			cluster := &consulserver.Cluster{Servers: servers}
			leader := must(cluster.Leader(soon(t)))(t)
			if err := leader.Kill(); err != nil {
				t.Fatal(err)
			}
			if next := must(cluster.Leader(soon(t)))(t); next == leader {
				t.Fatalf("%s leads still", next.Node)
			}
		}, true},
		{"does not outlive the restoration of a snapshot", 1, func(t *testing.T, servers []*consulserver.Server) {
			operator := servers[0].Client()
			snapshot, _, err := operator.Snapshot().Save(nil)
			if err != nil {
				t.Fatal(err)
			}
			defer snapshot.Close() //nolint:errcheck // only read
			if err := operator.Snapshot().Restore(nil, snapshot); err != nil {
				t.Fatal(err)
			}
		}, false},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			t.Parallel()
			var servers []*consulserver.Server
			if c.servers == 1 {
				servers = []*consulserver.Server{checkServer(t)}
			} else {
				servers = consulserver.RunCluster(t, consulserver.Options{MinTTL: 10 * time.Second}).Servers
			}
			cfg, operator := newElection(long), servers[0].Client()
			id, _, err := operator.Session().CreateNoChecks(&api.SessionEntry{LockDelay: long, Behavior: api.SessionBehaviorDelete}, nil)
			if err != nil {
				t.Fatal(err)
			}
			if ok, _, err := operator.KV().Acquire(&api.KVPair{Key: cfg.Key(), Session: id}, nil); err != nil || !ok {
				t.Fatalf("acquire: %v, %v", ok, err)
			}
			if _, err := operator.Session().Destroy(id, nil); err != nil {
				t.Fatal(err)
			}
			c.befall(t, servers)
			eventually(t, func(ctx context.Context) error {
				for _, s := range servers {
					b, err := consul.NewBackend(leadership.ConsulConfig{}, consul.WithAddress(s.Addr))
					if err != nil {
						return err
					}
					defer b.Close() //nolint:errcheck // a client
					session, err := b.Open(ctx, long)
					if err != nil {
						continue // it is the one that was killed
					}
					o, err := session.Campaign(ctx, cfg.Key(), leadership.Vote{SessionID: session.ID()}.Encode())
					if err != nil {
						return err
					}
					if o.Delayed != c.delayed {
						t.Errorf("the key is %+v; want delayed: %v", o, c.delayed)
					}
					return nil
				}
				return errors.New("no server makes sessions")
			})
		})
	}
}
