package etcd

import (
	"context"
	"crypto/tls"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/leadership-go/leadership"
)

func variables(list ...string) func(string) string {
	return func(name string) string {
		for i := 0; i < len(list); i += 2 {
			if list[i] == name {
				return list[i+1]
			}
		}
		return ""
	}
}

func file(t *testing.T, content string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "file.pem")
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestSettingsThatAreRefused(t *testing.T) {
	client := clientv3.NewCtxClient(context.Background())
	t.Cleanup(func() { _ = client.Close() })
	endpoints := func(list ...string) leadership.Config {
		return leadership.Config{Etcd: leadership.EtcdConfig{Endpoints: list}}
	}
	ttl := func(d time.Duration) leadership.Config {
		return leadership.Config{Session: leadership.SessionConfig{TTL: d}}
	}
	notPEM := file(t, "no certificate")
	for _, c := range []struct {
		sentence string
		cfg      leadership.Config
		env      []string
		opts     []Option
		says     []string
	}{
		{"a TTL below what etcd can count", ttl(999 * time.Millisecond), nil, nil, []string{"session.ttl", "999ms", "at least 1s"}},
		{"a TTL above what etcd can count", ttl(math.MaxInt64), nil, nil, []string{"session.ttl", "at most 9000000000 s"}},
		{"no endpoint", endpoints(), nil, []Option{WithEndpoints()}, []string{"endpoints", "at least one"}},
		{"an empty endpoint", endpoints("a:1", ""), nil, nil, []string{"etcd.endpoints[1]", `""`, "host:port"}},
		{"an endpoint without a port", endpoints("etcd"), nil, nil, []string{"etcd.endpoints[0]", `"etcd"`, "host:port"}},
		{"an endpoint without a host", endpoints(":2379"), nil, nil, []string{"etcd.endpoints[0]", "host:port"}},
		{"a port that is too high", endpoints("etcd:65536"), nil, nil, []string{"etcd.endpoints[0]", "between 1 and 65535"}},
		{"a port 0", endpoints("etcd:0"), nil, nil, []string{"between 1 and 65535"}},
		{"white space", endpoints("etcd:2379 "), nil, nil, []string{"white space"}},
		{"another scheme", endpoints("ftp://etcd:2379"), nil, nil, []string{"ftp", "https://host:port"}},
		{"a path", endpoints("http://etcd:2379/v3"), nil, nil, []string{"nothing but a host and a port"}},
		{"credentials in a URL", endpoints("http://u:p@etcd:2379"), nil, nil, []string{"nothing but a host and a port"}},
		{"a socket without a path", endpoints("unix://"), nil, nil, []string{"unix:path"}},
		{"http beside https", endpoints("https://a:1", "http://b:1"), nil, nil, []string{"etcd.endpoints[1]", "if and only if"}},
		{"http under TLS", endpoints("http://a:1"), nil, []Option{WithTLS(&tls.Config{MinVersion: tls.VersionTLS12})}, []string{"etcd.endpoints[0]", "TLS"}},
		{"a variable with a bad endpoint", leadership.Config{}, []string{"ETCDCTL_ENDPOINTS", "a:1,b"}, nil, []string{"ETCDCTL_ENDPOINTS[1]", `"b"`}},
		{"a user without a password", leadership.Config{}, []string{"ETCDCTL_USER", "root"}, nil, []string{"ETCDCTL_USER", "root", "ETCDCTL_PASSWORD"}},
		{"a password without a user", leadership.Config{}, []string{"ETCDCTL_PASSWORD", "secret"}, nil, []string{"ETCDCTL_USER"}},
		{"a user without a name", leadership.Config{}, nil, []Option{WithUser("", "secret")}, []string{"user", "empty"}},
		{"a user without a password, as an option", leadership.Config{}, nil, []Option{WithUser("root", "")}, []string{"user", "root", "password"}},
		{"an authority that is not there", leadership.Config{}, []string{"ETCDCTL_CACERT", "/nowhere/ca.pem"}, nil, []string{"ETCDCTL_CACERT", "/nowhere/ca.pem", "readable"}},
		{"an authority that is none", leadership.Config{}, []string{"ETCDCTL_CACERT", notPEM}, nil, []string{"ETCDCTL_CACERT", "PEM"}},
		{"a certificate without a key", leadership.Config{}, []string{"ETCDCTL_CERT", notPEM}, nil, []string{"ETCDCTL_CERT", "ETCDCTL_KEY"}},
		{"a key without a certificate", leadership.Config{}, []string{"ETCDCTL_KEY", notPEM}, nil, []string{"ETCDCTL_KEY", "ETCDCTL_CERT"}},
		{"a certificate that is none", leadership.Config{}, []string{"ETCDCTL_CERT", notPEM, "ETCDCTL_KEY", notPEM}, nil, []string{"ETCDCTL_CERT", "certificate"}},
		{"no client", leadership.Config{}, nil, []Option{WithClient(nil)}, []string{"client", "nil"}},
		{"endpoints beside a client", leadership.Config{}, nil, []Option{WithClient(client), WithEndpoints("a:1")}, []string{"endpoints", "a:1", "beside a client"}},
		{"TLS beside a client", leadership.Config{}, nil, []Option{WithClient(client), WithTLS(&tls.Config{MinVersion: tls.VersionTLS12})}, []string{"tls", "beside a client"}},
		{"a user beside a client", leadership.Config{}, nil, []Option{WithClient(client), WithUser("root", "secret")}, []string{"user", "root", "beside a client"}},
	} {
		b, err := connect(c.cfg, variables(c.env...), c.opts)
		if b != nil {
			t.Errorf("%s: taken", c.sentence)
			_ = b.Close()
			continue
		}
		if !errors.Is(err, leadership.ErrInvalidConfig) {
			t.Errorf("%s: %v", c.sentence, err)
			continue
		}
		for _, word := range c.says {
			if !strings.Contains(err.Error(), word) {
				t.Errorf("%s: %q does not say %q", c.sentence, err, word)
			}
		}
		if strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %q gives the password away", c.sentence, err)
		}
	}
}

