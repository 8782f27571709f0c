package consulserver

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/leadership-go/leadership/e2e/internal/frozen"
	"github.com/leadership-go/leadership/e2e/internal/loopback"
	"github.com/leadership-go/leadership/e2e/internal/pki"
)

const (
	// startTimeout bounds the start of a server, until it has a leader and can make sessions.
	startTimeout = 60 * time.Second
	// stopTimeout is how long a graceful stop may take before it becomes a kill.
	stopTimeout = 10 * time.Second
)

// Options sets up a server. The zero value is a development agent: one server, in memory, without ACLs.
type Options struct {
	// MinTTL is session_ttl_min. Default 1 s, so that tests can be short; Consul's own is 10 s.
	MinTTL time.Duration
	// ACL switches access control on: everything is denied but to [Server.Token].
	ACL bool
	// TLS has the HTTP API speak HTTPS only, with a certificate that [Server.Authority] has signed.
	TLS bool
	// ClientCerts, with TLS, lets only clients in that show a certificate of the same authority.
	ClientCerts bool
	// Persist keeps the data over a restart; without it a restarted server is empty. A cluster always keeps it.
	Persist bool

	token string // of a cluster's servers, which share one
}

// Server is one running Consul server. Its methods are safe for concurrent use.
type Server struct {
	// Addr is the host and port of the HTTP API. It stays the same over a restart.
	Addr string
	// Token may do everything; "" without ACLs.
	Token string
	// Node is the server's name in the catalog.
	Node string
	// Authority signs certificates that the server accepts from clients; nil without TLS.
	Authority *pki.Authority

	tls api.TLSConfig // of [Server.Client]

	binary  string
	dir     string
	args    []string
	rpcAddr string

	mu    sync.Mutex
	child *child
}

// child is one process.
type child struct {
	process *os.Process
	gone    chan struct{} // closed when it has ended
	err     error         // why; valid after gone
}

// Start starts one server and waits until it can be used. The caller closes it.
func Start(ctx context.Context, o Options) (*Server, error) {
	binary, err := Binary(ctx)
	if err != nil {
		return nil, err
	}
	for attempt := 1; ; attempt++ {
		s, err := startOne(ctx, binary, o)
		if attempt == loopback.Attempts || !loopback.Taken(err) {
			return s, err
		}
	}
}

