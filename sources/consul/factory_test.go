package consul

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/leadership-go/leadership"
)

func TestSettingsThatBreakARule(t *testing.T) {
	good := leadership.Config{
		ServiceName: "app", ServiceID: "node",
		Session:  leadership.SessionConfig{TTL: 15 * time.Second},
		Election: leadership.ElectionConfig{EnvelopeTemplate: "services/%s/leader"},
	}
	long := good
	long.Session.TTL = 2 * time.Minute
	with := func(change func(*leadership.Config)) leadership.Config {
		c := good
		change(&c)
		return c
	}
	client, err := api.NewClient(api.DefaultNonPooledConfig())
	if err != nil {
		t.Fatal(err)
	}
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, []byte("\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		cfg  leadership.Config
		opts []Option
		want string // "" when all is well
	}{
		{"nothing wrong", good, nil, ""},
		{"bad input 17: TTL below Consul's least", with(func(c *leadership.Config) { c.Session.TTL = 9999 * time.Millisecond }), nil, "session.ttl 9.999s must be between 10s and 24h0m0s"},
		{"bad input 17: TTL above Consul's most", with(func(c *leadership.Config) { c.Session.TTL = 24*time.Hour + 1 }), nil, "session.ttl 24h0m0.000000001s must be between"},
		{"a lower TTL where the server allows it", with(func(c *leadership.Config) { c.Session.TTL = time.Second }), []Option{WithMinTTL(time.Second)}, ""},
		{"a least TTL of zero", good, []Option{WithMinTTL(0)}, "consul minimum TTL 0s must be above 0"},
		{"bad input 18: lock-delay negative", good, []Option{WithLockDelay(-1)}, "consul lock-delay -1ns must be between 0 and 1m0s"},
		{"bad input 18: lock-delay over 60 s", good, []Option{WithLockDelay(60*time.Second + 1)}, "consul lock-delay 1m0.000000001s must be between 0 and 1m0s"},
		{"a lock-delay of zero", good, []Option{WithLockDelay(0)}, ""},
		{"a lock-delay of 60 s", good, []Option{WithLockDelay(time.Minute)}, ""},
		{"failure 10: checks with a lock-delay below the TTL", good, []Option{WithNodeChecks("serfHealth"), WithLockDelay(time.Second)}, "consul lock-delay 1s must be at least session.ttl 15s"},
		{"failure 10: checks with the default lock-delay", good, []Option{WithServiceChecks(api.ServiceCheck{ID: "web"})}, ""},
		{"checks and a TTL that no lock-delay covers", long, []Option{WithNodeChecks("serfHealth")}, "session.ttl 2m0s must be at most 1m0s"},
		{"a node check without a name", good, []Option{WithNodeChecks("")}, "consul node check"},
		{"a service check without a name", good, []Option{WithServiceChecks(api.ServiceCheck{})}, "consul service check"},
		{"bad input 19: a key that Consul redirects", with(func(c *leadership.Config) { c.ServiceName = "a//b" }), nil, `key "services/a//b/leader" must not contain //`},
		{"a client and an address", good, []Option{WithClient(client), WithAddress("x:1")}, "excludes an address"},
		{"a client and TLS", good, []Option{WithClient(client), WithTLS(api.TLSConfig{})}, "excludes an address and TLS"},
		{"a client", good, []Option{WithClient(client)}, ""},
		{"a token and a token file", good, []Option{WithToken("a"), WithTokenFile("b")}, "consul token file b excludes a token"},
		{"a token file that is not there", good, []Option{WithTokenFile("/no/such/file")}, "consul token file /no/such/file can't be read"},
		{"a token file with nothing in it", good, []Option{WithTokenFile(empty)}, "is empty"},
		{"an address with an unknown scheme", good, []Option{WithAddress("ftp://x")}, `consul address "ftp://x" can't be used`},
		{"a host with a path", with(func(c *leadership.Config) { c.Consul.Host = "http://x" }), nil, `consul.host "http://x" must be a host name`},
		{"a port out of range", with(func(c *leadership.Config) { c.Consul.Port = 65536 }), nil, "consul.port 65536 must be between 1 and 65535"},
		{"a CA file that is not there", good, []Option{WithTLS(api.TLSConfig{CAFile: "/no/such/ca"})}, "consul TLS /no/such/ca can't be used"},
		{"half a key pair", good, []Option{WithTLS(api.TLSConfig{CertFile: "/no/such/cert"})}, "both client cert and client key"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, err := connect(c.cfg, c.opts)
			if c.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				if err := b.Close(); err != nil {
					t.Fatal(err)
				}
				return
			}
			if !errors.Is(err, leadership.ErrInvalidConfig) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v; want %v with the text %q", err, leadership.ErrInvalidConfig, c.want)
			}
		})
	}
	t.Run("a switch in the environment that is neither true nor false", func(t *testing.T) {
		t.Setenv(api.HTTPSSLEnvName, "perhaps")
		if _, err := connect(good, nil); !errors.Is(err, leadership.ErrInvalidConfig) || !strings.Contains(err.Error(), `CONSUL_HTTP_SSL "perhaps" must be true or false`) {
			t.Errorf("error %v", err)
		}
	})
	t.Run("a token file in the environment that is not there", func(t *testing.T) {
		t.Setenv(api.HTTPTokenFileEnvName, "/no/such/file")
		if _, err := connect(good, nil); !errors.Is(err, leadership.ErrInvalidConfig) {
			t.Errorf("error %v", err)
		}
	})
	t.Run("Build does not wait for an agent", func(t *testing.T) {
		m, err := NewClusterFactory(WithAddress("127.0.0.1:1")).Configure(good).Build(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		_ = m.Close()
	})
}