func TestWhereSettingsComeFrom(t *testing.T) {
	env := []string{"ETCDCTL_ENDPOINTS", "env-1:1, env-2:2", "ETCDCTL_USER", "root:pass:word"}
	cfg := leadership.Config{Etcd: leadership.EtcdConfig{Endpoints: []string{"cfg:1"}}}
	for _, c := range []struct {
		sentence       string
		cfg            leadership.Config
		env            []string
		opts           []Option
		endpoints      []string
		user, password string
	}{
		{"by default", leadership.Config{}, nil, nil, []string{"localhost:2379"}, "", ""},
		{"from the environment", leadership.Config{}, env, nil, []string{"env-1:1", "env-2:2"}, "root", "pass:word"},
		{"from the configuration before the environment", cfg, env, nil, []string{"cfg:1"}, "root", "pass:word"},
		{"from options first", cfg, env, []Option{WithEndpoints("opt:1"), WithUser("me", "mine"), nil}, []string{"opt:1"}, "me", "mine"},
		{
			"a password of its own leaves the user's colon alone",
			leadership.Config{},
			[]string{"ETCDCTL_USER", "a:b", "ETCDCTL_PASSWORD", "c"},
			nil,
			[]string{"localhost:2379"},
			"a:b", "c",
		},
	} {
		var s settings
		for _, o := range c.opts {
			if o != nil {
				o(&s)
			}
		}
		got, err := s.clientConfig(c.cfg, variables(c.env...))
		if err != nil {
			t.Errorf("%s: %v", c.sentence, err)
			continue
		}
		if !slices.Equal(got.Endpoints, c.endpoints) || got.Username != c.user || got.Password != c.password {
			t.Errorf("%s: %q, %q, %q", c.sentence, got.Endpoints, got.Username, got.Password)
		}
		if got.TLS != nil || got.DialKeepAliveTime <= 0 || got.DialKeepAliveTimeout <= 0 || got.Logger == nil || got.AutoSyncInterval != 0 {
			t.Errorf("%s: %+v", c.sentence, got)
		}
	}
}

