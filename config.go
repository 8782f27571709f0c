package leadership

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Config holds the settings of one election. The zero value of each field means its default; [ClusterFactory.Build]
// checks all of them once, as Validate does. Package config reads a Config from YAML and the environment; the tags name
// the settings there, below cluster.leader.
type Config struct {
	// ServiceName is the service that elects one leader. Default "cluster-app".
	ServiceName string `mapstructure:"serviceName"`
	// ServiceID is this instance, as others see it in the vote. Default: host name and process id, "web-3/4711".
	ServiceID string `mapstructure:"serviceId"`
	// Profile is what this instance says of itself beside its candidacy.
	Profile Profile `mapstructure:"profile"`
	// Consul is where package consul finds its server, unless it is given a client or an address.
	Consul ConsulConfig `mapstructure:"consul"`
	// Etcd is where package etcd finds its servers, unless it is given a client or endpoints.
	Etcd EtcdConfig `mapstructure:"etcd"`
	// Session sets the lease that a term rests on.
	Session SessionConfig `mapstructure:"session"`
	// Election sets the votes.
	Election ElectionConfig `mapstructure:"election"`
	// Lead sets how work is led for: see [Member.Lead].
	Lead LeadConfig `mapstructure:"lead"`
	// Shards sets how shards move: see [ClusterFactory.Shards].
	Shards ShardsConfig `mapstructure:"shards"`
	// Health sets how often the probe is asked that [ClusterFactory.Health] sets.
	Health HealthConfig `mapstructure:"health"`
}

// ConsulConfig names a Consul agent.
type ConsulConfig struct {
	// Host of the agent. Default "localhost", or what the environment of Consul's client says.
	Host string `mapstructure:"host"`
	// Port of the agent's HTTP API, 1 to 65535. Default 8500.
	Port int `mapstructure:"port"`
	// Discovery must stay disabled: the agent finds its servers by itself. It is here because files written for the Java
	// library carry it.
	Discovery DiscoveryConfig `mapstructure:"discovery"`
}

// DiscoveryConfig is a switch that the Java library's files carry.
type DiscoveryConfig struct {
	// Enabled must be false.
	Enabled bool `mapstructure:"enabled"`
}

// EtcdConfig names an etcd cluster.
type EtcdConfig struct {
	// Endpoints are the client URLs or host:port pairs. Nil means localhost:2379; an empty list is refused.
	Endpoints []string `mapstructure:"endpoints"`
}

// SessionConfig sets the lease that a term rests on.
type SessionConfig struct {
	// TTL is how long the store keeps a session that is no longer renewed. Default 15 s. The store may bound it.
	TTL time.Duration `mapstructure:"ttl"`
	// Refresh is how often the leader renews its session and proves its leadership. Default 7/15 of the TTL, so 7 s of 15 s. It must leave
	// time for two whole attempts before the deadline. A candidate renews every two thirds of the TTL less drift.
	Refresh time.Duration `mapstructure:"refresh"`
	// Drift is how much the store's clock may be ahead of ours within one TTL. A leader stops believing that much before
	// the TTL is over. Default TTL/20.
	Drift time.Duration `mapstructure:"drift"`
}

// ElectionConfig sets the votes.
type ElectionConfig struct {
	// Frequency is how often elected or notelected is repeated. A waiting candidate of a store where a watch may hang reads the key that often, too, but no more
	// often than every two TTLs. Default 10 s.
	Frequency time.Duration `mapstructure:"frequency"`
	// Delay comes before the first vote. Default 0: stand at once.
	Delay time.Duration `mapstructure:"delay"`
	// TakeoverDelay makes a successor wait that long before it believes, whenever the last holder is not known to have resigned. Default 0.
	// Set it to the TTL where an operator may destroy sessions of a leader that is cut off.
	TakeoverDelay time.Duration `mapstructure:"takeoverDelay"`
	// Strategy names who leads where several candidates stand. Default [StrategyArrival]. [ClusterFactory.Strategy] stands above it.
	Strategy StrategyName `mapstructure:"strategy"`
	// Preempt is for how long a candidate that is to lead by the strategy must have stood, without a gap, before a leader makes way for it. At least 1 ms, and 0 where the strategy
	// is [StrategyArrival]. The leader reads the candidates twice in that time, and at every election.frequency at least. Default 0: never.
	Preempt time.Duration `mapstructure:"preempt"`
	// EnvelopeTemplate makes the key from the service name in place of its one %s. Default "services/%s/leader".
	EnvelopeTemplate string `mapstructure:"envelopeTemplate"`
}

