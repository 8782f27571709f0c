package etcd

import (
	"fmt"
	"os"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"

	"github.com/leadership-go/leadership"
)

// NewClusterFactory returns a factory of members that elect their leader at etcd. Build checks the options and all of etcd's own settings,
// with errors that wrap [leadership.ErrInvalidConfig]; it neither connects nor waits.
func NewClusterFactory(opts ...Option) *leadership.ClusterFactory {
	return leadership.NewClusterFactory(func(cfg leadership.Config) (leadership.Backend, error) {
		return connect(cfg, os.Getenv, opts)
	})
}

// How a client made here looks after its connections. A server that does not answer a ping is given up, so that calls and watches move to
// another one; etcd's servers refuse pings more often than every 5 s. After an outage the next try comes within reconnect:
// gRPC by itself would wait for up to two minutes.
const (
	pingAfter   = 10 * time.Second
	pingTimeout = 5 * time.Second
	reconnect   = 2 * time.Second
	dialTimeout = 5 * time.Second
)

// How large an answer may be. The largest is a line of candidates with candidates of elections further down among them: 16 MiB are some 50,000 votes.
// gRPC takes no message in parts, and the rest of an answer is a few hundred bytes, unless a server explains an error at length.
const (
	maxAnswer = 16 << 20
	maxHeader = 64 << 10
)

// connect makes the backend of one member.
func connect(cfg leadership.Config, getenv func(string) string, opts []Option) (leadership.Backend, error) {
	var s settings
	for _, o := range opts {
		if o != nil {
			o(&s)
		}
	}
	if ttl := cfg.Session.TTL; ttl != 0 {
		if ttl < time.Second {
			return nil, leadership.InvalidConfig("session.ttl", ttl, "must be at least 1s: etcd counts whole seconds")
		}
		if _, err := wholeSeconds(ttl); err != nil {
			return nil, err
		}
	}
	if s.hasClient {
		if err := s.clientOnly(); err != nil {
			return nil, err
		}
		return &backend{link: given(s.client, s.namespace), profile: cfg.Profile}, nil
	}
	client, err := s.clientConfig(cfg, getenv)
	if err != nil {
		return nil, err
	}
	var file *passwordFile
	if s.file != "" {
		file = &passwordFile{path: s.file}
		if _, err := file.read(); err != nil {
			return nil, leadership.InvalidConfig("password file", fmt.Sprintf("%q", s.file), "must hold a password: "+err.Error())
		}
	}
	l := dialled(client, file, s.namespace)
	if client.Username == "" { // then it needs no network, and what the client finds wrong is known now
		if err := l.prepare(); err != nil {
			return nil, leadership.InvalidConfig("etcd.endpoints", fmt.Sprintf("%q", client.Endpoints), "are refused: "+err.Error())
		}
	}
	return &backend{link: l, profile: cfg.Profile}, nil
}

// clientOnly refuses options that a given client does not heed.
func (s settings) clientOnly() error {
	switch {
	case s.client == nil:
		return leadership.InvalidConfig("client", "nil", "must be given to WithClient")
	case s.endpoints != nil:
		var shown []string
		for _, endpoint := range s.endpoints {
			shown = append(shown, hideUser(endpoint))
		}
		return leadership.InvalidConfig("endpoints", shown, "must not be set beside a client, which has its own")
	case s.tls != nil:
		return leadership.InvalidConfig("tls", "configuration", "must not be set beside a client, which has its own")
	case s.hasUser:
		return leadership.InvalidConfig("user", fmt.Sprintf("%q", s.user), "must not be set beside a client, which has its own")
	}
	return nil
}

// clientConfig puts options, configuration, environment and defaults together.
func (s settings) clientConfig(cfg leadership.Config, getenv func(string) string) (clientv3.Config, error) {
	var none clientv3.Config
	env, err := readEnvironment(getenv)
	if err != nil {
		return none, err
	}
	field, endpoints := "endpoints", s.endpoints
	for _, next := range []struct {
		field     string
		endpoints []string
	}{
		{"etcd.endpoints", cfg.Etcd.Endpoints},
		{"ETCDCTL_ENDPOINTS", env.endpoints},
		{"etcd.endpoints", []string{"localhost:2379"}},
	} {
		if endpoints == nil {
			field, endpoints = next.field, next.endpoints
		}
	}
	security := s.tls
	if security == nil {
		if security, err = env.tls(); err != nil {
			return none, err
		}
	}
	if err := validateEndpoints(field, endpoints, security != nil); err != nil {
		return none, err
	}
	user, password := env.user, env.password
	if s.hasUser {
		user, password = s.user, s.password
		if user == "" {
			return none, leadership.InvalidConfig("user", `""`, "must not be empty")
		}
		if password == "" && s.file == "" {
			return none, leadership.InvalidConfig("user", fmt.Sprintf("%q", user), "must have a password")
		}
	}
	return clientv3.Config{
		Endpoints:            endpoints,
		TLS:                  security,
		Username:             user,
		Password:             password,
		DialTimeout:          dialTimeout,
		DialKeepAliveTime:    pingAfter,
		DialKeepAliveTimeout: pingTimeout,
		MaxCallRecvMsgSize:   maxAnswer,
		Logger:               zap.NewNop(),
		DialOptions: []grpc.DialOption{
			grpc.WithMaxHeaderListSize(maxHeader),
			grpc.WithConnectParams(grpc.ConnectParams{
				Backoff:           backoff.Config{BaseDelay: 100 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: reconnect},
				MinConnectTimeout: reconnect,
			}),
		},
	}, nil
}
