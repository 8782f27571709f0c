package e2e

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/e2e/consulserver"
	"github.com/leadership-go/leadership/sources/consul"
)

func TestConsulDeniedWithTooFewRights(t *testing.T) {
	t.Parallel()
	server := consulserver.Run(t, consulserver.Options{ACL: true})
	operator := server.Client()
	holder := openConsul(t, connectConsul(t, server), 10*time.Second)
	held := electConsul(t, holder, consulKey)
	const free = "services/free/leader"
	if _, err := operator.KV().Put(&api.KVPair{Key: "services/other", Value: []byte("x")}, nil); err != nil {
		t.Fatal(err)
	}
	token := func(rules string) string {
		made, err := newToken(t.Context(), operator, rules)
		if err != nil {
			t.Fatal(err)
		}
		return made.SecretID
	}
	const allSessions, allKeys = `session_prefix "" { policy = "write" } `, `key_prefix "services/" { policy = "write" } `
	open := func(b leadership.Backend) error { _, err := b.Open(t.Context(), 10*time.Second); return err }
	observe := func(b leadership.Backend) error { _, err := b.Observe(t.Context(), consulKey); return err }
	observeFree := func(b leadership.Backend) error { _, err := b.Observe(t.Context(), free); return err }
	lifetime := func(b leadership.Backend) error { _, err := b.Lifetime(t.Context(), holder.ID()); return err }
	attach := func(b leadership.Backend) error {
		_, err := b.Attach(t.Context(), holder.ID(), time.Minute)
		return err
	}
	with := func(f func(leadership.Session) error) func(leadership.Backend) error {
		return func(b leadership.Backend) error {
			s, err := b.Open(t.Context(), 10*time.Second)
			if err != nil {
				t.Errorf("Open, which is allowed: %v", err)
				return err
			}
			return f(s)
		}
	}
	campaignFree := with(func(s leadership.Session) error {
		_, err := s.Campaign(t.Context(), free, consulVote(s))
		return err
	})
	campaign := with(func(s leadership.Session) error {
		_, err := s.Campaign(t.Context(), consulKey, consulVote(s))
		return err
	})
	resign := with(func(s leadership.Session) error { return s.Resign(t.Context(), consulKey, nil) })
	watch := with(func(s leadership.Session) error { return s.Watch(t.Context(), consulKey, held) })
	for _, c := range []struct {
		name, token string
		text        string // of Consul's, in the error
		calls       map[string]func(leadership.Backend) error
	}{
		{
			"bad input 13: a token that Consul does not know", "6d9ab3a5-0000-0000-0000-000000000000", "ACL not found",
			map[string]func(leadership.Backend) error{"Open": open, "Observe": observe, "Observe of a free key": observeFree, "Lifetime": lifetime, "Attach": attach},
		},
		{
			"no session right", token(allKeys), "session:write",
			map[string]func(leadership.Backend) error{"Open": open, "Attach": attach},
		},
		{
			"bad input 12: sessions are hidden", token(allKeys), "hidden by an ACL",
			map[string]func(leadership.Backend) error{"Lifetime": lifetime},
		},
		{
			"bad input 12: no key right", token(allSessions), "key:read",
			map[string]func(leadership.Backend) error{
				"Observe": observe, "Observe of a free key": observeFree, "Campaign": campaign, "Campaign for a free key": campaignFree, "Watch": watch,
			},
		},
		{
			"bad input 11: the right to read keys alone", token(allSessions + `key_prefix "services/" { policy = "read" }`), "key:write",
			map[string]func(leadership.Backend) error{"Campaign for a free key": campaignFree, "Resign": resign},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := connectConsul(t, server, consul.WithToken(c.token))
			for name, call := range c.calls {
				err := call(b)
				if !errors.Is(err, leadership.ErrDenied) || errors.Is(err, leadership.ErrSessionLost) {
					t.Errorf("%s: %v; want %v", name, err, leadership.ErrDenied)
				} else if !strings.Contains(err.Error(), c.text) {
					t.Errorf("%s: %v; want the text %q", name, err, c.text)
				}
			}
		})
	}
	t.Run("failure 17: a right that comes back is used", func(t *testing.T) {
		policy, _, err := operator.ACL().PolicyCreate(&api.ACLPolicy{Name: "changing", Rules: allSessions}, nil)
		if err != nil {
			t.Fatal(err)
		}
		made, _, err := operator.ACL().TokenCreate(&api.ACLToken{Policies: []*api.ACLLink{{ID: policy.ID}}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		b := connectConsul(t, server, consul.WithToken(made.SecretID))
		if err := campaignFree(b); !errors.Is(err, leadership.ErrDenied) {
			t.Fatalf("Campaign: %v; want %v", err, leadership.ErrDenied)
		}
		policy.Rules = allSessions + allKeys
		if _, _, err := operator.ACL().PolicyUpdate(policy, nil); err != nil {
			t.Fatal(err)
		}
		within(t, 10*time.Second, func(context.Context) error { return campaignFree(b) })
	})
	t.Run("a waiter without a token can't be led to believe that a session ended", func(t *testing.T) {
		t.Run("no rights", func(t *testing.T) { anonymousLifetime(t, server, holder.ID()) })
	})
}

// anonymousLifetime asks without a token, to which Consul does not even say that it hides something.
func anonymousLifetime(t *testing.T, server *consulserver.Server, id string) {
	t.Helper()
	b, err := consul.NewBackend(leadership.ConsulConfig{}, consul.WithAddress(server.Addr))
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close() //nolint:errcheck // idle connections
	if left, err := b.Lifetime(t.Context(), id); !errors.Is(err, leadership.ErrDenied) {
		t.Errorf("Lifetime: %v, %v; want %v", left, err, leadership.ErrDenied)
	}
}

// javaVote is a vote as Jackson writes it in the Java library.
func javaVote(session string) []byte {
	return fmt.Appendf(nil, `{"sessionId":"%s","serviceName":"cluster-app","serviceId":"node-1"}`, session)
}

func TestConsulSharesAnElectionWithTheJavaLibrary(t *testing.T) {
	t.Parallel()
	server := consulserver.Run(t, consulserver.Options{})
	java := server.Client()
	const key = "services/cluster-app/leader"
	// The Java library makes its session with Consul's defaults and a TTL.
	javaSession, _, err := java.Session().Create(&api.SessionEntry{Name: "cluster-app", TTL: "15s"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	ok, _, err := java.KV().Acquire(&api.KVPair{Key: key, Value: javaVote(javaSession), Session: javaSession}, nil)
	if err != nil || !ok {
		t.Fatalf("acquire: %v, %v", ok, err)
	}
	b := connectConsul(t, server)
	ours := openConsul(t, b, 10*time.Second)
	o, err := ours.Campaign(t.Context(), key, leadership.Vote{SessionID: ours.ID(), ServiceName: "cluster-app", ServiceID: "node-2"}.Encode())
	if err != nil {
		t.Fatal(err)
	}
	vote, err := leadership.ParseVote(o.Holder.Value)
	if err != nil || o.Holder.Session != javaSession || vote != (leadership.Vote{SessionID: javaSession, ServiceName: "cluster-app", ServiceID: "node-1"}) {
		t.Fatalf("the Java leader is seen as %+v with the vote %v, %v", o.Holder, vote, err)
	}
	if left, err := b.Lifetime(t.Context(), javaSession); err != nil || left != 15*time.Second {
		t.Errorf("Lifetime of the Java session: %v, %v; want 15 s", left, err)
	}
	// It acquires at every tick, and nothing changes.
	watch, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	watching := make(chan error, 1)
	go func() { watching <- ours.Watch(watch, key, o) }()
	for range 3 {
		if ok, _, err := java.KV().Acquire(&api.KVPair{Key: key, Value: javaVote(javaSession), Session: javaSession}, nil); err != nil || !ok {
			t.Fatalf("acquire again: %v, %v", ok, err)
		}
	}
	if err := <-watching; !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Watch reported an unchanged leader: %v", err)
	}
	// Its key is released with the vote in it, which names the session that held it.
	if ok, _, err := java.KV().Release(&api.KVPair{Key: key, Value: javaVote(javaSession), Session: javaSession}, nil); err != nil || !ok {
		t.Fatalf("release: %v, %v", ok, err)
	}
	want := leadership.Vote{SessionID: ours.ID(), ServiceName: "cluster-app", ServiceID: "node-2"}
	if o, err = ours.Campaign(t.Context(), key, want.Encode()); err != nil {
		t.Fatal(err)
	}
	if o.Holder.Session != ours.ID() || !slices.Contains(o.Earlier, javaSession) || o.Resigned {
		t.Errorf("after the Java leader: %+v; want it among the earlier ones", o)
	}
	entry, _, err := java.KV().Get(key, nil)
	if err != nil {
		t.Fatal(err)
	}
	exact := fmt.Sprintf(`{"sessionId":"%s","serviceName":"cluster-app","serviceId":"node-2"}`, ours.ID())
	if string(entry.Value) != exact || entry.Flags != 0 || entry.Session != ours.ID() {
		t.Errorf("our key is %+v with %q; want exactly %q, flags 0", entry, entry.Value, exact)
	}
	if ok, _, err := java.KV().Acquire(&api.KVPair{Key: key, Value: javaVote(javaSession), Session: javaSession}, nil); err != nil || ok {
		t.Errorf("the Java member took a held key: %v, %v", ok, err)
	}
	// It gets the key at its next tick after we resigned.
	if err := errors.Join(ours.Resign(t.Context(), key, consulSign()), ours.Close(t.Context())); err != nil {
		t.Fatal(err)
	}
	if ok, _, err := java.KV().Acquire(&api.KVPair{Key: key, Value: javaVote(javaSession), Session: javaSession}, nil); err != nil || !ok {
		t.Errorf("the Java member did not get the key: %v, %v", ok, err)
	}
}

func TestConsulFencesWritesOfAnOldLeader(t *testing.T) {
	t.Parallel()
	server := consulserver.Run(t, consulserver.Options{})
	b := connectConsul(t, server)
	first, second := openConsul(t, b, 10*time.Second), openConsul(t, b, 10*time.Second)
	write := func(s leadership.Session) bool {
		ok, _, _, err := server.Client().Txn().Txn(api.TxnOps{
			consul.FenceSession(consulKey, s.ID()),
			{KV: &api.KVTxnOp{Verb: api.KVSet, Key: "data", Value: []byte(s.ID())}},
		}, nil)
		if err != nil {
			t.Fatal(err)
		}
		return ok
	}
	electConsul(t, first, consulKey)
	if !write(first) || write(second) {
		t.Error("the leader may write, and nobody else")
	}
	if err := first.Resign(t.Context(), consulKey, consulSign()); err != nil {
		t.Fatal(err)
	}
	if write(first) {
		t.Error("one that resigned wrote")
	}
	electConsul(t, second, consulKey)
	if write(first) || !write(second) {
		t.Error("the new leader may write, and the old one not")
	}
}

func TestConsulSessionsCanBeToldApart(t *testing.T) {
	t.Parallel()
	server := consulserver.Run(t, consulserver.Options{})
	member, err := consul.NewClusterFactory(consul.WithAddress(server.Addr)).
		Configure(leadership.Config{ServiceName: "billing", ServiceID: "web-3"}).
		Build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	within(t, 10*time.Second, func(ctx context.Context) error {
		if !member.IsLeader() {
			return errors.New("not elected")
		}
		return nil
	})
	entry, _, err := server.Client().KV().Get("services/billing/leader", nil)
	if err != nil || entry == nil {
		t.Fatalf("the leader's key: %v, %v", entry, err)
	}
	session, _, err := server.Client().Session().Info(entry.Session, nil)
	if err != nil || session == nil || session.Name != "leadership \"services/billing/leader\" web-3" || session.TTL != "15s" || len(session.NodeChecks) != 0 {
		t.Errorf("the leader's session is %+v, %v", session, err)
	}
	if err := member.Close(); err != nil {
		t.Fatal(err)
	}
	sessions, _, err := server.Client().Session().List(nil)
	if err != nil || len(sessions) != 0 {
		t.Errorf("a closed member left the sessions %v, %v", sessions, err)
	}
	if keys, _, err := server.Client().KV().Keys("", "", nil); err != nil || len(keys) != 0 {
		t.Errorf("a closed member left the keys %v, %v", keys, err)
	}
}

func TestConsulFailure12ASuccessorLeadsWithinASecondOfClose(t *testing.T) {
	t.Parallel()
	server := consulserver.Run(t, consulserver.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	build := func(ctx context.Context, id string) *leadership.Member {
		member, err := consul.NewClusterFactory(consul.WithAddress(server.Addr)).Configure(leadership.Config{ServiceID: id}).Build(ctx)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = member.Close() })
		return member
	}
	leads := func(m *leadership.Member) func(context.Context) error {
		return func(context.Context) error {
			if !m.IsLeader() {
				return errors.New("not elected")
			}
			return nil
		}
	}
	first := build(ctx, "node-1")
	within(t, 10*time.Second, leads(first))
	second := build(t.Context(), "node-2")
	time.Sleep(300 * time.Millisecond) // for its watch
	cancel()                           // the caller's context is over before the member leaves
	within(t, time.Second, leads(second))
	if first.IsLeader() {
		t.Error("both lead")
	}
}
