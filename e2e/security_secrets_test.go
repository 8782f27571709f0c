package e2e_test

import (
	"bytes"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/e2e/consulserver"
	"github.com/leadership-go/leadership/e2e/etcdserver"
	"github.com/leadership-go/leadership/e2e/internal/probe"
	"github.com/leadership-go/leadership/sources/consul"
	"github.com/leadership-go/leadership/sources/etcd"
)

// record is all that members have said and logged. It is safe for concurrent use.
type record struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (r *record) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.Write(p)
}

func (r *record) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.String()
}

// note adds a value in all forms in which programs print one.
func (r *record) note(v any) {
	encoded, _ := json.Marshal(v) // some values have no such form
	_, _ = fmt.Fprintf(r, "%v\n%+v\n%#v\n%s\n", v, v, v, encoded)
	if err, ok := v.(error); ok {
		_, _ = fmt.Fprintf(r, "%s\n%q\n", err, err)
	}
}

// try runs a member, with its debug log on, until it has said want, and notes all that it said.
func (r *record) try(t *testing.T, f *leadership.ClusterFactory, want func(leadership.ElectionMessage) bool) {
	t.Helper()
	cfg := newElection(calmTTL)
	cfg.Election.Frequency = 300 * time.Millisecond
	var text, lines strings.Builder // one for each member: a handler writes to it until Close
	logger := slog.New(slog.NewMultiHandler(
		slog.NewTextHandler(&text, &slog.HandlerOptions{Level: slog.LevelDebug, AddSource: true}),
		slog.NewJSONHandler(&lines, &slog.HandlerOptions{Level: slog.LevelDebug})))
	member := enter(t, f.Debug(true).Logger(logger), cfg, "node-1")
	if _, _, err := member.says.Await(soon(t), 0, func(m probe.Message) bool { return want(m.ElectionMessage) }); err != nil {
		t.Errorf("%v", err)
	}
	r.note(member.Member)
	if err := member.Close(); err != nil {
		r.note(err)
	}
	for _, m := range member.says.All() {
		r.note(m.ElectionMessage)
		r.note(m.Err)
	}
	if text.Len() == 0 || lines.Len() == 0 {
		t.Error("nothing was logged")
	}
	_, _ = fmt.Fprintln(r, text.String(), lines.String())
}

// refused notes why Build refuses.
func (r *record) refused(t *testing.T, f *leadership.ClusterFactory, cfg leadership.Config, says string) {
	t.Helper()
	m, err := f.Configure(cfg).Build(t.Context())
	if err == nil {
		t.Errorf("built, where a refusal with %q is due", says)
		_ = m.Close()
		return
	}
	if !strings.Contains(err.Error(), says) {
		t.Errorf("refused with %v; want %q", err, says)
	}
	r.note(err)
}

// hides checks that no secret is in the record, in any usual coding.
func (r *record) hides(t *testing.T, secrets ...string) {
	t.Helper()
	text := r.String()
	for _, secret := range secrets {
		if len(secret) < 8 {
			t.Fatalf("the secret %q may be anywhere", secret)
		}
		quoted := fmt.Sprintf("%q", secret)
		for _, form := range []string{
			secret, url.QueryEscape(secret), url.PathEscape(secret), quoted[1 : len(quoted)-1],
			base64.StdEncoding.EncodeToString([]byte(secret)), fmt.Sprintf("%x", secret), fmt.Sprintf("%d", []byte(secret)),
		} {
			if at := strings.Index(text, strings.TrimRight(form, "=")); at >= 0 {
				t.Errorf("%q is in what was said or logged, as %q: …%s…", secret, form, text[max(0, at-300):min(len(text), at+len(form)+100)])
			}
		}
	}
	for _, word := range []string{"PRIVATE KEY"} {
		if strings.Contains(text, word) {
			t.Errorf("%q is in what was said or logged", word)
		}
	}
}

func leads(m leadership.ElectionMessage) bool { return m.Status == leadership.StatusElectedFirst }

func fails(text string) func(leadership.ElectionMessage) bool {
	return func(m leadership.ElectionMessage) bool {
		return m.Status == leadership.StatusError && strings.Contains(m.Err.Error(), text)
	}
}

// keyLine is one line of a private key.
func keyLine(t *testing.T, file string) string {
	t.Helper()
	return strings.Split(string(must(os.ReadFile(file))(t)), "\n")[1]
}

