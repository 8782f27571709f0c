package consul

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/leadership-go/leadership"
)

func TestSessionChecksThatBreakARule(t *testing.T) {
	cfg := leadership.Config{ServiceName: "app", Session: leadership.SessionConfig{TTL: checkedTTL}, Election: leadership.ElectionConfig{EnvelopeTemplate: "services/%s/leader"}}
	of := func(change func(*api.AgentServiceCheck)) []Option {
		c := tcp()
		change(&c)
		return []Option{WithSessionCheck(c)}
	}
	for _, c := range []struct {
		name string
		opts []Option
		want string // "" when all is well
	}{
		{"TCP", []Option{WithSessionCheck(tcp())}, ""},
		{"HTTP", []Option{WithSessionCheck(api.AgentServiceCheck{HTTP: "http://localhost/alive", Interval: "2s", Timeout: "500ms", Method: http.MethodHead})}, ""},
		{"TTL", []Option{WithSessionCheck(api.AgentServiceCheck{TTL: "1.5s", Name: "alive"})}, ""},
		{"all that may be set", of(func(c *api.AgentServiceCheck) {
			c.Status, c.DeregisterCriticalServiceAfter, c.FailuresBeforeCritical = api.HealthCritical, "90m", 2
		}), ""},
		{"with others", append(of(func(*api.AgentServiceCheck) {}), WithNodeChecks("serfHealth"), WithLockDelay(2*time.Second)), ""},
		{"none at all", []Option{WithSessionCheck(api.AgentServiceCheck{Interval: "1s"})}, "consul session check must be of one kind"},
		{"two kinds", of(func(c *api.AgentServiceCheck) { c.HTTP = "http://localhost" }), "must be of one kind"},
		{"another kind", []Option{WithSessionCheck(api.AgentServiceCheck{GRPC: "localhost:1", Interval: "1s"})}, "must be of one kind"},
		{"another kind beside", of(func(c *api.AgentServiceCheck) { c.AliasService = "web" }), "must be of one kind"},
		{"a script beside", of(func(c *api.AgentServiceCheck) { c.Args = []string{"true"} }), "must be of one kind"},
		{"no interval", of(func(c *api.AgentServiceCheck) { c.Interval = "" }), `consul session check interval "" must be at least 1s`},
		{"an interval that agents raise", of(func(c *api.AgentServiceCheck) { c.Interval = "999ms" }), `consul session check interval "999ms" must be a duration of at least 1s`},
		{"an interval without a unit", of(func(c *api.AgentServiceCheck) { c.Interval = "1" }), `consul session check interval "1" must be a duration`},
		{"an interval of a TTL", []Option{WithSessionCheck(api.AgentServiceCheck{TTL: "2s", Interval: "1s"})}, "consul session check interval 1s must be empty"},
		{"no time to answer", of(func(c *api.AgentServiceCheck) { c.Timeout = "0s" }), `consul session check timeout "0s" must be`},
		{"a TTL that is none", []Option{WithSessionCheck(api.AgentServiceCheck{TTL: "soon"})}, `consul session check TTL "soon" must be`},
		{"a TTL that runs out before the session's", []Option{WithSessionCheck(api.AgentServiceCheck{TTL: "1499ms"})}, "consul session check TTL 1499ms must be at least session.ttl 1.5s: renewals pass it"},
		{"a removal that agents put off", of(func(c *api.AgentServiceCheck) { c.DeregisterCriticalServiceAfter = "59s" }), `consul session check deregistration "59s" must be a duration of at least 1m0s`},
		{"a status that is none", of(func(c *api.AgentServiceCheck) { c.Status = "fine" }), `consul session check status "fine" must be passing, warning or critical`},
		{"an id", of(func(c *api.AgentServiceCheck) { c.CheckID = "web" }), "consul session check id web must be empty"},
		{"and a node", []Option{WithSessionCheck(tcp()), WithNode("db-1")}, "consul session check excludes a node"},
		{"and a datacenter", []Option{WithSessionCheck(tcp()), WithDatacenter("dc2")}, "consul session check excludes a datacenter"},
		{"and a lock-delay below the TTL", []Option{WithSessionCheck(tcp()), WithLockDelay(time.Second)}, "consul lock-delay 1s must be at least session.ttl 1.5s"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, err := connect(cfg, c.opts)
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
				t.Errorf("error %v; want the text %q", err, c.want)
			}
		})
	}
}

func TestTTLBelowConsulsLeastNeedsChecks(t *testing.T) {
	for _, c := range []struct {
		name   string
		opts   []Option
		ttl    time.Duration
		stored time.Duration // 0: refused
		delay  time.Duration
	}{
		{"without checks it is refused", []Option{WithLockDelay(time.Minute)}, checkedTTL, 0, 0},
		{"with a session check the store keeps its least", []Option{WithSessionCheck(tcp())}, checkedTTL, 10 * time.Second, checkedTTL},
		{"with node checks, too", []Option{WithNodeChecks("serfHealth")}, checkedTTL, 10 * time.Second, checkedTTL},
		{"with service checks, too", []Option{WithServiceChecks(api.ServiceCheck{ID: "web"})}, checkedTTL, 10 * time.Second, checkedTTL},
		{"with another least the store keeps that", []Option{WithSessionCheck(tcp()), WithMinTTL(2 * time.Second)}, checkedTTL, 2 * time.Second, checkedTTL},
		{"above the least it is the store's, too", []Option{WithSessionCheck(tcp())}, 12 * time.Second, 12 * time.Second, 12 * time.Second},
		{"a longer lock-delay may be set", []Option{WithSessionCheck(tcp()), WithLockDelay(3 * time.Second)}, checkedTTL, 10 * time.Second, 3 * time.Second},
		{"a TTL below what a lock-delay can be is refused", []Option{WithSessionCheck(tcp())}, time.Millisecond - 1, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := collect(c.opts)
			if err != nil {
				t.Fatal(err)
			}
			err = s.checkTTL("session.ttl", c.ttl)
			if refused := errors.Is(err, leadership.ErrInvalidConfig); refused != (c.stored == 0) {
				t.Fatalf("%v", err)
			}
			if c.stored != 0 && (s.storedTTL(c.ttl) != c.stored || s.delay(c.ttl) != c.delay) {
				t.Errorf("stored for %v with a lock-delay of %v; want %v and %v", s.storedTTL(c.ttl), s.delay(c.ttl), c.stored, c.delay)
			}
		})
	}
}
