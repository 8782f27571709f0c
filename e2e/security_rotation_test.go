package e2e_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/e2e/consulserver"
	"github.com/leadership-go/leadership/e2e/etcdserver"
	"github.com/leadership-go/leadership/e2e/internal/probe"
	"github.com/leadership-go/leadership/sources/consul"
	"github.com/leadership-go/leadership/sources/etcd"
)

// credential is what a member shows to its store, and an operator can replace and revoke.
type credential struct {
	replace func() // at the store, and where the member reads it
	revoke  func() // at the store alone
	restore func() // where the member reads it
}

// rotates checks a leader and a waiter whose credential is replaced, revoked and restored.
func rotates(t *testing.T, f *leadership.ClusterFactory, c credential) {
	t.Helper()
	cfg := newElection(shortTTL)
	leader := enter(t, f, cfg, "node-1")
	first := leader.await(t, leadership.StatusElectedFirst)
	waiter := enter(t, f, cfg, "node-2")
	waiter.await(t, leadership.StatusNotElected)

	for range 3 {
		c.replace()
		leader.awaitProof(t)
	}
	leader.awaitProof(t)
	leader.stillLeads(t, first)

	term := leader.Term()
	c.revoke()
	ended := leader.await(t, leadership.StatusRelegation)
	if !errors.Is(ended.Err, leadership.ErrLeaseExpired) || !errors.Is(ended.Err, leadership.ErrDenied) {
		t.Errorf("relegated with %v; want %v because of %v", ended.Err, leadership.ErrLeaseExpired, leadership.ErrDenied)
	}
	if leader.IsLeader() || term.Valid() {
		t.Error("it believes after its relegation")
	}
	denied, _, err := leader.says.Await(soon(t), 0, func(m probe.Message) bool {
		return errors.Is(m.Err, leadership.ErrDenied) && m.Status == leadership.StatusError
	})
	if err != nil || denied.At.After(ended.At) {
		t.Errorf("no error message before the relegation: %v", err)
	}
	c.restore()
	again := eventuallyLeads(t, leader, waiter)
	if again <= first.Term {
		t.Errorf("the next term has the token %d after %d", again, first.Term)
	}
}

// eventuallyLeads waits until one of the candidates leads again, and returns its token.
func eventuallyLeads(t *testing.T, candidates ...*candidate) (token uint64) {
	t.Helper()
	eventually(t, func(context.Context) error {
		for _, c := range candidates {
			if c.IsLeader() {
				token = c.Term().Token()
				return nil
			}
		}
		return errors.New("nobody leads")
	})
	return token
}

func TestSecurityConsulTokenIsReplacedWithoutARestart(t *testing.T) {
	t.Parallel()
	server := consulserver.Run(t, consulserver.Options{ACL: true})
	operator := server.Client()
	const rules = `key_prefix "services/" { policy = "write" } session_prefix "" { policy = "write" }`
	secret, end := consulToken(t, operator, rules)
	path, write := secretFile(t, secret)
	rotates(t, consulAt(server, consul.WithTokenFile(path)), credential{
		replace: func() { // whose old one is refused before the new one is there
			end()
			secret, end = consulToken(t, operator, rules)
			time.Sleep(100 * time.Millisecond)
			write(secret)
		},
		revoke: func() { end() },
		restore: func() {
			secret, end = consulToken(t, operator, rules)
			write(secret)
		},
	})
}

func TestSecurityEtcdPasswordIsReplacedWithoutARestart(t *testing.T) {
	t.Parallel()
	server := etcdserver.Start(t, etcdserver.Options{RootPassword: etcdRoot})
	root := server.Dial(t)
	const name = "member"
	must(root.UserAdd(soon(t), name, "first"))(t)
	must(root.UserGrantRole(soon(t), name, "root"))(t)
	path, write := secretFile(t, "first")
	password, n := "first", 0
	next := func() string {
		n++
		password = strings.Repeat("x", n)
		return password
	}
	change := func(to string) { must(root.UserChangePassword(soon(t), name, to))(t) }
	rotates(t, etcd.NewClusterFactory(etcd.WithEndpoints(server.Endpoints()...), etcd.WithPasswordFile(name, path)), credential{
		replace: func() { // now the one, now the other comes first
			if next(); n%2 == 0 {
				write(password)
				change(password)
			} else {
				change(password)
				time.Sleep(100 * time.Millisecond)
				write(password)
			}
		},
		revoke:  func() { change(next()) },
		restore: func() { write(password) },
	})
}

func TestSecurityEtcdSignedTokensRunOut(t *testing.T) {
	t.Parallel()
	server := etcdserver.Start(t, etcdserver.Options{Processes: true, RootPassword: etcdRoot, SignedTokens: true, TokenTTL: time.Second})
	f := etcd.NewClusterFactory(etcd.WithEndpoints(server.Endpoints()...), etcd.WithUser("root", etcdRoot))
	cfg := newElection(calmTTL)
	cfg.Session.Refresh = 500 * time.Millisecond
	leader := enter(t, f, cfg, "node-1")
	first := leader.await(t, leadership.StatusElectedFirst)
	waiter := enter(t, f, cfg, "node-2")
	waiter.await(t, leadership.StatusNotElected)
	for start := time.Now(); time.Since(start) < 3*time.Second; {
		leader.awaitProof(t)
	}
	for _, c := range []*candidate{leader, waiter} {
		for _, m := range c.says.All() {
			if errors.Is(m.Err, leadership.ErrDenied) || m.Err != nil && strings.Contains(m.Err.Error(), "auth") {
				t.Errorf("tokens that run out are got anew, but: %v", m)
			}
		}
	}
	// The key that signs them is replaced: whatever was signed before is worth nothing any more.
	if err := errors.Join(server.ReplaceTokenKey(), server.Kill(0), server.StartNode(0), server.Ready()); err != nil {
		t.Fatal(err)
	}
	leader.awaitProof(t)
	leader.stillLeads(t, first)
	if err := leader.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	waiter.await(t, leadership.StatusElectedFirst)
}