func startOne(ctx context.Context, binary string, o Options) (*Server, error) {
	all, err := freePorts(ctx, 1)
	if err != nil {
		return nil, err
	}
	s, err := prepare(binary, o, "solo", 1, all)
	if err != nil {
		return nil, err
	}
	if err := s.Restart(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// ports are what one server listens on.
type ports struct{ http, rpc, serf int }

// freePorts finds ports for n servers.
func freePorts(ctx context.Context, n int) ([]ports, error) {
	numbers, err := loopback.FreePorts(ctx, 3*n)
	if err != nil {
		return nil, fmt.Errorf("consulserver: %w", err)
	}
	all := make([]ports, n)
	for i := range all {
		all[i] = ports{numbers[3*i], numbers[3*i+1], numbers[3*i+2]}
	}
	return all, nil
}

// prepare writes the configuration of one server. peers are the ports of all servers, this one's first.
func prepare(binary string, o Options, node string, expect int, peers []ports) (*Server, error) {
	fail := func(err error) (*Server, error) { return nil, fmt.Errorf("consulserver: %w", err) }
	dir, err := os.MkdirTemp("", "consulserver-")
	if err != nil {
		return fail(err)
	}
	own := peers[0]
	s := &Server{
		Addr: fmt.Sprintf("127.0.0.1:%d", own.http), Node: node,
		binary: binary, dir: dir, rpcAddr: fmt.Sprintf("127.0.0.1:%d", own.rpc),
	}
	if o.MinTTL == 0 {
		o.MinTTL = time.Second
	}
	config := map[string]any{
		"node_name": node, "bind_addr": "127.0.0.1", "client_addr": "127.0.0.1", "log_level": "info",
		"session_ttl_min": o.MinTTL.String(),
		"ports": map[string]int{
			"http": own.http, "server": own.rpc, "serf_lan": own.serf,
			"dns": -1, "https": -1, "grpc": -1, "grpc_tls": -1, "serf_wan": -1,
		},
		"limits":               map[string]any{"http_max_conns_per_client": -1},
		"disable_update_check": true,
		// A server that a test has killed comes back. Within some seconds of its failure, autopilot would have its node forgotten, and all sessions on it.
		"autopilot": map[string]any{"cleanup_dead_servers": false},
	}
	if o.TLS {
		config["ports"].(map[string]int)["http"], config["ports"].(map[string]int)["https"] = -1, own.http
		if config["tls"], err = s.secure(o.ClientCerts); err != nil {
			return fail(err)
		}
	}
	s.args = []string{"agent", "-config-file", filepath.Join(dir, "config.json")}
	if o.Persist || expect > 1 {
		config["server"], config["bootstrap_expect"], config["data_dir"] = true, expect, filepath.Join(dir, "data")
		config["performance"] = map[string]int{"raft_multiplier": 1}
		config["leave_on_terminate"] = false
		var join []string
		for _, peer := range peers[1:] {
			join = append(join, fmt.Sprintf("127.0.0.1:%d", peer.serf))
		}
		config["retry_join"], config["retry_interval"] = join, "300ms"
	} else {
		s.args = append(s.args, "-dev")
	}
	if o.ACL {
		if s.Token = o.token; s.Token == "" {
			s.Token = managementToken()
		}
		config["acl"] = map[string]any{
			"enabled": true, "default_policy": "deny",
			"tokens": map[string]string{"initial_management": s.Token, "agent": s.Token},
		}
	}
	data, err := json.MarshalIndent(config, "", "  ")
	if err != nil {
		return fail(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "config.json"), data, 0o600); err != nil {
		return fail(err)
	}
	return s, nil
}

// secure makes the certificates of the server and of its operator, and returns the section "tls" of the configuration.
func (s *Server) secure(clientCerts bool) (map[string]any, error) {
	var err error
	if s.Authority, err = pki.NewAuthority(s.dir, s.Node); err != nil {
		return nil, err
	}
	server, err := s.Authority.Issue("server")
	if err != nil {
		return nil, err
	}
	operator, err := s.Authority.Issue("operator")
	if err != nil {
		return nil, err
	}
	s.tls = api.TLSConfig{CAFile: s.Authority.CAFile, CertFile: operator.CertFile, KeyFile: operator.KeyFile}
	return map[string]any{"https": map[string]any{
		"ca_file": s.Authority.CAFile, "cert_file": server.CertFile, "key_file": server.KeyFile, "verify_incoming": clientCerts,
	}}, nil
}

// managementToken is a random UUID.
func managementToken() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:16])
}

// launch starts the process if it does not run.
func (s *Server) launch() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.child != nil {
		select {
		case <-s.child.gone:
		default:
			return errors.New("consulserver: it runs already")
		}
	}
	log, err := os.OpenFile(s.logPath(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("consulserver: %w", err)
	}
	c := &child{gone: make(chan struct{})}
	started := make(chan error)
	go func() {
		// The kernel counts the thread as the parent: it has to live as long as the child.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer log.Close()                        //nolint:errcheck // the child's log
		cmd := exec.Command(s.binary, s.args...) //nolint:noctx // outlives every context; Close ends it
		cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = log, log, childAttributes()
		if err := cmd.Start(); err != nil {
			started <- err
			return
		}
		c.process = cmd.Process
		started <- nil
		c.err = cmd.Wait()
		close(c.gone)
	}()
	if err := <-started; err != nil {
		return fmt.Errorf("consulserver: %w", err)
	}
	s.child = c
	return nil
}

func (s *Server) logPath() string { return filepath.Join(s.dir, "consul.log") }