// mirror is a server that shows a client its own request, as pages for debugging do.
func mirror(t *testing.T, status int) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(status)
		user, password, _ := r.BasicAuth()
		_, _ = fmt.Fprintf(w, "%s %s\n%v\n%s:%s", r.Method, r.URL, r.Header, user, password)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func TestSecurityConsulTellsNoSecret(t *testing.T) {
	const password = "correct-horse-battery"
	server := consulserver.Run(t, consulserver.Options{ACL: true, TLS: true, ClientCerts: true})
	good, other := issue(t, server.Authority), otherAuthority(t)
	weak, _ := consulToken(t, server.Client(), `key_prefix "services/" { policy = "read" }`)
	const unknown = "5ec4e700-dead-4bad-8bad-5ec4e75ec4e7"
	path, _ := secretFile(t, weak)
	t.Setenv(api.HTTPAuthEnvName, "operator:"+password)
	secure := consul.WithTLS(api.TLSConfig{CAFile: server.Authority.CAFile, CertFile: good.CertFile, KeyFile: good.KeyFile})
	mistrusting := consul.WithTLS(api.TLSConfig{
		CAFile:  other.CAFile,
		CertPEM: must(os.ReadFile(good.CertFile))(t), KeyPEM: must(os.ReadFile(good.KeyFile))(t),
	})
	redirecting := httptest.NewServer(http.RedirectHandler("http://operator:"+password+"@127.0.0.1:1/", http.StatusTemporaryRedirect))
	t.Cleanup(redirecting.Close)

	r := new(record)
	r.try(t, consulAt(server, secure, consul.WithToken(server.Token)), leads)
	r.try(t, consulAt(server, secure, consul.WithToken(weak)), fails("session:write"))
	r.try(t, consulAt(server, secure, consul.WithTokenFile(path)), fails("session:write"))
	r.try(t, consulAt(server, secure, consul.WithToken(unknown)), fails("ACL not found"))
	r.try(t, consulAt(server, mistrusting, consul.WithToken(server.Token)), fails("unknown authority"))
	for _, status := range []int{200, 400, 401, 404, 409, 500, 503} {
		at := consul.WithAddress(mirror(t, status))
		r.try(t, consul.NewClusterFactory(at, consul.WithToken(server.Token)), fails("create session"))
	}
	r.try(t, consul.NewClusterFactory(consul.WithAddress(redirecting.URL), consul.WithToken(server.Token)), fails("redirects are not followed"))
	r.try(t, consul.NewClusterFactory(consul.WithAddress("127.0.0.1:1"), consul.WithToken(server.Token)), fails("refused"))

	withUser := "https://operator:" + password + "@" + server.Addr
	for _, address := range []string{withUser, withUser[len("https://"):], "ftp://" + withUser[len("https://"):], withUser + "/prefix"} {
		r.refused(t, consul.NewClusterFactory(consul.WithAddress(address)), leadership.Config{}, "must not hold a user or a password")
	}
	cfg := leadership.Config{Consul: leadership.ConsulConfig{Host: "operator:" + password + "@localhost"}}
	r.refused(t, consul.NewClusterFactory(), cfg, "must be a host name or an IP address")
	t.Setenv(api.HTTPAddrEnvName, withUser)
	r.refused(t, consul.NewClusterFactory(), leadership.Config{}, api.HTTPAddrEnvName)
	t.Setenv(api.HTTPAddrEnvName, "")
	r.refused(t, consul.NewClusterFactory(consul.WithToken(unknown), consul.WithTokenFile(path)), leadership.Config{}, "excludes a token")

	backend := must(consul.NewBackend(leadership.ConsulConfig{}, consul.WithToken(unknown), secure))(t)
	r.note(backend)
	r.note(consulAt(server, consul.WithToken(unknown), secure))
	if err := backend.Close(); err != nil {
		t.Error(err)
	}
	r.hides(t, server.Token, weak, unknown, password, "operator:"+password, keyLine(t, good.KeyFile))
}

func TestSecurityEtcdTellsNoSecret(t *testing.T) {
	const password, wrong = "correct-horse-battery", "incorrect-horse-battery"
	server := etcdserver.Start(t, etcdserver.Options{RootPassword: password, TLS: true, ClientCerts: true})
	good, other := issue(t, server.Authority()), otherAuthority(t)
	trusting := must(server.Authority().Client(good))(t)
	mistrusting := must(other.Client(good))(t)
	root := server.Dial(t)
	must(root.UserAdd(soon(t), "weak", password+"-weak"))(t)
	path, _ := secretFile(t, password)
	at := etcd.WithEndpoints(server.Endpoints()...)
	as := func(cfg *tls.Config, user, password string) *leadership.ClusterFactory {
		return etcd.NewClusterFactory(at, etcd.WithTLS(cfg), etcd.WithUser(user, password))
	}

	r := new(record)
	r.try(t, as(trusting, "root", password), leads)
	r.try(t, etcd.NewClusterFactory(at, etcd.WithTLS(trusting), etcd.WithPasswordFile("root", path)), leads)
	r.try(t, as(trusting, "root", wrong), fails("authentication failed"))
	r.try(t, as(trusting, "weak", password+"-weak"), fails("permission denied"))
	r.try(t, as(mistrusting, "root", password), fails("unknown authority"))
	web := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(web.Close)
	r.try(t, etcd.NewClusterFactory(etcd.WithEndpoints(web.Listener.Addr().String()), etcd.WithUser("root", password)), fails("open session"))

	for _, endpoint := range []string{"https://root:" + password + "@localhost:2379", "root:" + password + "@localhost:2379", "ftp://root:" + password + "@localhost:2379"} {
		r.refused(t, etcd.NewClusterFactory(etcd.WithEndpoints(endpoint)), leadership.Config{}, "endpoints[0]")
		cfg := leadership.Config{Etcd: leadership.EtcdConfig{Endpoints: []string{endpoint}}}
		r.refused(t, etcd.NewClusterFactory(), cfg, "etcd.endpoints[0]")
	}
	r.refused(t, etcd.NewClusterFactory(etcd.WithUser("", password)), leadership.Config{}, "must not be empty")
	t.Setenv("ETCDCTL_PASSWORD", password)
	r.refused(t, etcd.NewClusterFactory(), leadership.Config{}, "ETCDCTL_USER")
	t.Setenv("ETCDCTL_ENDPOINTS", "http://root:"+password+"@localhost:2379")
	t.Setenv("ETCDCTL_USER", "root")
	r.refused(t, etcd.NewClusterFactory(), leadership.Config{}, "ETCDCTL_ENDPOINTS[0]")

	r.note(etcd.NewBackend(root))
	r.note(as(trusting, "root", password))
	r.hides(t, password, wrong, "root:"+password, keyLine(t, good.KeyFile))
}