func TestLockDelay(t *testing.T) {
	for _, c := range []struct {
		name string
		opts []Option
		want time.Duration
	}{
		{"is the smallest possible without checks", nil, time.Millisecond},
		{"is one TTL with node checks", []Option{WithNodeChecks("serfHealth")}, 15 * time.Second},
		{"is one TTL with service checks", []Option{WithServiceChecks(api.ServiceCheck{ID: "web"})}, 15 * time.Second},
		{"of zero is the smallest possible, because Consul takes zero for its default", []Option{WithLockDelay(0)}, time.Millisecond},
		{"is rounded up to milliseconds", []Option{WithLockDelay(1500 * time.Microsecond)}, 2 * time.Millisecond},
		{"is what was set", []Option{WithLockDelay(time.Minute)}, time.Minute},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := collect(c.opts)
			if err != nil {
				t.Fatal(err)
			}
			if got := s.delay(15 * time.Second); got != c.want {
				t.Errorf("%v, want %v", got, c.want)
			}
		})
	}
}

func TestAddress(t *testing.T) {
	for _, c := range []struct {
		name        string
		option      string
		host        string
		port        int
		environment string
		want        string
	}{
		{"comes from the environment", "", "", 0, "agent:1", "agent:1"},
		{"comes from the option first of all", "there:3", "here", 2, "agent:1", "there:3"},
		{"comes from the configuration before the environment", "", "here", 2, "agent:1", "here:2"},
		{"of a host alone has the usual port", "", "here", 0, "agent:1", "here:8500"},
		{"of a port alone has the environment's host", "", "", 2, "agent:1", "agent:2"},
		{"of a port alone keeps the environment's scheme and path", "", "", 2, "https://agent:1/consul", "https://agent:2/consul"},
		{"of a host alone keeps the environment's scheme", "", "here", 0, "https://agent:1/consul", "https://here:8500"},
		{"of a port alone leaves a socket", "", "", 2, "unix:///run/consul.sock", "localhost:2"},
		{"may be a socket", "", "", 0, "unix:///run/consul.sock", "unix:///run/consul.sock"},
		{"of IPv6 gets its brackets", "", "::1", 2, "agent:1", "[::1]:2"},
		{"of IPv6 keeps its brackets", "", "[::1]", 2, "agent:1", "[::1]:2"},
		{"of IPv6 in the environment", "", "", 2, "[::1]:1", "[::1]:2"},
		{"without a port in the environment", "", "", 2, "agent", "agent:2"},
		{"without a host in the environment", "", "", 2, ":1", "localhost:2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := address(leadership.ConsulConfig{Host: c.host, Port: c.port}, settings{address: c.option}, c.environment)
			if err != nil || got != c.want {
				t.Errorf("%q, %v; want %q", got, err, c.want)
			}
		})
	}
}
