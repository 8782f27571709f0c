package e2e_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/e2e/consulserver"
	"github.com/leadership-go/leadership/sources/consul"
)

// consulRule is one rule of a policy.
type consulRule struct{ resource, name, policy string }

// consulRules reads the policy that the documentation gives, for a server and an election.
func consulRules(t *testing.T, server *consulserver.Server, cfg leadership.Config) []consulRule {
	t.Helper()
	text := regexp.MustCompile(`(?m)^#.*$`).ReplaceAllString(document(t, "consul-policy.hcl"), "")
	block := regexp.MustCompile(`(\w+) "([^"]*)" \{\s*policy = "(\w+)"\s*\}`)
	if rest := strings.TrimSpace(block.ReplaceAllString(text, "")); rest != "" {
		t.Fatalf("docs/consul-policy.hcl holds more than rules: %q", rest)
	}
	var rules []consulRule
	for _, m := range block.FindAllStringSubmatch(text, -1) {
		name := strings.NewReplacer("cluster-app", cfg.ServiceName, "node-1", server.Node).Replace(m[2])
		rules = append(rules, consulRule{m[1], name, m[3]})
	}
	return rules
}

// hcl is the policy as Consul reads it.
func hcl(rules []consulRule) string {
	var b strings.Builder
	for _, r := range rules {
		fmt.Fprintf(&b, "%s %q {\n  policy = %q\n}\n", r.resource, r.name, r.policy)
	}
	return b.String()
}

