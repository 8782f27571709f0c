package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/hashicorp/consul/api"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/concurrency"
	"go.uber.org/zap"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/e2e/internal/stores"
)

// startKind starts one server of the named kind.
func startKind[S stores.Store](t *testing.T, name string) (s S) {
	t.Helper()
	for _, starter := range stores.All() {
		if starter.Name == name {
			return startStore(t, starter, stores.Options{}).(S)
		}
	}
	t.Fatalf("no store %s", name)
	return s
}

// javaVote is what Jackson makes of a vote of the Java library leadership-consul.
func javaVote(session, service, id string) string {
	return fmt.Sprintf(`{"sessionId":"%s","serviceName":"%s","serviceId":"%s"}`, session, service, id)
}

// acquire is the vote of a member of the Java library: PUT ?acquire=, with flags 0.
func acquire(t *testing.T, s *stores.Consul, key, session, value string) bool {
	t.Helper()
	got, _, err := s.Client().KV().Acquire(&api.KVPair{Key: key, Value: []byte(value), Session: session}, stores.Writing(soon(t)))
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestMemberAndJavaMember(t *testing.T) {
	t.Parallel()
	s := startKind[*stores.Consul](t, "consul")
	t.Run("a Java member leads: ours hears its vote, and takes over when its session ends", func(t *testing.T) {
		t.Parallel()
		cfg := newElection(calmTTL)
		session := must(s.OpenSession(soon(t), calmTTL))(t)
		if !acquire(t, s, cfg.Key(), session, javaVote(session, cfg.ServiceName, "java-1")) {
			t.Fatal("the Java member was not elected")
		}
		a := enter(t, s.Factory(), cfg, "go-1")
		heard := a.await(t, leadership.StatusNotElected)
		want := leadership.Vote{SessionID: session, ServiceName: cfg.ServiceName, ServiceID: "java-1"}
		if heard.Vote == nil || *heard.Vote != want || heard.Term == 0 {
			t.Errorf("ours hears %v of term %d", heard, heard.Term)
		}
		if err := s.EndSession(soon(t), session); err != nil {
			t.Fatal(err)
		}
		if first := a.await(t, leadership.StatusElectedFirst); first.Term <= heard.Term {
			t.Errorf("token %d after %d", first.Term, heard.Term)
		}
	})
	t.Run("ours leads: a Java member finds exactly its three fields, and is elected after it", func(t *testing.T) {
		t.Parallel()
		cfg := newElection(calmTTL)
		a := enter(t, s.Factory(), cfg, "go-1")
		first := a.await(t, leadership.StatusElectedFirst)
		session := must(s.OpenSession(soon(t), calmTTL))(t)
		own := javaVote(session, cfg.ServiceName, "java-1")
		if acquire(t, s, cfg.Key(), session, own) {
			t.Fatal("the Java member was elected beside ours")
		}
		entry, _, err := s.Client().KV().Get(cfg.Key(), stores.Reading(soon(t)))
		if err != nil {
			t.Fatal(err)
		}
		if want := javaVote(first.Vote.SessionID, cfg.ServiceName, "go-1"); string(entry.Value) != want || entry.Flags != 0 {
			t.Errorf("the key holds %s with flags %d, want %s with 0", entry.Value, entry.Flags, want)
		}
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
		if !acquire(t, s, cfg.Key(), session, own) {
			t.Error("the Java member was not elected after ours had closed")
		}
		if value := must(s.Value(soon(t), cfg.Key()))(t); string(value) != own {
			t.Errorf("the key holds %s", value)
		}
	})
}

// etcdPeer is a candidate of package concurrency of etcd's client, on a client of its own.
func etcdPeer(t *testing.T, s *stores.Etcd, key string) (*concurrency.Session, *concurrency.Election) {
	t.Helper()
	client, err := clientv3.New(clientv3.Config{Endpoints: s.Addrs(), Logger: zap.NewNop()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	session, err := concurrency.NewSession(client, concurrency.WithTTL(int(calmTTL.Seconds())))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = session.Close() })
	return session, concurrency.NewElection(session, key)
}

func TestMemberAndEtcdPeer(t *testing.T) {
	t.Parallel()
	s := startKind[*stores.Etcd](t, "etcd")
	t.Run("a peer leads: ours hears its vote, and takes over when its session ends", func(t *testing.T) {
		t.Parallel()
		cfg := newElection(calmTTL)
		session, election := etcdPeer(t, s, cfg.Key())
		want := leadership.Vote{SessionID: fmt.Sprintf("%x", session.Lease()), ServiceName: cfg.ServiceName, ServiceID: "peer"}
		if err := election.Campaign(soon(t), string(want.Encode())); err != nil {
			t.Fatal(err)
		}
		a := enter(t, s.Factory(), cfg, "ours")
		heard := a.await(t, leadership.StatusNotElected)
		if heard.Vote == nil || *heard.Vote != want || heard.Term != uint64(election.Rev()) {
			t.Errorf("ours hears %v of term %d; the peer's revision is %d", heard, heard.Term, election.Rev())
		}
		if err := session.Close(); err != nil {
			t.Fatal(err)
		}
		if first := a.await(t, leadership.StatusElectedFirst); first.Term <= heard.Term {
			t.Errorf("token %d after %d", first.Term, heard.Term)
		}
	})
	t.Run("a peer leads with a value that is no vote: ours follows and says so", func(t *testing.T) {
		t.Parallel()
		cfg := newElection(calmTTL)
		_, election := etcdPeer(t, s, cfg.Key())
		if err := election.Campaign(soon(t), "10.0.0.7"); err != nil {
			t.Fatal(err)
		}
		a := enter(t, s.Factory(), cfg, "ours")
		a.awaitError(t, leadership.ErrMalformedVote)
		if heard := a.await(t, leadership.StatusNotElected); heard.Vote != nil || heard.Term != uint64(election.Rev()) {
			t.Errorf("ours hears %v of term %d; the peer's revision is %d", heard, heard.Term, election.Rev())
		}
	})
	t.Run("ours leads: a peer waits for it, sees its vote, and is elected after it", func(t *testing.T) {
		t.Parallel()
		cfg := newElection(calmTTL)
		a := enter(t, s.Factory(), cfg, "ours")
		first := a.await(t, leadership.StatusElectedFirst)
		_, election := etcdPeer(t, s, cfg.Key())
		seen, err := election.Leader(soon(t))
		if err != nil || string(seen.Kvs[0].Value) != string(first.Vote.Encode()) || uint64(seen.Kvs[0].CreateRevision) != first.Term {
			t.Errorf("the peer sees %v, %v", seen, err)
		}
		elected := make(chan error, 1)
		go func() { elected <- election.Campaign(soon(t), "peer") }()
		eventually(t, func(ctx context.Context) error {
			keys, err := s.Keys(ctx, cfg.Key())
			if err == nil && len(keys) != 2 {
				err = errors.New("the peer does not stand")
			}
			return err
		})
		select {
		case err := <-elected:
			t.Fatalf("the peer's Campaign returned beside our leader: %v", err)
		default:
		}
		a.stillLeads(t, first)
		if err := a.Resign(soon(t)); err != nil {
			t.Fatal(err)
		}
		if err := <-elected; err != nil {
			t.Fatal(err)
		}
		if uint64(election.Rev()) <= first.Term {
			t.Errorf("the peer's revision is %d, our token was %d", election.Rev(), first.Term)
		}
		if a.IsLeader() {
			t.Error("both lead")
		}
	})
}