// LeadConfig sets how work is led for: see [Member.Lead].
type LeadConfig struct {
	// Margin is how long before the deadline of its term the context of work ends, if no new proof has come. At most half of what is left of
	// the TTL after drift and refresh. Default TTL/10, or that half where it is less.
	Margin time.Duration `mapstructure:"margin"`
	// Drain is how long the key is kept for work to return. Default TTL/3.
	Drain time.Duration `mapstructure:"drain"`
	// OnFailure is what failed work leads to. Default [FailureResign].
	OnFailure FailurePolicy `mapstructure:"onFailure"`
}

// ShardsConfig sets how shards move from one member to another: see [ClusterFactory.Shards].
type ShardsConfig struct {
	// Pace is the least time between two shards that a leader gives up for a member that has come. Default 100 ms.
	Pace time.Duration `mapstructure:"pace"`
}

// HealthConfig sets how a member finds out whether it is fit to lead: see [ClusterFactory.Health].
type HealthConfig struct {
	// Interval is how often the probe is asked. Default TTL/3.
	Interval time.Duration `mapstructure:"interval"`
	// Timeout bounds one answer. At most Interval. Default Interval.
	Timeout time.Duration `mapstructure:"timeout"`
	// Rise is how many probes in a row must succeed before the member stands, at first and after it was sick. Default 1.
	Rise int `mapstructure:"rise"`
	// Fall is how many probes in a row must fail before the member stands no more. Default 3.
	Fall int `mapstructure:"fall"`
}

// ConfigError is an [ErrInvalidConfig] in its parts.
type ConfigError struct {
	// Field is the path of the setting, "session.ttl". Package config puts "cluster.leader." before it.
	Field string
	// Value is what the setting was, as it is to be printed; nil where it had better not be.
	Value any
	// Rule is what the value breaks: "must not be negative".
	Rule string
}

// Error names the field, the value and the rule.
func (e *ConfigError) Error() string {
	if e.Value == nil {
		return fmt.Sprintf("%v: %s %s", ErrInvalidConfig, e.Field, e.Rule)
	}
	return fmt.Sprintf("%v: %s %v %s", ErrInvalidConfig, e.Field, e.Value, e.Rule)
}

// Unwrap is [ErrInvalidConfig].
func (e *ConfigError) Unwrap() error { return ErrInvalidConfig }

// The defaults of a [Config].
const (
	defaultServiceName      = "cluster-app"
	defaultEnvelopeTemplate = "services/%s/leader"
	defaultTTL              = 15 * time.Second
	defaultFrequency        = 10 * time.Second
	defaultRise             = 1
	defaultFall             = 3
	defaultPace             = 100 * time.Millisecond
)

const (
	// maxVoteSize bounds the encoded vote: 64 KiB.
	maxVoteSize = 64 << 10
	// minAttempt is the least time that one renewal attempt must have.
	minAttempt = 20 * time.Millisecond
	// minPeriod is the least time between two renewals, or two votes: below, a member would flood its store.
	minPeriod = time.Millisecond
)

// Key is the election's key at the store: the template with the service name in it, each at its default where empty.
func (c Config) Key() string {
	return strings.Replace(
		cmp.Or(c.Election.EnvelopeTemplate, defaultEnvelopeTemplate), "%s", cmp.Or(c.ServiceName, defaultServiceName), 1)
}

// Validate checks every rule that does not depend on the store, with the defaults in the fields left at zero. The error is
// a [*ConfigError], so [ErrInvalidConfig]; it names the first field found wrong.
func (c Config) Validate() error { return c.withDefaults().validate() }

// attempt bounds one renewal attempt, so that two of them fit between a refresh and the deadline.
func (c SessionConfig) attempt() time.Duration { return (c.TTL - c.Drift - c.Refresh) / 2 }