// foreignSession makes a session on a node of which no member knows, as the agent of another machine would.
func foreignSession(t *testing.T, operator *api.Client, ttl time.Duration) string {
	t.Helper()
	_, err := operator.Catalog().Register(&api.CatalogRegistration{Node: "elsewhere", Address: "192.0.2.1"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	id, _, err := operator.Session().CreateNoChecks(&api.SessionEntry{Node: "elsewhere", TTL: ttl.String(), LockDelay: time.Nanosecond}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// handover has a session of another node hold the key, and an operator free it. The member, which waits, takes it, and is to believe when that session
// is over.
func handover(t *testing.T, server *consulserver.Server, member func() *candidate, cfg leadership.Config) (waiter *candidate, session string) {
	t.Helper()
	operator := server.Client()
	id := foreignSession(t, operator, cfg.Session.TTL)
	vote := leadership.Vote{SessionID: id, ServiceName: cfg.ServiceName, ServiceID: "elsewhere"}.Encode()
	if ok, _, err := operator.KV().Acquire(&api.KVPair{Key: cfg.Key(), Value: vote, Session: id}, nil); err != nil || !ok {
		t.Fatalf("acquire: %v, %v", ok, err)
	}
	waiter = member()
	waiter.await(t, leadership.StatusNotElected)
	if _, err := operator.KV().Delete(cfg.Key(), nil); err != nil {
		t.Fatal(err)
	}
	eventually(t, func(context.Context) error {
		entry, _, err := operator.KV().Get(cfg.Key(), nil)
		if err == nil && entry == nil {
			err = errors.New("nobody has taken the key")
		}
		return err
	})
	if waiter.IsLeader() {
		t.Error("it believes while the session before lives")
	}
	return waiter, id
}

func TestSecurityConsulPolicyIsEnough(t *testing.T) {
	t.Parallel()
	server := consulserver.Run(t, consulserver.Options{ACL: true})
	cfg := newElection(calmTTL)
	secret, _ := consulToken(t, server.Client(), hcl(consulRules(t, server, cfg)))
	member := func(id string) *candidate { return enter(t, consulAt(server, consul.WithToken(secret)), cfg, id) }

	first, before := handover(t, server, func() *candidate { return member("node-1") }, cfg)
	if _, err := server.Client().Session().Destroy(before, nil); err != nil {
		t.Fatal(err)
	}
	first.await(t, leadership.StatusElectedFirst)
	second := member("node-2")
	second.await(t, leadership.StatusNotElected)
	if err := first.Resign(soon(t)); err != nil {
		t.Errorf("resign: %v", err)
	}
	second.await(t, leadership.StatusElectedFirst)
	if vote, err := first.Leader(soon(t)); err != nil || vote == nil || vote.ServiceID != "node-2" {
		t.Errorf("leader: %v, %v", vote, err)
	}
	for _, c := range []*candidate{first, second} {
		if err := c.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
		if n := c.says.Count(leadership.StatusError); n > 0 {
			t.Errorf("%d errors under the documented policy:\n%v", n, c.says)
		}
	}
	if keys, _, err := server.Client().KV().Keys("", "", nil); err != nil || len(keys) != 0 {
		t.Errorf("left behind: %v, %v", keys, err)
	}
}

// A group needs no more than each of its members does: of what else is in their folder it learns that it has changed, and no more.
func TestSecurityConsulPolicyIsEnoughForGroups(t *testing.T) {
	t.Parallel()
	server := consulserver.Run(t, consulserver.Options{ACL: true})
	operator := server.Client()
	var rules []consulRule
	services := []string{"billing", "mail"}
	cfg := newElection(calmTTL)
	for _, service := range services {
		cfg.ServiceName = service
		rules = append(rules, consulRules(t, server, cfg)...)
	}
	slices.SortFunc(rules, func(a, b consulRule) int { return cmp.Compare(a.resource+a.name, b.resource+b.name) })
	secret, _ := consulToken(t, operator, hcl(slices.Compact(rules)))
	group := must(consulAt(server, consul.WithToken(secret)).Configure(cfg).Group(context.Background(), services...))(t)
	leads := func(context.Context) error {
		for _, m := range group.Members() {
			if !m.IsLeader() {
				return fmt.Errorf("it does not lead %s", m.Term().Key())
			}
		}
		return nil
	}
	eventually(t, leads)
	if _, err := operator.KV().Put(&api.KVPair{Key: "services/secret"}, nil); err != nil {
		t.Fatal(err)
	}
	token := group.Member("mail").Term().Token()
	if _, err := operator.KV().Delete("services/mail/leader", nil); err != nil {
		t.Fatal(err)
	}
	eventually(t, func(ctx context.Context) error {
		if group.Member("mail").Term().Token() <= token {
			return errors.New("it leads the term of before")
		}
		return leads(ctx)
	})
	if err := group.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
}

func TestSecurityConsulPolicyIsEnoughForSessionChecks(t *testing.T) {
	t.Parallel()
	server := consulserver.Run(t, consulserver.Options{ACL: true})
	for name, check := range map[string]api.AgentServiceCheck{
		"TCP": {TCP: server.Addr, Interval: "1s"},
		"TTL": {TTL: shortTTL.String()},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := newElection(shortTTL)
			secret, _ := consulToken(t, server.Client(), hcl(consulRules(t, server, cfg)))
			member := enter(t, consulAt(server, consul.WithToken(secret), consul.WithSessionCheck(check)), cfg, "node-1")
			first := member.await(t, leadership.StatusElectedFirst)
			for range 3 { // so that renewals have passed the check that has a TTL
				member.awaitProof(t)
			}
			member.stillLeads(t, first)
			if err := member.Close(); err != nil {
				t.Errorf("close: %v", err)
			}
			if n := member.says.Count(leadership.StatusError); n > 0 {
				t.Errorf("%d errors under the documented policy:\n%v", n, member.says)
			}
			if service, err := checkService(soon(t), server.Client(), cfg.ServiceName); err != nil || service != nil {
				t.Errorf("left behind: %+v, %v", service, err)
			}
		})
	}
}

func TestSecurityConsulLessThanThePolicyIsRefused(t *testing.T) {
	t.Parallel()
	server := consulserver.Run(t, consulserver.Options{ACL: true})
	for _, c := range []struct {
		sentence string
		change   func(*consulRule) (drop bool)
		says     []string
	}{
		{"no right to the key", func(r *consulRule) bool { return r.resource == "key" }, []string{"key:read"}},
		{"the right to read the key alone", func(r *consulRule) bool {
			if r.resource == "key" {
				r.policy = "read"
			}
			return false
		}, []string{"key:write"}},
		{"the right to another key", func(r *consulRule) bool {
			if r.resource == "key" {
				r.name += "/other"
			}
			return false
		}, []string{"key:read"}},
		{"the right to the key, and not to the traces beside it", func(r *consulRule) bool { return r.resource == "key_prefix" }, []string{"campaign", "key:write"}},
		{"no right to make sessions", func(r *consulRule) bool { return r.resource == "session" }, []string{"create session", "session:write"}},
		{"the right to make sessions on another node", func(r *consulRule) bool {
			if r.resource == "session" {
				r.name = "elsewhere"
			}
			return false
		}, []string{"create session", "session:write"}},
		{"with a session check, no right to its service", func(r *consulRule) bool { return r.resource == "service" }, []string{"register session check", "service:write"}},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			t.Parallel()
			cfg := newElection(calmTTL)
			var opts []consul.Option
			if strings.HasPrefix(c.sentence, "with a session check") {
				opts = append(opts, consul.WithSessionCheck(api.AgentServiceCheck{TCP: server.Addr, Interval: "1s"}))
			}
			var rules []consulRule
			for _, r := range consulRules(t, server, cfg) {
				if !c.change(&r) {
					rules = append(rules, r)
				}
			}
			secret, _ := consulToken(t, server.Client(), hcl(rules))
			member := enter(t, consulAt(server, append(opts, consul.WithToken(secret))...), cfg, "node-1")
			said := member.awaitError(t, leadership.ErrDenied)
			for _, text := range c.says {
				if !strings.Contains(said.Err.Error(), text) {
					t.Errorf("it says %v; want %q", said.Err, text)
				}
			}
			member.neverLeads(t)
		})
	}
	t.Run("no right to see sessions of other nodes: it waits for one TTL", func(t *testing.T) {
		t.Parallel()
		cfg := newElection(shortTTL)
		var rules []consulRule
		for _, r := range consulRules(t, server, cfg) {
			if r.resource != "session_prefix" {
				rules = append(rules, r)
			}
		}
		secret, _ := consulToken(t, server.Client(), hcl(rules))
		start := time.Now()
		member, _ := handover(t, server, func() *candidate {
			return enter(t, consulAt(server, consul.WithToken(secret)), cfg, "node-1")
		}, cfg)
		if said := member.awaitError(t, leadership.ErrDenied); !strings.Contains(said.Err.Error(), "hidden by an ACL") {
			t.Errorf("it says %v", said.Err)
		}
		if won := member.await(t, leadership.StatusElectedFirst); won.At.Sub(start) < shortTTL {
			t.Errorf("it led after %v", won.At.Sub(start))
		}
	})
}
