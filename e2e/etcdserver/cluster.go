package etcdserver

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"github.com/leadership-go/leadership/e2e/internal/loopback"
	"github.com/leadership-go/leadership/e2e/internal/pki"
)

// TB is the part of testing.TB that is needed here.
type TB interface {
	Helper()
	Cleanup(f func())
	Fatalf(format string, args ...any)
	Errorf(format string, args ...any)
}

// Options set up a cluster. The zero value is one server in this process, without users or TLS.
type Options struct {
	// Nodes is how many servers there are. Default 1.
	Nodes int
	// Processes runs each server as a child process, so that Kill, Pause and Resume work and Stop is quick even under open watches.
	Processes bool
	// RootPassword turns authentication on, with the user root and this password.
	RootPassword string
	// TokenTTL is how long an authentication token lives without being used. Default 5 min; whole seconds.
	TokenTTL time.Duration
	// TLS has the servers demand TLS, with a certificate that Cluster.TLS trusts.
	TLS bool
	// ClientCerts, with TLS, lets only clients in that show a certificate of the same authority; see Cluster.Authority.
	ClientCerts bool
	// SignedTokens has authentication tokens be JSON Web Tokens, signed with a key of the cluster's and good for TokenTTL, used or not.
	// Default: random ones.
	SignedTokens bool
	// Fsync has child processes write to the disk for good, as real servers do. Default: they don't, for speed.
	Fsync bool
	// Dir holds all data. Default: a temporary directory, removed by Close.
	Dir string
}

// How quickly the servers notice one another's absence: leader loss to majority write takes about 0.4 s.
const (
	heartbeat = 20 * time.Millisecond
	election  = 200 * time.Millisecond
)

// startWithin bounds the start of a cluster, and each wait for one of its states.
const startWithin = 30 * time.Second

// Cluster is one or more etcd servers. Its methods are not safe for concurrent use, but for Endpoints, TLS and Client.
type Cluster struct {
	options   Options
	nodes     []*node
	removeDir string
	security  *security
	users     bool // authentication is on
}

// Start runs a cluster until the end of the test.
func Start(t TB, o Options) *Cluster {
	t.Helper()
	c, err := Run(o)
	if err != nil {
		t.Fatalf("etcd does not start: %v", err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Errorf("etcd does not stop: %v", err)
		}
	})
	return c
}

// Run starts a cluster and waits until it works. The caller closes it.
func Run(o Options) (*Cluster, error) {
	o.Nodes = max(o.Nodes, 1)
	c := &Cluster{options: o}
	if o.Dir == "" {
		dir, err := os.MkdirTemp("", "leadership-etcd-")
		if err != nil {
			return nil, err
		}
		c.options.Dir, c.removeDir = dir, dir
	}
	for attempt := 1; ; attempt++ {
		err := c.start()
		if err == nil {
			return c, nil
		}
		if attempt == loopback.Attempts || !loopback.Taken(err) {
			return nil, errors.Join(err, c.Close())
		}
		if err := c.reset(); err != nil {
			return nil, errors.Join(err, c.Close())
		}
	}
}

// reset ends and forgets all servers, and their data.
func (c *Cluster) reset() error {
	errs := []error{c.end()}
	for _, n := range c.nodes {
		errs = append(errs, os.RemoveAll(n.dir))
	}
	c.nodes = nil
	return errors.Join(errs...)
}

