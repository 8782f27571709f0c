package e2e_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/e2e/consulserver"
	"github.com/leadership-go/leadership/e2e/internal/pki"
	"github.com/leadership-go/leadership/e2e/internal/probe"
	"github.com/leadership-go/leadership/sources/consul"
)

// consulAt makes members at server; credentials are up to the test.
func consulAt(server *consulserver.Server, opts ...consul.Option) *leadership.ClusterFactory {
	return consul.NewClusterFactory(append([]consul.Option{consul.WithAddress(server.Addr), consul.WithMinTTL(time.Second)}, opts...)...)
}

// awaitText returns the next error message that says text.
func (c *candidate) awaitText(t *testing.T, text string) probe.Message {
	t.Helper()
	m, i, err := c.says.Await(soon(t), c.at, func(m probe.Message) bool {
		return m.Status == leadership.StatusError && strings.Contains(m.Err.Error(), text)
	})
	if err != nil {
		t.Fatalf("no error message that says %q: %v", text, err)
	}
	c.at = i + 1
	return m
}

// neverLeads checks that there was no term up to now.
func (c *candidate) neverLeads(t *testing.T) {
	t.Helper()
	if c.IsLeader() || c.says.Count(leadership.StatusElectedFirst) > 0 {
		t.Errorf("it was elected:\n%v", c.says)
	}
}

// issue signs a client's certificate.
func issue(t *testing.T, a *pki.Authority) pki.Pair {
	t.Helper()
	return must(a.Issue("member"))(t)
}

// otherAuthority is one that nobody trusts.
func otherAuthority(t *testing.T) *pki.Authority {
	t.Helper()
	return must(pki.NewAuthority(t.TempDir(), "other"))(t)
}

// consulToken makes an ACL token with these rules; end revokes it.
func consulToken(t *testing.T, operator *api.Client, rules string) (secret string, end func()) {
	t.Helper()
	policy, _, err := operator.ACL().PolicyCreate(&api.ACLPolicy{Name: "security-" + newElection(0).ServiceName, Rules: rules}, nil)
	if err != nil {
		t.Fatalf("policy %s: %v", rules, err)
	}
	token, _, err := operator.ACL().TokenCreate(&api.ACLToken{Policies: []*api.ACLLink{{ID: policy.ID}}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return token.SecretID, func() {
		t.Helper()
		if _, err := operator.ACL().TokenDelete(token.AccessorID, nil); err != nil {
			t.Fatal(err)
		}
	}
}

// secretFile is a file that holds a secret; write replaces it in one step.
func secretFile(t *testing.T, secret string) (path string, write func(string)) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "secret")
	write = func(secret string) {
		t.Helper()
		if err := os.WriteFile(path+".new", []byte(secret+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(path+".new", path); err != nil {
			t.Fatal(err)
		}
	}
	write(secret)
	return path, write
}

// document reads a file of the folder docs.
func document(t *testing.T, name string) string {
	t.Helper()
	return string(must(os.ReadFile(filepath.Join("..", "docs", name)))(t))
}
