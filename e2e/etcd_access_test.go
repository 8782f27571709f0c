package e2e

import (
	"errors"
	"strings"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/e2e/etcdserver"
	"github.com/leadership-go/leadership/sources/etcd"
)

// etcdMember builds a member and returns the messages that it sends.
func etcdMember(t *testing.T, service string, cfg leadership.Config, opts ...etcd.Option) (*leadership.Member, <-chan leadership.ElectionMessage) {
	t.Helper()
	cfg.ServiceName, cfg.ServiceID = service, t.Name()
	if cfg.Session.TTL == 0 {
		cfg.Session.TTL = 3 * time.Second
	}
	cfg.Election.Frequency = 500 * time.Millisecond
	start := time.Now()
	m, err := etcd.NewClusterFactory(opts...).Configure(cfg).Build(t.Context())
	if err != nil {
		t.Fatalf("build: %v", err)
	}
	if took := time.Since(start); took > time.Second {
		t.Errorf("Build took %v", took)
	}
	t.Cleanup(func() { _ = m.Close() })
	messages := make(chan leadership.ElectionMessage, 1000)
	sub := m.AsObservable().Subscribe(func(msg leadership.ElectionMessage) { messages <- msg })
	t.Cleanup(func() { sub.Unsubscribe() })
	return m, messages
}

// etcdHears waits for a message that fits.
func etcdHears(t *testing.T, messages <-chan leadership.ElectionMessage, what string, fits func(leadership.ElectionMessage) bool) leadership.ElectionMessage {
	t.Helper()
	timeout := time.NewTimer(15 * time.Second)
	defer timeout.Stop()
	for {
		select {
		case msg := <-messages:
			if fits(msg) {
				return msg
			}
			t.Logf("%s", msg)
		case <-timeout.C:
			t.Fatalf("no message: %s", what)
		}
	}
}

func etcdStatus(s leadership.Status) func(leadership.ElectionMessage) bool {
	return func(m leadership.ElectionMessage) bool { return m.Status == s }
}

func TestEtcdUsers(t *testing.T) {
	t.Parallel()
	store := startEtcd(t, etcdserver.Options{RootPassword: "open sesame", TokenTTL: time.Second})
	endpoints := etcd.WithEndpoints(store.Endpoints()...)

	t.Run("a wrong password shows as denied, and is tried again", func(t *testing.T) {
		t.Parallel()
		name, _, err := store.user(etcdSoon(t))
		if err != nil {
			t.Fatal(err)
		}
		cfg := leadership.Config{Election: leadership.ElectionConfig{EnvelopeTemplate: "sourcetest/%s"}}
		_, messages := etcdMember(t, "password", cfg, endpoints, etcd.WithUser(name, "wrong"))
		etcdHears(t, messages, "denied", func(m leadership.ElectionMessage) bool {
			return m.Status == leadership.StatusError && errors.Is(m.Err, leadership.ErrDenied)
		})
		if _, err := store.client.UserChangePassword(etcdSoon(t), name, "wrong"); err != nil {
			t.Fatal(err)
		}
		etcdHears(t, messages, "elected.first", etcdStatus(leadership.StatusElectedFirst))
	})

	t.Run("no user at all shows as denied", func(t *testing.T) {
		t.Parallel()
		_, messages := etcdMember(t, "nobody", leadership.Config{}, endpoints)
		etcdHears(t, messages, "denied", func(m leadership.ElectionMessage) bool {
			return m.Status == leadership.StatusError && errors.Is(m.Err, leadership.ErrDenied)
		})
	})

	t.Run("failure 17: tokens that run out while a candidate waits end nothing", func(t *testing.T) {
		t.Parallel()
		root := func() (leadership.Backend, leadership.Session) {
			client, err := store.newClient("root", "open sesame", store.Endpoints()...)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = client.Close() })
			b := etcd.NewBackend(client)
			return b, store.open(t, b, time.Minute)
		}
		_, leader := root()
		b, waiter := root()
		etcdLead(t, leader, "tokens")
		other := etcdCampaign(t, waiter, "other tokens")
		seen := etcdCampaign(t, waiter, "tokens")
		watch := etcdWatching(t, waiter, "tokens", seen)
		idle := etcdWatching(t, waiter, "other tokens", other) // keeps a stream of that client open
		select {
		case err := <-watch:
			t.Fatalf("the watch returned %v", err)
		case <-time.After(3 * time.Second): // three times as long as a token lives
		}
		for what, err := range map[string]error{
			"renew":   waiter.Renew(etcdSoon(t)),
			"observe": func() error { _, err := b.Observe(etcdSoon(t), "tokens"); return err }(),
		} {
			if err != nil {
				t.Errorf("%s after the token ran out: %v", what, err)
			}
		}
		again := etcdWatching(t, waiter, "tokens", etcdCampaign(t, waiter, "tokens"))
		etcdStays(t, again, "a new watch after the token ran out")
		if err := leader.Resign(etcdSoon(t), "tokens", etcdSign()); err != nil {
			t.Fatal(err)
		}
		for _, w := range []<-chan error{watch, again} {
			if err := etcdReturns(t, w, "the leader resigned"); err != nil {
				t.Errorf("watch: %v", err)
			}
		}
		etcdLead(t, waiter, "tokens")
		etcdStays(t, idle, "all that")
	})

	t.Run("a password that is changed is a refusal, not a lost session", func(t *testing.T) {
		t.Parallel()
		name, _, err := store.user(etcdSoon(t))
		if err != nil {
			t.Fatal(err)
		}
		client, err := store.newClient(name, name, store.Endpoints()...)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = client.Close() })
		b := etcd.NewBackend(client)
		s := store.open(t, b, time.Minute)
		t.Cleanup(func() { _ = store.destroySession(t.Context(), s.ID()) })
		seen := etcdLead(t, s, "sourcetest/changed")
		if _, err := store.client.UserChangePassword(etcdSoon(t), name, "another"); err != nil {
			t.Fatal(err)
		}
		_, observed := b.Observe(etcdSoon(t), "sourcetest/changed")
		for what, err := range map[string]error{
			"observe": observed,
			"renew":   s.Renew(etcdSoon(t)),
			"watch":   s.Watch(etcdSoon(t), "sourcetest/changed", seen),
		} {
			if !errors.Is(err, leadership.ErrDenied) || errors.Is(err, leadership.ErrSessionLost) {
				t.Errorf("%s: %v", what, err)
			}
		}
	})
}