func (c *Cluster) start() error {
	if c.options.TLS {
		var err error
		if c.security, err = newSecurity(c.options.Dir, c.options.ClientCerts); err != nil {
			return err
		}
	}
	tokens := ""
	if c.options.SignedTokens {
		key, err := newTokenKey(c.options.Dir)
		if err != nil {
			return err
		}
		tokens = fmt.Sprintf("jwt,pub-key=%s,priv-key=%s,sign-method=ES256,ttl=%v", key.CertFile, key.KeyFile, cmp.Or(c.options.TokenTTL, 5*time.Minute))
	}
	binary := ""
	if c.options.Processes {
		build, cancel := context.WithTimeout(context.Background(), buildWithin)
		defer cancel()
		var err error
		if binary, err = Binary(build, "etcd"); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), startWithin)
	defer cancel()
	ports, err := loopback.FreePorts(ctx, 2*c.options.Nodes)
	if err != nil {
		return err
	}
	var peers []string
	for i := range c.options.Nodes {
		n := &node{
			name: fmt.Sprintf("node-%d", i), dir: filepath.Join(c.options.Dir, fmt.Sprintf("node-%d", i)), binary: binary,
			client: address(c.options.TLS, ports[2*i]), peer: address(false, ports[2*i+1]), security: c.security,
			tokens: tokens, tokenTTL: c.options.TokenTTL, fsync: c.options.Fsync,
		}
		c.nodes = append(c.nodes, n)
		peers = append(peers, n.name+"="+n.peer)
	}
	for _, n := range c.nodes {
		n.cluster = strings.Join(peers, ",")
		if err := n.start(); err != nil {
			return err
		}
	}
	if err := c.ready(ctx); err != nil {
		return err
	}
	if c.options.RootPassword != "" {
		return c.enableAuth(ctx)
	}
	return nil
}

func address(secure bool, port int) string {
	scheme := "http"
	if secure {
		scheme = "https"
	}
	return fmt.Sprintf("%s://127.0.0.1:%d", scheme, port)
}

// ready waits until a write goes through and every server that runs answers.
func (c *Cluster) ready(ctx context.Context) error {
	for i, n := range c.nodes {
		if !n.running() {
			continue
		}
		err := untilWorks(ctx, func(ctx context.Context) error {
			if n.gone() {
				return errEnded
			}
			_, err := c.status(ctx, n)
			return err
		})
		if err != nil {
			return fmt.Errorf("etcdserver: node %d is not ready: %w %s", i, err, n.output())
		}
	}
	return untilWorks(ctx, func(ctx context.Context) error {
		_, err := c.Leader(ctx)
		return err
	})
}

// errEnded: a child process ended by itself.
var errEnded = errors.New("the server has ended")

// status asks one server how it is.
func (c *Cluster) status(ctx context.Context, n *node) (*clientv3.StatusResponse, error) {
	cfg := clientv3.Config{Endpoints: []string{n.client}, TLS: c.TLS(), Logger: zap.NewNop(), DialTimeout: time.Second}
	if c.users {
		cfg.Username, cfg.Password = "root", c.options.RootPassword
	}
	client, err := clientv3.New(cfg)
	if err != nil {
		return nil, err
	}
	status, err := client.Status(ctx, n.client)
	return status, errors.Join(err, client.Close())
}

// untilWorks repeats f until it returns nil, a server has ended or ctx ends.
func untilWorks(ctx context.Context, f func(context.Context) error) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		attempt, cancel := context.WithTimeout(ctx, time.Second)
		err := f(attempt)
		cancel()
		if err == nil || errors.Is(err, errEnded) {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", context.Cause(ctx), err)
		}
	}
}

func (c *Cluster) enableAuth(ctx context.Context) error {
	client, err := c.dial("", "")
	if err != nil {
		return err
	}
	defer client.Close() //nolint:errcheck // nothing is pending
	if _, err := client.UserAdd(ctx, "root", c.options.RootPassword); err != nil {
		return err
	}
	if _, err := client.UserGrantRole(ctx, "root", "root"); err != nil {
		return err
	}
	if _, err = client.AuthEnable(ctx); err != nil {
		return err
	}
	c.users = true
	return nil
}

// Endpoints are the client URLs of all servers, running or not.
func (c *Cluster) Endpoints() []string {
	var list []string
	for _, n := range c.nodes {
		list = append(list, n.client)
	}
	return list
}