// withDefaults fills what was left at zero.
func (c Config) withDefaults() Config {
	c.ServiceName = cmp.Or(c.ServiceName, defaultServiceName)
	if c.ServiceID == "" {
		host, err := os.Hostname()
		if err != nil {
			host = "unknown"
		}
		c.ServiceID = fmt.Sprintf("%s/%d", host, os.Getpid())
	}
	c.Profile.Metadata = maps.Clone(c.Profile.Metadata)
	c.Election.EnvelopeTemplate = cmp.Or(c.Election.EnvelopeTemplate, defaultEnvelopeTemplate)
	c.Session.TTL = cmp.Or(c.Session.TTL, defaultTTL)
	c.Session.Refresh = cmp.Or(c.Session.Refresh, c.Session.TTL/15*7) // divided first: no TTL overflows
	c.Session.Drift = cmp.Or(c.Session.Drift, c.Session.TTL/20)
	c.Election.Frequency = cmp.Or(c.Election.Frequency, defaultFrequency)
	c.Election.Strategy = cmp.Or(c.Election.Strategy, StrategyArrival)
	c.Lead.Margin = cmp.Or(c.Lead.Margin, min(c.Session.TTL/10, c.Session.attempt()))
	c.Lead.Drain = cmp.Or(c.Lead.Drain, c.Session.TTL/3)
	c.Lead.OnFailure = cmp.Or(c.Lead.OnFailure, FailureResign)
	c.Shards.Pace = cmp.Or(c.Shards.Pace, defaultPace)
	c.Health.Interval = cmp.Or(c.Health.Interval, max(c.Session.TTL/3, minPeriod))
	c.Health.Timeout = cmp.Or(c.Health.Timeout, c.Health.Interval)
	c.Health.Rise = cmp.Or(c.Health.Rise, defaultRise)
	c.Health.Fall = cmp.Or(c.Health.Fall, defaultFall)
	return c
}

// validate checks a config that has its defaults.
func (c Config) validate() error {
	if err := c.validateTimes(); err != nil {
		return err
	}
	if c.Lead.OnFailure != FailureResign && c.Lead.OnFailure != FailureKeep {
		return &ConfigError{"lead.onFailure", strconv.Quote(string(c.Lead.OnFailure)), `must be "resign" or "keep"`}
	}
	if _, known := c.Election.Strategy.strategy(); !known {
		return &ConfigError{"election.strategy", strconv.Quote(string(c.Election.Strategy)), `must be "arrival", "priority", "version" or "random"`}
	}
	switch {
	case c.Health.Timeout > c.Health.Interval:
		return &ConfigError{"health.timeout", c.Health.Timeout, fmt.Sprintf("must be at most health.interval %v", c.Health.Interval)}
	case c.Health.Rise < 0:
		return &ConfigError{"health.rise", c.Health.Rise, "must not be negative"}
	case c.Health.Fall < 0:
		return &ConfigError{"health.fall", c.Health.Fall, "must not be negative"}
	}
	if c.Consul.Port < 0 || c.Consul.Port > 65535 {
		return &ConfigError{"consul.port", c.Consul.Port, "must be between 1 and 65535"}
	}
	if c.Consul.Discovery.Enabled {
		return &ConfigError{"consul.discovery.enabled", true, "must be false: the agent finds its servers by itself"}
	}
	if c.Etcd.Endpoints != nil && len(c.Etcd.Endpoints) == 0 {
		return &ConfigError{"etcd.endpoints", "[]", "must name at least one endpoint"}
	}
	if slices.Contains(c.Etcd.Endpoints, "") {
		return &ConfigError{"etcd.endpoints", nil, "must not contain an empty endpoint"} // the others may hold passwords
	}
	if err := c.validateKey(); err != nil {
		return err
	}
	if !utf8.ValidString(c.ServiceID) {
		return &ConfigError{"serviceId", strconv.Quote(c.ServiceID), "must be UTF-8"}
	}
	if err := c.validateProfile(); err != nil {
		return err
	}
	return c.validateVote()
}

// validateVote refuses a vote that is too long.
func (c Config) validateVote() error {
	vote := Vote{SessionID: strings.Repeat("x", 64), ServiceName: c.ServiceName, ServiceID: c.ServiceID}
	if n := len(vote.Encode()); n > maxVoteSize {
		return &ConfigError{
			"serviceId", fmt.Sprintf("of %d bytes", len(c.ServiceID)),
			fmt.Sprintf("makes a vote of %d bytes with serviceName: at most %d fit", n, maxVoteSize),
		}
	}
	return nil
}