func TestEtcdMember(t *testing.T) {
	t.Parallel()
	store := startEtcd(t, etcdserver.Options{Processes: true})
	cfg := leadership.Config{Etcd: leadership.EtcdConfig{Endpoints: store.Endpoints()}}

	t.Run("a successor leads within a second of Close", func(t *testing.T) {
		a, first := etcdMember(t, "close", cfg)
		etcdHears(t, first, "elected.first", etcdStatus(leadership.StatusElectedFirst))
		_, second := etcdMember(t, "close", cfg)
		etcdHears(t, second, "notelected", etcdStatus(leadership.StatusNotElected))
		start := time.Now()
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
		etcdHears(t, second, "elected.first", etcdStatus(leadership.StatusElectedFirst))
		if took := time.Since(start); took > time.Second {
			t.Errorf("it took %v", took)
		}
	})

	t.Run("namespaces keep elections apart", func(t *testing.T) {
		_, plain := etcdMember(t, "space", cfg)
		etcdHears(t, plain, "elected.first", etcdStatus(leadership.StatusElectedFirst))
		_, inner := etcdMember(t, "space", cfg, etcd.WithNamespace("team/"))
		won := etcdHears(t, inner, "elected.first", etcdStatus(leadership.StatusElectedFirst))
		resp, err := store.client.Get(etcdSoon(t), "team/services/space/leader/"+won.Vote.SessionID)
		if err != nil || len(resp.Kvs) != 1 || uint64(resp.Kvs[0].CreateRevision) != won.Term {
			t.Errorf("the key in the namespace: %v, error %v", resp, err)
		}
		other, waiting := etcdMember(t, "space", cfg, etcd.WithClient(store.client), etcd.WithNamespace("team/"))
		etcdHears(t, waiting, "notelected", etcdStatus(leadership.StatusNotElected))
		if other.IsLeader() {
			t.Error("two lead in one namespace")
		}
	})

	t.Run("a given client is not closed", func(t *testing.T) {
		m, messages := etcdMember(t, "given", leadership.Config{}, etcd.WithClient(store.client))
		etcdHears(t, messages, "elected.first", etcdStatus(leadership.StatusElectedFirst))
		if err := m.Close(); err != nil {
			t.Fatal(err)
		}
		if n, err := store.candidates(etcdSoon(t), "services/given/leader"); n != 0 || err != nil {
			t.Errorf("%d candidates are left, error %v", n, err)
		}
	})

	t.Run("a store that is down at the start is waited for", func(t *testing.T) {
		if err := store.Kill(0); err != nil {
			t.Fatal(err)
		}
		_, messages := etcdMember(t, "down", cfg)
		etcdHears(t, messages, "error that says why", func(m leadership.ElectionMessage) bool {
			return m.Status == leadership.StatusError && strings.Contains(m.Err.Error(), "refused")
		})
		if err := store.StartNode(0); err != nil {
			t.Fatal(err)
		}
		etcdHears(t, messages, "elected.first", etcdStatus(leadership.StatusElectedFirst))
	})
}

func TestEtcdTLS(t *testing.T) {
	store := startEtcd(t, etcdserver.Options{TLS: true, RootPassword: "open sesame"})
	t.Setenv("ETCDCTL_ENDPOINTS", store.Endpoints()[0])
	t.Setenv("ETCDCTL_CACERT", store.CAFile())
	t.Setenv("ETCDCTL_USER", "root:open sesame")
	_, messages := etcdMember(t, "environment", leadership.Config{})
	etcdHears(t, messages, "elected.first", etcdStatus(leadership.StatusElectedFirst))

	t.Setenv("ETCDCTL_CACERT", "")
	t.Setenv("ETCDCTL_ENDPOINTS", "")
	t.Setenv("ETCDCTL_USER", "")
	_, messages = etcdMember(t, "options", leadership.Config{},
		etcd.WithEndpoints(store.Endpoints()...), etcd.WithTLS(store.TLS()), etcd.WithUser("root", "open sesame"))
	etcdHears(t, messages, "elected.first", etcdStatus(leadership.StatusElectedFirst))

	_, messages = etcdMember(t, "untrusted", leadership.Config{}, etcd.WithEndpoints(store.Endpoints()...), etcd.WithUser("root", "open sesame"))
	etcdHears(t, messages, "error that says why", func(m leadership.ElectionMessage) bool {
		return m.Status == leadership.StatusError && strings.Contains(m.Err.Error(), "certificate")
	})

	if _, err := store.client.Get(etcdSoon(t), "services/", clientv3.WithPrefix(), clientv3.WithCountOnly()); err != nil {
		t.Error(err)
	}
}