// TLS is what a client needs to connect; nil without TLS.
func (c *Cluster) TLS() *tls.Config {
	if c.security == nil {
		return nil
	}
	return c.security.client.Clone()
}

// Authority signs certificates that the servers accept from clients; nil without TLS.
func (c *Cluster) Authority() *pki.Authority {
	if c.security == nil {
		return nil
	}
	return c.security.authority
}

// ReplaceTokenKey makes another key for SignedTokens. Servers use it, and refuse tokens of the old one, from their next start on.
func (c *Cluster) ReplaceTokenKey() error {
	_, err := newTokenKey(c.options.Dir)
	return err
}

// CAFile is the file with the certificate that signed the servers' ones; "" without TLS.
func (c *Cluster) CAFile() string {
	if c.security == nil {
		return ""
	}
	return c.security.authority.CAFile
}

// Client connects to the servers with these endpoints, all if none is given, as root where there are users.
func (c *Cluster) Client(endpoints ...string) (*clientv3.Client, error) {
	if c.options.RootPassword != "" {
		return c.dial("root", c.options.RootPassword, endpoints...)
	}
	return c.dial("", "", endpoints...)
}

// Dial is Client for a test: it ends with it.
func (c *Cluster) Dial(t TB, endpoints ...string) *clientv3.Client {
	t.Helper()
	client, err := c.Client(endpoints...)
	if err != nil {
		t.Fatalf("no etcd client: %v", err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return client
}

func (c *Cluster) dial(user, password string, endpoints ...string) (*clientv3.Client, error) {
	if len(endpoints) == 0 {
		endpoints = c.Endpoints()
	}
	return clientv3.New(clientv3.Config{
		Endpoints: endpoints, Username: user, Password: password, TLS: c.TLS(), Logger: zap.NewNop(), DialTimeout: startWithin,
	})
}

// Leader is the index of the server that leads the cluster. It is an error that there is none.
func (c *Cluster) Leader(ctx context.Context) (int, error) {
	for i, n := range c.nodes {
		if !n.running() {
			continue
		}
		attempt, cancel := context.WithTimeout(ctx, time.Second)
		status, err := c.status(attempt, n)
		cancel()
		if err == nil && status.Leader != 0 && status.Leader == status.Header.MemberId {
			return i, nil
		}
	}
	return 0, errors.New("etcdserver: the cluster has no leader")
}

// Stop ends one server as an operator does. Inside the process that waits some seconds for open watches.
func (c *Cluster) Stop(i int) error { return c.nodes[i].stop() }

// Kill ends one child process without a warning.
func (c *Cluster) Kill(i int) error { return c.nodes[i].kill() }

// Pause freezes one child process; its connections stay open.
func (c *Cluster) Pause(i int) error { return c.nodes[i].pause() }

// Resume lets a frozen one go on.
func (c *Cluster) Resume(i int) error { return c.nodes[i].resume() }

// StartNode starts a server again on its data and its ports, without waiting until it works: see [Cluster.Ready].
func (c *Cluster) StartNode(i int) error { return c.nodes[i].start() }

// Ready waits until the cluster has a leader and all servers that run answer.
func (c *Cluster) Ready() error {
	ctx, cancel := context.WithTimeout(context.Background(), startWithin)
	defer cancel()
	return c.ready(ctx)
}

// Close ends all servers and removes what they wrote.
func (c *Cluster) Close() error {
	errs := []error{c.end()}
	if c.removeDir != "" {
		errs = append(errs, os.RemoveAll(c.removeDir))
	}
	return errors.Join(errs...)
}

// end ends all servers that run.
func (c *Cluster) end() error {
	var errs []error
	for _, n := range c.nodes {
		if n.running() {
			if n.process() {
				errs = append(errs, n.kill())
			} else {
				errs = append(errs, n.stop())
			}
		}
	}
	return errors.Join(errs...)
}
