package etcd

import (
	"crypto/tls"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// Option sets how [NewClusterFactory] reaches etcd. What no option sets comes from [leadership.Config], then from the environment
// that etcdctl reads (ETCDCTL_ENDPOINTS, ETCDCTL_USER, ETCDCTL_PASSWORD, ETCDCTL_CACERT, ETCDCTL_CERT, ETCDCTL_KEY), then
// is the default: localhost:2379, no TLS, no user.
type Option func(*settings)

// settings is what the options say.
type settings struct {
	client    *clientv3.Client
	hasClient bool
	endpoints []string
	tls       *tls.Config
	user      string
	password  string
	file      string // with the password
	hasUser   bool
	namespace string
}

// WithClient has members use client, whatever the configuration and the environment say. It is never closed here. It goes with
// [WithNamespace] only. It is also the way to settings that have no option: a client's logger, message sizes, AutoSyncInterval. By default etcd's
// client takes answers of up to 2 GiB; one made here takes 16 MiB.
// What [NewBackend] says about its client holds for this one too.
func WithClient(client *clientv3.Client) Option {
	return func(s *settings) { s.client, s.hasClient = client, true }
}

// WithEndpoints sets the servers: host:port, http://host:port, https://host:port or unix:path. Name several members of the cluster, so that
// one of them may fail. They stay as given: members are not asked for the addresses that they advertise (etcd's AutoSync),
// since these are often not the ones that clients can reach.
func WithEndpoints(endpoints ...string) Option {
	return func(s *settings) { s.endpoints = append([]string{}, endpoints...) }
}

// WithTLS encrypts the connections. All endpoints that name a scheme must say https then.
func WithTLS(config *tls.Config) Option {
	return func(s *settings) { s.tls = config }
}

// WithUser authenticates with a name and a password. A store that refuses them shows as [leadership.ErrDenied] in error messages; Build does not wait
// for it. Each login costs the servers a password hash, some 50 ms of processor time by default, and etcd's client logs in
// whenever it opens a stream, so for each renewal too: certificates are cheaper where there are thousands of members.
func WithUser(name, password string) Option {
	return func(s *settings) { s.user, s.password, s.file, s.hasUser = name, password, "", true }
}

// WithPasswordFile is [WithUser] with the password in a file, which is read at each login: so a password can be replaced while members run. White space
// around it does not count. A file that can't be read later on leaves the password that was read last.
func WithPasswordFile(name, path string) Option {
	return func(s *settings) { s.user, s.password, s.file, s.hasUser = name, "", path, true }
}

// WithNamespace puts prefix before every key, as etcd's clientv3/namespace does. Candidates elect one leader only within one namespace.
func WithNamespace(prefix string) Option {
	return func(s *settings) { s.namespace = prefix }
}
