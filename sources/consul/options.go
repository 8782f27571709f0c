package consul

import (
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/leadership-go/leadership"
)

// Option sets how a backend talks to Consul and what its sessions are like.
type Option func(*settings)

// settings collects the options; the zero value of each means its default.
type settings struct {
	client     *api.Client
	address    string
	tls        *api.TLSConfig
	token      string
	tokenFile  string
	namespace  string
	partition  string
	datacenter string

	profile       leadership.Profile // of its candidates
	sessionName   string
	node          string
	nodeChecks    []string
	serviceChecks []api.ServiceCheck
	sessionCheck  *api.AgentServiceCheck
	checkService  string // the name of the service that carries sessionCheck; "" means the usual one
	checkOwner    string // the instance that it is for; "" means that nobody knows
	behavior      string
	lockDelay     *time.Duration
	minTTL        time.Duration
}

// WithClient uses an existing client, which is not closed with the backend. Address, TLS and the environment
// are then the client's own; the other options apply to each request. So are its limits: by default Consul's client reads an answer of any size, and follows
// a redirect to another host with the ACL token. Clients made here do neither.
func WithClient(c *api.Client) Option { return func(s *settings) { s.client = c } }

// WithAddress sets the agent's HTTP API: "host:port", a URL with http or https, without a user, or "unix:///path". Default: what the configuration says,
// then CONSUL_HTTP_ADDR, then localhost:8500.
func WithAddress(address string) Option { return func(s *settings) { s.address = address } }

// WithTLS speaks HTTPS as described by t, in place of the environment's CONSUL_CACERT and so on.
func WithTLS(t api.TLSConfig) Option { return func(s *settings) { s.tls = &t } }

// WithToken sets the ACL token. Default: CONSUL_HTTP_TOKEN_FILE, then CONSUL_HTTP_TOKEN, then what the agent uses by itself.
func WithToken(token string) Option { return func(s *settings) { s.token = token } }

// WithTokenFile reads the ACL token from a file: once at the start, and again after the store has refused the token, so that a
// token can be replaced while members run. The same holds for CONSUL_HTTP_TOKEN_FILE.
func WithTokenFile(path string) Option { return func(s *settings) { s.tokenFile = path } }

// WithNamespace sets the namespace of sessions and keys (Consul Enterprise). Default: CONSUL_NAMESPACE.
func WithNamespace(namespace string) Option { return func(s *settings) { s.namespace = namespace } }

// WithPartition sets the admin partition of sessions and keys (Consul Enterprise). Default: CONSUL_PARTITION.
func WithPartition(partition string) Option { return func(s *settings) { s.partition = partition } }

// WithDatacenter holds the election in that datacenter instead of the agent's own. A session belongs to a node, and
// the agent's is unknown there: name one with [WithNode].
func WithDatacenter(datacenter string) Option {
	return func(s *settings) { s.datacenter = datacenter }
}

// WithNode names the registered node that sessions belong to; they end when it is deregistered. Default: the agent's node.
func WithNode(name string) Option { return func(s *settings) { s.node = name } }

// WithNodeChecks makes a session end as soon as one of these checks of its node turns critical, long before
// its TTL: "serfHealth" is the cluster's own failure detector. Default none, because a short disturbance of
// the network would end the term of a leader that works.
//
// With checks the lock-delay is one TTL by default, and may not be less, and session.ttl may be shorter than what Consul takes for a session. The package's
// documentation says more about them.
func WithNodeChecks(ids ...string) Option { return func(s *settings) { s.nodeChecks = ids } }

// WithServiceChecks makes a session end as soon as one of these checks of its node's services turns critical. What is said
// at [WithNodeChecks] holds for them, too.
func WithServiceChecks(checks ...api.ServiceCheck) Option {
	return func(s *settings) { s.serviceChecks = checks }
}

// WithSessionCheck makes sessions end as soon as this check fails, so that the crash of a process is noticed within an interval of the check instead of
// two TTLs. With an interval of 1 s and session.ttl 1.5 s another member leads after 2 to 3 s. It is of one of three kinds:
//
//	api.AgentServiceCheck{TCP: "127.0.0.1:8080", Interval: "1s"}               // the agent connects to a port of this process
//	api.AgentServiceCheck{HTTP: "http://127.0.0.1:8080/alive", Interval: "1s"} // the agent asks this process: it notices one that hangs, too
//	api.AgentServiceCheck{TTL: "1.5s"}                                         // renewals of the session pass it; at least session.ttl
//
// The interval is at least 1 s; the timeout is the interval unless it is set. Addresses are as the agent sees them. The member must talk to one agent, not to several behind one address.
//
// The agent runs the check, as long as the member lives, at a service of its own. That is named "leadership-" and the service name, so that it does not mix with the
// services that you look up; an ACL token needs the right to write it. Close removes it. After a crash the agent does, once the
// check has been critical for DeregisterCriticalServiceAfter: 1 minute, unless more is set.
//
// At first the check counts as passing; with Status "critical" the member waits until it has passed. After a failure it stands again when the
// check passes. What else to know about sessions with checks stands in the package's documentation. Excludes [WithNode] and [WithDatacenter].
//
// A process that is started again has the agent forget the check that the one before it left, which would pass again. It knows it by election, serviceId and
// port or URL. So set serviceId with an HTTP check: by default the process id is part of it, which does not count for a port.
func WithSessionCheck(check api.AgentServiceCheck) Option {
	return func(s *settings) { s.sessionCheck = &check }
}

// WithKeptKeys leaves the key, with the last leader's vote, at the store when its session ends (behaviour "release"), as the
// Java library does. Default: the key is deleted.
func WithKeptKeys() Option { return func(s *settings) { s.behavior = api.SessionBehaviorRelease } }

// WithLockDelay sets for how long nobody gets the key after a session ended while it held it; a resignation is not
// followed by any. Between 0 and 60 s; Consul counts in whole milliseconds, and 0 means the smallest it knows, 1 ms. Default: 1 ms, or one TTL
// when the session has checks. More than the default only makes failover slower.
func WithLockDelay(d time.Duration) Option { return func(s *settings) { s.lockDelay = &d } }

// WithMinTTL sets the least TTL that is accepted, for servers whose session_ttl_min is not the usual 10 s.
func WithMinTTL(d time.Duration) Option { return func(s *settings) { s.minTTL = d } }

// WithSessionName sets the name of the sessions. Default: election and instance, by which [leadership.Member.TransferTo] and
// [leadership.ClusterFactory.Observer] find those who wait; under another name nobody finds this member.
func WithSessionName(name string) Option { return func(s *settings) { s.sessionName = name } }