// Log is the end of what the server has logged.
func (s *Server) Log() string { return tailOf(s.logPath()) }

// running is the process, nil when there is none.
func (s *Server) running() *child {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.child
}

// Restart starts a server that was killed or stopped, and waits until it can be used.
func (s *Server) Restart(ctx context.Context) error {
	if err := s.launch(); err != nil {
		return err
	}
	return s.Ready(ctx)
}

// Ready waits until the server knows a leader and its node is registered, so that sessions can be made.
func (s *Server) Ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	client := s.Client()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for {
		c := s.running()
		err := ready(ctx, client, s.Node)
		if err == nil {
			return nil
		}
		select {
		case <-ticker.C:
		case <-c.gone:
			return fmt.Errorf("consulserver: %s ended (%w): %s", s.Node, c.err, s.Log())
		case <-ctx.Done():
			return fmt.Errorf("consulserver: %s is not ready: %w (%w): %s", s.Node, context.Cause(ctx), err, s.Log())
		}
	}
}

func ready(ctx context.Context, client *api.Client, node string) error {
	q := (&api.QueryOptions{RequireConsistent: true}).WithContext(ctx)
	entry, _, err := client.Catalog().Node(node, q)
	if err != nil {
		return err
	}
	if entry == nil {
		return fmt.Errorf("node %s is not registered", node)
	}
	return nil
}

// Client returns a new client with [Server.Token], which keeps no connections.
func (s *Server) Client() *api.Client {
	scheme := "http"
	if s.Authority != nil {
		scheme = "https"
	}
	client, err := api.NewClient(&api.Config{
		Address: s.Addr, Scheme: scheme, Token: s.Token, TLSConfig: s.tls, Transport: api.DefaultNonPooledConfig().Transport,
	})
	if err != nil {
		panic("consulserver: " + err.Error()) // settings of our own
	}
	return client
}

// Kill ends the server at once, as a crash would, and waits for its end.
func (s *Server) Kill() error { return s.end(func(p *os.Process) error { return p.Kill() }, 0) }

// Stop ends the server in order, and waits for its end. It does not leave its cluster.
func (s *Server) Stop() error {
	return s.end(func(p *os.Process) error { return p.Signal(signalStop) }, stopTimeout)
}

// Pause freezes the process: connections stay open, nothing answers. It returns when all of it has stopped.
func (s *Server) Pause() error {
	return s.signal(func(p *os.Process) error {
		if err := p.Signal(signalPause); err != nil {
			return err
		}
		return frozen.Await(p.Pid)
	})
}

// Resume lets a paused process go on.
func (s *Server) Resume() error {
	return s.signal(func(p *os.Process) error { return p.Signal(signalResume) })
}

func (s *Server) signal(send func(*os.Process) error) error {
	c := s.running()
	if c == nil {
		return errors.New("consulserver: it does not run")
	}
	if err := send(c.process); err != nil {
		return fmt.Errorf("consulserver: %s: %w", s.Node, err)
	}
	return nil
}

// end sends the signal and waits; after patience, if there is any, it kills.
func (s *Server) end(send func(*os.Process) error, patience time.Duration) error {
	c := s.running()
	if c == nil {
		return nil
	}
	if err := send(c.process); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("consulserver: %s: %w", s.Node, err)
	}
	if patience > 0 {
		timer := time.NewTimer(patience)
		defer timer.Stop()
		select {
		case <-c.gone:
			return nil
		case <-timer.C:
		}
		if err := c.process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
			return fmt.Errorf("consulserver: %s: %w", s.Node, err)
		}
	}
	<-c.gone
	return nil
}

// Close kills the server and removes its data.
func (s *Server) Close() error {
	return errors.Join(s.Kill(), os.RemoveAll(s.dir))
}

// Logged says whether the server's log mentions text; for tests that look for a reason.
func (s *Server) Logged(text string) bool {
	data, err := os.ReadFile(s.logPath())
	return err == nil && strings.Contains(string(data), text)
}