func TestBuildNeitherConnectsNorWaits(t *testing.T) {
	for sentence, opts := range map[string][]Option{
		"without a user": {WithEndpoints("192.0.2.1:2379")},
		"with a user":    {WithEndpoints("192.0.2.1:2379"), WithUser("root", "secret"), WithNamespace("team/")},
	} {
		b, err := connect(leadership.Config{}, variables(), opts)
		if err != nil {
			t.Fatalf("%s: %v", sentence, err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		if _, err := b.Open(ctx, time.Minute); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: open without a store: %v", sentence, err)
		}
		cancel()
		if err := b.Close(); err != nil {
			t.Errorf("%s: close: %v", sentence, err)
		}
		if err := b.Close(); err != nil {
			t.Errorf("%s: close again: %v", sentence, err)
		}
		if _, err := b.Observe(t.Context(), "k"); !errors.Is(err, errClosed) {
			t.Errorf("%s: observe after close: %v", sentence, err)
		}
	}
}

func TestCloseEndsALoginThatIsUnderWay(t *testing.T) {
	b, err := connect(leadership.Config{}, variables(), []Option{WithEndpoints("192.0.2.1:2379"), WithUser("root", "secret")})
	if err != nil {
		t.Fatal(err)
	}
	const callers = 3
	ended := make(chan error, callers)
	for range callers {
		go func() { _, err := b.Observe(t.Context(), "k"); ended <- err }()
	}
	if err := b.Close(); err != nil {
		t.Error(err)
	}
	for range callers {
		if err := <-ended; err == nil {
			t.Error("a call over a closed backend: nil")
		}
	}
}

func TestNoClientIsAnErrorNotAPanic(t *testing.T) {
	b := NewBackend(nil)
	if _, err := b.Open(t.Context(), time.Second); !errors.Is(err, leadership.ErrInvalidConfig) {
		t.Error(err)
	}
	if err := b.Close(); err != nil {
		t.Error(err)
	}
}

func TestWholeSeconds(t *testing.T) {
	for ttl, want := range map[time.Duration]int64{
		1: 1, time.Second: 1, time.Second + 1: 2, 90 * time.Minute: 5400, clientv3.MaxLeaseTTL * time.Second: clientv3.MaxLeaseTTL,
	} {
		if got, err := wholeSeconds(ttl); got != want || err != nil {
			t.Errorf("%v: %d, %v", ttl, got, err)
		}
	}
	for _, ttl := range []time.Duration{0, -1, math.MinInt64, clientv3.MaxLeaseTTL*time.Second + 1} {
		if got, err := wholeSeconds(ttl); !errors.Is(err, leadership.ErrInvalidConfig) {
			t.Errorf("%v: %d, %v", ttl, got, err)
		}
	}
}

func FuzzCheckEndpoint(f *testing.F) {
	for _, e := range []string{"a:1", "[::1]:2379", "http://a:1", "https://a:65535/", "unix:/a", "unixs://b", "", ":", "http://", "a:b:1", "http://a:1?x"} {
		f.Add(e)
	}
	f.Fuzz(func(t *testing.T, e string) {
		scheme, err := checkEndpoint(e)
		switch {
		case err != nil:
			if scheme != "" {
				t.Errorf("%q: refused, but with the scheme %q", e, scheme)
			}
		case scheme == "" && strings.Contains(e, "://"), scheme != "" && !strings.HasPrefix(strings.ToLower(e), scheme+":"):
			t.Errorf("%q: scheme %q", e, scheme)
		}
		if err == nil {
			client, err := clientv3.New(clientv3.Config{Endpoints: []string{e}})
			if err != nil {
				t.Fatalf("%q passes here, and etcd's client refuses it: %v", e, err)
			}
			_ = client.Close()
		}
	})
}
