package leadership

import (
	"fmt"
	"os"
	"strings"
	"time"
	"unicode/utf8"
)

// Config holds the settings of one election. The zero value of each field means its default; [ClusterFactory.Build]
// checks all of them once. Package config reads a Config from YAML and the environment.
type Config struct {
	// ServiceName is the service that elects one leader. Default "cluster-app".
	ServiceName string
	// ServiceID is this instance, as others see it in the vote. Default: host name and process id, "web-3/4711".
	ServiceID string
	// Consul is where package consul finds its server, unless it is given a client or an address.
	Consul ConsulConfig
	// Etcd is where package etcd finds its servers, unless it is given a client or endpoints.
	Etcd EtcdConfig
	// Session sets the lease that a term rests on.
	Session SessionConfig
	// Election sets the votes.
	Election ElectionConfig
}

// ConsulConfig names a Consul agent.
type ConsulConfig struct {
	// Host of the agent. Default "localhost", or what the environment of Consul's client says.
	Host string
	// Port of the agent's HTTP API, 1 to 65535. Default 8500.
	Port int
	// Discovery must stay disabled: the agent finds its servers by itself. It is here because files written for the Java
	// library carry it.
	Discovery DiscoveryConfig
}

// DiscoveryConfig is a switch that the Java library's files carry.
type DiscoveryConfig struct {
	// Enabled must be false.
	Enabled bool
}

// EtcdConfig names an etcd cluster.
type EtcdConfig struct {
	// Endpoints are the client URLs or host:port pairs. Nil means localhost:2379; an empty list is refused.
	Endpoints []string
}

// SessionConfig sets the lease that a term rests on.
type SessionConfig struct {
	// TTL is how long the store keeps a session that is no longer renewed. Default 15 s. The store may bound it.
	TTL time.Duration
	// Refresh is how often the session is renewed and leadership proved. Default 7/15 of the TTL, so 7 s of 15 s. It must leave
	// time for two whole attempts before the deadline.
	Refresh time.Duration
	// Drift is how much the store's clock may be ahead of ours within one TTL. A leader stops believing that much before
	// the TTL is over. Default TTL/20.
	Drift time.Duration
}

// ElectionConfig sets the votes.
type ElectionConfig struct {
	// Frequency is how often elected or notelected is repeated, and the least often a waiting candidate reads the key. Default 10 s.
	Frequency time.Duration
	// Delay comes before the first vote. Default 0: stand at once.
	Delay time.Duration
	// TakeoverDelay makes a successor wait that long before it believes, whenever the last holder is not known to have resigned. Default 0.
	// Set it to the TTL where an operator may destroy sessions of a leader that is cut off.
	TakeoverDelay time.Duration
	// EnvelopeTemplate makes the key from the service name in place of its one %s. Default "services/%s/leader".
	EnvelopeTemplate string
}

// maxVoteSize bounds the encoded vote: 64 KiB.
const maxVoteSize = 64 << 10

// minAttempt is the least time that one renewal attempt must have.
const minAttempt = 20 * time.Millisecond

// Key is the election's key at the store.
func (c Config) Key() string {
	return strings.Replace(c.Election.EnvelopeTemplate, "%s", c.ServiceName, 1)
}

// attempt bounds one renewal attempt, so that two of them fit between a refresh and the deadline.
func (c SessionConfig) attempt() time.Duration { return (c.TTL - c.Drift - c.Refresh) / 2 }

// withDefaults fills what was left at zero.
func (c Config) withDefaults() Config {
	def := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	if c.ServiceName == "" {
		c.ServiceName = "cluster-app"
	}
	if c.ServiceID == "" {
		host, err := os.Hostname()
		if err != nil {
			host = "unknown"
		}
		c.ServiceID = fmt.Sprintf("%s/%d", host, os.Getpid())
	}
	if c.Election.EnvelopeTemplate == "" {
		c.Election.EnvelopeTemplate = "services/%s/leader"
	}
	def(&c.Session.TTL, 15*time.Second)
	def(&c.Session.Refresh, c.Session.TTL*7/15)
	def(&c.Session.Drift, c.Session.TTL/20)
	def(&c.Election.Frequency, 10*time.Second)
	return c
}

// validate checks every rule that does not depend on the store.
func (c Config) validate() error {
	for _, d := range []struct {
		field string
		value time.Duration
	}{
		{"session.ttl", c.Session.TTL},
		{"session.refresh", c.Session.Refresh},
		{"session.drift", c.Session.Drift},
		{"election.frequency", c.Election.Frequency},
		{"election.delay", c.Election.Delay},
		{"election.takeoverDelay", c.Election.TakeoverDelay},
	} {
		if d.value < 0 {
			return InvalidConfig(d.field, d.value, "must not be negative")
		}
	}
	if c.Session.Refresh >= c.Session.TTL {
		return InvalidConfig("session.refresh", c.Session.Refresh, fmt.Sprintf("must be below session.ttl %v", c.Session.TTL))
	}
	if c.Session.attempt() < minAttempt {
		return InvalidConfig("session.refresh", c.Session.Refresh, fmt.Sprintf(
			"must leave two attempts of %v before session.ttl %v less session.drift %v", minAttempt, c.Session.TTL, c.Session.Drift))
	}
	if c.Consul.Port < 0 || c.Consul.Port > 65535 {
		return InvalidConfig("consul.port", c.Consul.Port, "must be between 1 and 65535")
	}
	if c.Consul.Discovery.Enabled {
		return InvalidConfig("consul.discovery.enabled", true, "must be false: the agent finds its servers by itself")
	}
	if c.Etcd.Endpoints != nil && len(c.Etcd.Endpoints) == 0 {
		return InvalidConfig("etcd.endpoints", c.Etcd.Endpoints, "must name at least one endpoint")
	}
	if n := strings.Count(c.Election.EnvelopeTemplate, "%s"); n != 1 || strings.Count(c.Election.EnvelopeTemplate, "%") != 1 {
		return InvalidConfig("election.envelopeTemplate", fmt.Sprintf("%q", c.Election.EnvelopeTemplate), "must hold exactly one %s and no other %")
	}
	if err := validateKey(c.Key()); err != nil {
		return err
	}
	if !utf8.ValidString(c.ServiceID) {
		return InvalidConfig("serviceId", fmt.Sprintf("%q", c.ServiceID), "must be UTF-8")
	}
	vote := Vote{SessionID: strings.Repeat("x", 64), ServiceName: c.ServiceName, ServiceID: c.ServiceID}
	if n := len(vote.Encode()); n > maxVoteSize {
		return InvalidConfig("serviceId", fmt.Sprintf("of %d bytes", len(c.ServiceID)), fmt.Sprintf("makes a vote of %d bytes; at most %d fit", n, maxVoteSize))
	}
	return nil
}

// validateKey refuses keys that a store or its tools would read as something else.
func validateKey(key string) error {
	refuse := func(rule string) error { return InvalidConfig("key", fmt.Sprintf("%q", key), rule) }
	switch {
	case key == "":
		return refuse("must not be empty")
	case !utf8.ValidString(key):
		return refuse("must be UTF-8")
	case strings.ContainsRune(key, 0):
		return refuse("must not contain NUL")
	case strings.HasPrefix(key, "/"), strings.HasSuffix(key, "/"):
		return refuse("must not start or end with /")
	}
	for part := range strings.SplitSeq(key, "/") {
		if part == ".." || part == "." {
			return refuse("must not contain the path element " + part)
		}
	}
	return nil
}
