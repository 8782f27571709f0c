package consul

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/leadership-go/leadership"
)

const (
	// usualMinTTL is session_ttl_min of a server that does not set it.
	usualMinTTL = 10 * time.Second
	// maxTTL is the longest session that Consul makes.
	maxTTL = 24 * time.Hour
	// maxLockDelay is the longest lock-delay that Consul documents.
	maxLockDelay = 60 * time.Second
	// leastLockDelay is the shortest one, and the shortest TTL with checks: Consul takes 0 for its default of 15 s.
	leastLockDelay = time.Millisecond
)

// NewClusterFactory returns a factory whose members elect their leader at Consul. Build does not wait for Consul: an agent that
// can't be reached, or refuses, shows as error messages while the candidacy goes on.
//
// The agent is found, in this order, by the options, by [leadership.ConsulConfig] where its host or port is set, by Consul's usual
// environment variables (CONSUL_HTTP_ADDR, CONSUL_HTTP_TOKEN, CONSUL_CACERT, …), at localhost:8500.
func NewClusterFactory(opts ...Option) *leadership.ClusterFactory {
	return leadership.NewClusterFactory(func(cfg leadership.Config) (leadership.Backend, error) {
		return connect(cfg, opts)
	})
}

// NewBackend returns the backend alone, for tests and for who writes a loop of their own. It does no network I/O. Every error wraps
// [leadership.ErrInvalidConfig].
func NewBackend(agent leadership.ConsulConfig, opts ...Option) (leadership.Backend, error) {
	s, err := collect(opts)
	if err != nil {
		return nil, err
	}
	return newBackend(agent, s)
}

// connect makes the backend of one election and checks what only Consul asks for.
func connect(cfg leadership.Config, opts []Option) (leadership.Backend, error) {
	s, err := collect(opts)
	if err != nil {
		return nil, err
	}
	if s.sessionName == "" {
		s.sessionName = nameOf(cfg.Key()) + cfg.ServiceID
	}
	s.checkService, s.checkOwner = checkServicePrefix+cfg.ServiceName, cfg.Key()+" "+cfg.ServiceID
	if err := s.checkTTL("session.ttl", cfg.Session.TTL); err != nil {
		return nil, err
	}
	if err := checkKey(cfg.Key()); err != nil {
		return nil, err
	}
	s.profile = cfg.Profile
	return newBackend(cfg.Consul, s)
}

// collect applies the options and checks those that depend on nothing else.
func collect(opts []Option) (settings, error) {
	s := settings{behavior: api.SessionBehaviorDelete, minTTL: usualMinTTL}
	for _, opt := range opts {
		opt(&s)
	}
	switch {
	case s.client != nil && (s.address != "" || s.tls != nil):
		return s, leadership.InvalidConfig("consul client", "", "excludes an address and TLS settings: it has its own")
	case s.token != "" && s.tokenFile != "":
		return s, leadership.InvalidConfig("consul token file", s.tokenFile, "excludes a token")
	case s.minTTL <= 0 || s.minTTL > maxTTL:
		return s, leadership.InvalidConfig("consul minimum TTL", s.minTTL, fmt.Sprintf("must be above 0 and at most %v", maxTTL))
	case s.lockDelay != nil && (*s.lockDelay < 0 || *s.lockDelay > maxLockDelay):
		return s, leadership.InvalidConfig("consul lock-delay", *s.lockDelay, fmt.Sprintf("must be between 0 and %v", maxLockDelay))
	}
	if slices.Contains(s.nodeChecks, "") {
		return s, leadership.InvalidConfig("consul node check", `""`, "must not be empty")
	}
	for _, check := range s.serviceChecks {
		if check.ID == "" {
			return s, leadership.InvalidConfig("consul service check", `""`, "must not be empty")
		}
	}
	return s, s.checkSessionCheck()
}

// checked says whether a check can end the session before its TTL.
func (s settings) checked() bool {
	return len(s.nodeChecks)+len(s.serviceChecks) > 0 || s.sessionCheck != nil
}

// checkTTL refuses a TTL that the store would refuse, or for which the lock-delay is no protection. With checks it may be below the store's least: see storedTTL.
func (s settings) checkTTL(field string, ttl time.Duration) error {
	least := s.minTTL
	if s.checked() {
		least = min(least, leastLockDelay)
	}
	switch {
	case ttl < least || ttl > maxTTL:
		return leadership.InvalidConfig(field, ttl, fmt.Sprintf("must be between %v and %v, what Consul takes", least, maxTTL))
	case !s.checked():
		return nil
	case s.lockDelay == nil && ttl > maxLockDelay:
		return leadership.InvalidConfig(field, ttl, fmt.Sprintf("must be at most %v with health checks: no lock-delay is longer", maxLockDelay))
	case s.lockDelay != nil && *s.lockDelay < ttl:
		return leadership.InvalidConfig("consul lock-delay", *s.lockDelay, fmt.Sprintf(
			"must be at least %s %v with health checks: they end a session whose holder still believes", field, ttl))
	}
	return s.checkPassing(field, ttl)
}

// storedTTL is what a session lives for at the store whose holder believes for ttl. Only the lock-delay matters to its holder where checks may end
// it at any time: a proof shows that the session lived when the proof was sent, and from the end of the session on the key is kept from others for ttl.
func (s settings) storedTTL(ttl time.Duration) time.Duration { return max(ttl, s.minTTL) }

// delay is the lock-delay of a session with that TTL, in whole milliseconds.
//
// Without checks a session ends no sooner than its TTL after the last renewal, when its holder has stopped believing: nothing needs to be
// delayed. A check ends it at any time, so that the holder may believe for up to one TTL more.
func (s settings) delay(ttl time.Duration) time.Duration {
	d := leastLockDelay
	switch {
	case s.lockDelay != nil:
		d = max(d, *s.lockDelay)
	case s.checked():
		d = ttl
	}
	return (d + time.Millisecond - 1).Truncate(time.Millisecond)
}

// checkKey refuses keys that Consul's KV endpoint would redirect to another key.
func checkKey(key string) error {
	if strings.Contains(key, "//") {
		return leadership.InvalidConfig("key", fmt.Sprintf("%q", key), "must not contain //, which Consul's KV store reads as /")
	}
	return nil
}