// validateProfile refuses a profile that no store would give back as it is.
func (c Config) validateProfile() error {
	texts := []string{c.Profile.Version}
	for name, value := range c.Profile.Metadata {
		texts = append(texts, name, value)
	}
	if i := slices.IndexFunc(texts, func(text string) bool { return !utf8.ValidString(text) }); i >= 0 {
		return &ConfigError{"profile", strconv.Quote(texts[i]), "must be UTF-8"}
	}
	if n := len(Candidate{Profile: c.Profile}.Encode()); n > maxProfileSize {
		return &ConfigError{"profile", fmt.Sprintf("of %d bytes as JSON", n), fmt.Sprintf("must be of %d bytes at most", maxProfileSize)}
	}
	return nil
}

// validateTimes checks session and election.
func (c Config) validateTimes() error {
	ttl, leastPreempt := c.Session.TTL, minPeriod
	if c.Election.Preempt == 0 {
		leastPreempt = 0
	}
	for _, d := range []struct {
		field string
		value time.Duration
		least time.Duration
	}{
		{"session.ttl", ttl, 0},
		{"session.refresh", c.Session.Refresh, minPeriod},
		{"session.drift", c.Session.Drift, 0},
		{"election.frequency", c.Election.Frequency, minPeriod},
		{"election.delay", c.Election.Delay, 0},
		{"election.takeoverDelay", c.Election.TakeoverDelay, 0},
		{"election.preempt", c.Election.Preempt, leastPreempt},
		{"lead.drain", c.Lead.Drain, 0},
		{"shards.pace", c.Shards.Pace, 0},
		{"health.interval", c.Health.Interval, minPeriod},
		{"health.timeout", c.Health.Timeout, minPeriod},
	} {
		switch {
		case d.value < 0:
			return &ConfigError{d.field, d.value, "must not be negative"}
		case d.value < d.least:
			return &ConfigError{d.field, d.value, fmt.Sprintf("must be at least %v", d.least)}
		}
	}
	switch {
	case c.Session.Refresh >= ttl:
		return &ConfigError{"session.refresh", c.Session.Refresh, fmt.Sprintf("must be below session.ttl %v", ttl)}
	case c.Session.Drift >= ttl:
		return &ConfigError{"session.drift", c.Session.Drift, fmt.Sprintf("must be below session.ttl %v", ttl)}
	case c.Session.attempt() < minAttempt:
		return &ConfigError{"session.refresh", c.Session.Refresh, fmt.Sprintf(
			"must leave two attempts of %v before session.ttl %v less session.drift %v", minAttempt, ttl, c.Session.Drift)}
	case c.Lead.Margin < 0 || c.Lead.Margin > c.Session.attempt():
		return &ConfigError{"lead.margin", c.Lead.Margin, fmt.Sprintf(
			"must be between 0 and %v, half of what session.ttl %v leaves after session.drift %v and session.refresh %v",
			c.Session.attempt(), ttl, c.Session.Drift, c.Session.Refresh)}
	}
	return nil
}

// validateKey refuses a template that makes no key of a service, and keys that a store or its tools would read as something else.
func (c Config) validateKey() error {
	const field = "election.envelopeTemplate"
	template := c.Election.EnvelopeTemplate
	if strings.Count(template, "%s") != 1 || strings.Count(template, "%") != 1 {
		return &ConfigError{field, strconv.Quote(template), "must hold exactly one %s and no other %"}
	}
	key := c.Key()
	rule := keyRule(key)
	if rule == "" {
		return nil
	}
	return &ConfigError{
		field, strconv.Quote(template),
		fmt.Sprintf("makes the key %q of serviceName %q: a key %s", key, c.ServiceName, rule),
	}
}

// keyRule is the rule that key breaks, or "".
func keyRule(key string) string {
	switch {
	case !utf8.ValidString(key):
		return "must be UTF-8"
	case strings.ContainsFunc(key, unicode.IsControl):
		return "must not contain NUL or another control character"
	case strings.HasPrefix(key, "/"), strings.HasSuffix(key, "/"):
		return "must not start or end with /"
	}
	for part := range strings.SplitSeq(key, "/") {
		switch part {
		case "":
			return "must not contain //"
		case ".", "..":
			return "must not contain the path element " + part
		}
	}
	return ""
}
