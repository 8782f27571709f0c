// Package config reads a [leadership.Config] from the section cluster.leader of a YAML file, and from the environment.
//
// Files written for the Java library leadership-consul load as they are:
//
//	cluster:
//	  leader:
//	    serviceName: cluster-app
//	    serviceId: node-1
//	    profile:
//	      version: 1.4.2
//	      priority: 10
//	      metadata: {zone: a, rack: "7"}
//	    consul:
//	      host: localhost
//	      port: 8500
//	      discovery:
//	        enabled: false
//	    etcd:
//	      endpoints: [localhost:2379]
//	    session:
//	      ttl: 15s
//	      refresh: 7s
//	      drift: 750ms
//	    election:
//	      frequency: 10s
//	      delay: 0s
//	      takeoverDelay: 0s
//	      strategy: priority
//	      preempt: 30s
//	      envelopeTemplate: services/%s/leader
//	    lead:
//	      margin: 1500ms
//	      drain: 5s
//	      onFailure: resign
//	    health:
//	      interval: 5s
//	      timeout: 5s
//	      rise: 1
//	      fall: 3
//
// Every setting may be left out, for its default; so may the whole section. A duration is "15s" or a number of seconds, 15.
// Names are spelled as above. What stands elsewhere in the file is left alone.
//
// # What is refused
//
// In a Go Config a field at zero means its default. In a file or a variable somebody wrote it, so an empty text, an empty list,
// a 0 or a null is refused there, except where 0 is a setting of its own: election.delay, election.takeoverDelay, election.preempt and profile.priority.
// So are unknown and duplicate keys, and everything that [leadership.Config.Validate] refuses. Each such error is a
// [*leadership.ConfigError] that names the setting by its path, and wraps [leadership.ErrInvalidConfig], as broken YAML does.
// The values of unknown and duplicate keys are never printed: they may be secrets.
//
// # Environment
//
// A variable CLUSTER_LEADER_… stands above the file: CLUSTER_LEADER_SERVICE_NAME, CLUSTER_LEADER_SESSION_TTL,
// CLUSTER_LEADER_ELECTION_ENVELOPE_TEMPLATE, CLUSTER_LEADER_ETCD_ENDPOINTS (separated by commas), CLUSTER_LEADER_PROFILE_METADATA (zone=a,rack=7), and so on for each
// setting. Case and underscores after CLUSTER_LEADER_ do not count, so that Spring's form CLUSTER_LEADER_SERVICENAME is the
// same setting; two variables that give one setting different values are refused.
//
// Other variables CLUSTER_LEADER_… are ignored, not refused: Kubernetes sets CLUSTER_LEADER_SERVICE_HOST,
// CLUSTER_LEADER_PORT_8500_TCP and more in every pod beside a Service that is called cluster-leader. Nor is
// CLUSTER_LEADER_CONSUL_PORT a port when it holds an address such as tcp://10.0.0.1:8500: that one comes from a Service
// called cluster-leader-consul. So a misspelled variable is not noticed, unlike a misspelled key of the file.
package config

import (
	"fmt"
	"os"

	"github.com/leadership-go/leadership"
)

// Option changes how [Load] and [Parse] read.
type Option func(*options)

type options struct {
	environ []string
}

// WithEnviron takes the overrides from environ, of the form of [os.Environ], instead of the process's environment: nil for none.
func WithEnviron(environ []string) Option {
	return func(o *options) { o.environ = environ }
}

// Load reads the file at path as [Parse] does. A file that can't be read is the error of [os.ReadFile], wrapped.
func Load(path string, opts ...Option) (leadership.Config, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return leadership.Config{}, fmt.Errorf("config: %w", err)
	}
	cfg, err := Parse(data, opts...)
	if err != nil {
		return leadership.Config{}, fmt.Errorf("config: %s: %w", path, err)
	}
	return cfg, nil
}

// Parse reads YAML, puts the variables CLUSTER_LEADER_… of the process's environment over it, unless told otherwise, and
// validates the outcome. What neither gives stays at zero, which means its default.
func Parse(data []byte, opts ...Option) (leadership.Config, error) {
	o := options{environ: os.Environ()}
	for _, opt := range opts {
		opt(&o)
	}
	raw, err := parseYAML(data)
	if err != nil {
		return leadership.Config{}, err
	}
	var cfg leadership.Config
	if err := decode(&cfg, raw, func(path string) string { return prefix + path }); err != nil {
		return leadership.Config{}, err
	}
	return FromEnv(cfg, o.environ)
}

// FromEnv puts the variables CLUSTER_LEADER_… of environ, of the form of [os.Environ], over base and validates the outcome.
// base is left as it was.
func FromEnv(base leadership.Config, environ []string) (leadership.Config, error) {
	raw, variables, err := parseEnviron(environ)
	if err != nil {
		return leadership.Config{}, err
	}
	name := func(path string) string {
		if variable, ok := variables[path]; ok {
			return fmt.Sprintf("%s%s (%s)", prefix, path, variable)
		}
		return prefix + path
	}
	if err := decode(&base, raw, name); err != nil {
		return leadership.Config{}, err
	}
	if err := base.Validate(); err != nil {
		return leadership.Config{}, rename(err, name)
	}
	return base, nil
}
