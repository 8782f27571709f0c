package etcdserver

import (
	"bytes"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"syscall"
	"time"

	"go.etcd.io/etcd/server/v3/embed"
	"go.uber.org/zap"

	"github.com/leadership-go/leadership/e2e/internal/frozen"
)

// node is one server, inside the process or as a child.
type node struct {
	name, dir    string
	client, peer string // URLs
	cluster      string // all nodes' names and peer URLs
	binary       string // "" inside the process
	security     *security
	tokens       string // how authentication tokens are made, as etcd's --auth-token says it; "" for its default
	tokenTTL     time.Duration
	fsync        bool
	embedded     *embed.Etcd
	child        *exec.Cmd
	log          *lockedBuffer
	ended        chan struct{} // closed when the child has been waited for
}

func (n *node) process() bool { return n.binary != "" }

func (n *node) running() bool { return n.embedded != nil || n.child != nil }

// gone reports whether a child has ended by itself.
func (n *node) gone() bool {
	if n.child == nil {
		return false
	}
	select {
	case <-n.ended:
		return true
	default:
		return false
	}
}

// output is what a child has complained about.
func (n *node) output() string {
	if n.log == nil {
		return ""
	}
	return n.log.String()
}

func (n *node) start() error {
	if n.running() {
		return fmt.Errorf("etcdserver: %s runs already", n.name)
	}
	if n.process() {
		return n.startChild()
	}
	return n.startEmbedded()
}

func (n *node) startEmbedded() error {
	cfg := embed.NewConfig()
	cfg.Name, cfg.Dir = n.name, n.dir
	client, peer := mustURL(n.client), mustURL(n.peer)
	cfg.ListenClientUrls, cfg.AdvertiseClientUrls = []url.URL{client}, []url.URL{client}
	cfg.ListenPeerUrls, cfg.AdvertisePeerUrls = []url.URL{peer}, []url.URL{peer}
	cfg.InitialCluster = n.cluster
	cfg.TickMs, cfg.ElectionMs = uint(heartbeat.Milliseconds()), uint(election.Milliseconds())
	cfg.UnsafeNoFsync = true
	cfg.BcryptCost = 4
	cfg.ZapLoggerBuilder = embed.NewZapLoggerBuilder(zap.NewNop())
	cfg.LogLevel = "panic"
	if n.tokenTTL > 0 {
		cfg.AuthTokenTTL = uint(n.tokenTTL / time.Second)
	}
	if n.tokens != "" {
		cfg.AuthToken = n.tokens
	}
	if s := n.security; s != nil {
		cfg.ClientTLSInfo.CertFile, cfg.ClientTLSInfo.KeyFile = s.server.CertFile, s.server.KeyFile
		if s.demand {
			cfg.ClientTLSInfo.ClientCertAuth, cfg.ClientTLSInfo.TrustedCAFile = true, s.authority.CAFile
		}
	}
	e, err := embed.StartEtcd(cfg)
	if err != nil {
		return fmt.Errorf("etcdserver: start %s: %w", n.name, err)
	}
	n.embedded = e
	return nil
}

// mustURL parses what was put together here.
func mustURL(s string) url.URL {
	u, err := url.Parse(s)
	if err != nil {
		panic(err)
	}
	return *u
}

func (n *node) startChild() error {
	args := []string{
		"--name", n.name, "--data-dir", n.dir,
		"--listen-client-urls", n.client, "--advertise-client-urls", n.client,
		"--listen-peer-urls", n.peer, "--initial-advertise-peer-urls", n.peer,
		"--initial-cluster", n.cluster,
		"--heartbeat-interval", strconv.FormatInt(heartbeat.Milliseconds(), 10),
		"--election-timeout", strconv.FormatInt(election.Milliseconds(), 10),
		"--bcrypt-cost", "4", "--log-level", "error", "--socket-reuse-address",
	}
	if !n.fsync {
		args = append(args, "--unsafe-no-fsync")
	}
	if n.tokenTTL > 0 {
		args = append(args, "--auth-token-ttl", strconv.FormatInt(int64(n.tokenTTL/time.Second), 10))
	}
	if n.tokens != "" {
		args = append(args, "--auth-token", n.tokens)
	}
	if s := n.security; s != nil {
		args = append(args, "--cert-file", s.server.CertFile, "--key-file", s.server.KeyFile)
		if s.demand {
			args = append(args, "--client-cert-auth", "--trusted-ca-file", s.authority.CAFile)
		}
	}
	n.log = &lockedBuffer{}
	cmd := exec.Command(n.binary, args...) //nolint:noctx // it lives until it is stopped
	cmd.Stdout, cmd.Stderr = n.log, n.log
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1")
	dieWithParent(cmd)
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("etcdserver: start %s: %w", n.name, err)
	}
	n.child, n.ended = cmd, make(chan struct{})
	go func(ended chan struct{}) {
		defer close(ended)
		_ = cmd.Wait()
	}(n.ended)
	return nil
}

func (n *node) stop() error {
	if n.embedded != nil {
		e := n.embedded
		n.embedded = nil
		e.Close()
		return nil
	}
	return n.end(syscall.SIGTERM)
}

func (n *node) kill() error { return n.end(syscall.SIGKILL) }

// end ends the child and waits for that. One that takes its time is killed.
func (n *node) end(sig syscall.Signal) error {
	if err := n.signal(sig); err != nil {
		return err
	}
	timer := time.NewTimer(time.Second)
	defer timer.Stop()
	select {
	case <-n.ended:
	case <-timer.C:
		if err := n.signal(syscall.SIGKILL); err != nil {
			return err
		}
		<-n.ended
	}
	n.child = nil
	return nil
}

func (n *node) pause() error {
	if err := n.signal(syscall.SIGSTOP); err != nil {
		return err
	}
	return frozen.Await(n.child.Process.Pid)
}

func (n *node) resume() error { return n.signal(syscall.SIGCONT) }

func (n *node) signal(sig syscall.Signal) error {
	if n.child == nil {
		return fmt.Errorf("etcdserver: %s is no running child process", n.name)
	}
	if err := n.child.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("etcdserver: %v for %s: %w", sig, n.name, err)
	}
	return nil
}

// lockedBuffer keeps the end of what a child writes.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.buf.Len() > 16<<10 {
		b.buf.Reset()
	}
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
