package config_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/config"
)

// whole is what testdata/application.yaml says.
func whole() leadership.Config {
	return leadership.Config{
		ServiceName: "billing",
		ServiceID:   "42",
		Profile:     leadership.Profile{Version: "1.4.2", Priority: -3, Metadata: map[string]string{"zone": "a", "rack.no": "7=8"}},
		Consul:      leadership.ConsulConfig{Host: "consul.internal", Port: 8501},
		Etcd:        leadership.EtcdConfig{Endpoints: []string{"https://etcd-1:2379", "etcd-2:2379"}},
		Session:     leadership.SessionConfig{TTL: 30 * time.Second, Refresh: 10 * time.Second, Drift: 1500 * time.Millisecond},
		Election: leadership.ElectionConfig{
			Frequency: 5 * time.Second, TakeoverDelay: 30 * time.Second, Strategy: leadership.StrategyVersion, Preempt: 90 * time.Second,
			EnvelopeTemplate: "prod/services/%s/leader",
		},
		Lead:   leadership.LeadConfig{Margin: 2 * time.Second, Drain: 8 * time.Second, OnFailure: leadership.FailureKeep},
		Health: leadership.HealthConfig{Interval: 4 * time.Second, Timeout: time.Second, Rise: 2, Fall: 5},
	}
}

func TestLoadReadsFiles(t *testing.T) {
	for name, want := range map[string]leadership.Config{
		"leader.yaml": {
			ServiceName: "cluster-app",
			ServiceID:   "node-1",
			Consul:      leadership.ConsulConfig{Host: "localhost", Port: 8500},
			Session:     leadership.SessionConfig{TTL: 15 * time.Second, Refresh: 7 * time.Second},
			Election:    leadership.ElectionConfig{EnvelopeTemplate: "services/%s/leader"},
		},
		"application.yaml": whole(),
	} {
		t.Run(name, func(t *testing.T) {
			got, err := config.Load(filepath.Join("testdata", name), config.WithEnviron(nil))
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
		})
	}
}

func TestLoadNamesTheFileInItsErrors(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing.yaml")
	if _, err := config.Load(missing); !errors.Is(err, fs.ErrNotExist) || errors.Is(err, leadership.ErrInvalidConfig) {
		t.Errorf("a file that is not there: %v", err)
	}
	bad := filepath.Join(t.TempDir(), "bad.yaml")
	if err := os.WriteFile(bad, []byte("cluster: {leader: {serviceName: ''}}"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := config.Load(bad)
	want := "config: " + bad + `: leadership: invalid config: cluster.leader.serviceName "" must not be empty: leave it out for the default`
	if !errors.Is(err, leadership.ErrInvalidConfig) || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

func TestParseReads(t *testing.T) {
	ttl := func(d time.Duration) leadership.Config {
		return leadership.Config{Session: leadership.SessionConfig{TTL: d}}
	}
	for _, tt := range []struct {
		sentence string
		yaml     string
		want     leadership.Config
	}{
		{"an empty file", "", leadership.Config{}},
		{"a file of comments", "# nothing\n", leadership.Config{}},
		{"a file without the section", "server: {port: 80}", leadership.Config{}},
		{"a section cluster without leader", "cluster: {name: blue}", leadership.Config{}},
		{"sections without settings", "cluster:\n  leader:\n    session:\n    consul: ~\n", leadership.Config{}},
		{"null in place of the section", "cluster: {leader: ~}", leadership.Config{}},
		{"duplicate and unknown keys of other sections", "other: {a: 1, a: 2, 3: [x]}\ncluster: {other: {b: 1, b: 2}, leader: {session: {ttl: 20s}}}", ttl(20 * time.Second)},
		{"seconds without a unit", "cluster: {leader: {session: {ttl: 20}}}", ttl(20 * time.Second)},
		{"seconds as a decimal", "cluster: {leader: {session: {ttl: 20.0}}}", ttl(20 * time.Second)},
		{"seconds in quotes", `cluster: {leader: {session: {ttl: "20"}}}`, ttl(20 * time.Second)},
		{"parts of seconds", "cluster: {leader: {session: {ttl: 20, drift: 0.25}}}", leadership.Config{
			Session: leadership.SessionConfig{TTL: 20 * time.Second, Drift: 250 * time.Millisecond},
		}},
		{"other units", "cluster: {leader: {session: {ttl: 1m30s}}}", ttl(90 * time.Second)},
		{"election.delay 0 as in Java", "cluster: {leader: {election: {delay: 0, takeoverDelay: 0}}}", leadership.Config{}},
		{"a priority and a preempt of 0", "cluster: {leader: {election: {preempt: 0}, profile: {priority: 0}}}", leadership.Config{}},
		{"metadata as text", `cluster: {leader: {profile: {metadata: "zone=a, rack = 7, empty="}}}`, leadership.Config{
			Profile: leadership.Profile{Metadata: map[string]string{"zone": "a", "rack": "7", "empty": ""}},
		}},
		{"metadata whose names are in any case", `cluster: {leader: {profile: {metadata: {Zone: a, zone: b, "": c}}}}`, leadership.Config{
			Profile: leadership.Profile{Metadata: map[string]string{"Zone": "a", "zone": "b", "": "c"}},
		}},
		{"the section in the second document", "server: {port: 80}\n---\ncluster: {leader: {session: {ttl: 20}}}", ttl(20 * time.Second)},
		{"an alias to a section elsewhere", "common: &s {ttl: 20}\ncluster: {leader: {session: *s}}", ttl(20 * time.Second)},
		{"an alias to the whole section", "common: &l {session: {ttl: 20}}\ncluster: {leader: *l}", ttl(20 * time.Second)},
		{"a merge key", "common: &s {ttl: 30}\ncluster: {leader: {session: {<<: *s, ttl: 20}}}", ttl(20 * time.Second)},
		{"a word that YAML 1.1 took for a switch", "cluster: {leader: {serviceName: no}}", leadership.Config{ServiceName: "no"}},
		{"a port in quotes", `cluster: {leader: {consul: {port: "1"}}}`, leadership.Config{Consul: leadership.ConsulConfig{Port: 1}}},
		{"endpoints as text", `cluster: {leader: {etcd: {endpoints: "a:1, b:2"}}}`, leadership.Config{
			Etcd: leadership.EtcdConfig{Endpoints: []string{"a:1", "b:2"}},
		}},
	} {
		t.Run(tt.sentence, func(t *testing.T) {
			got, err := config.Parse([]byte(tt.yaml), config.WithEnviron(nil))
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got  %+v\nwant %+v", got, tt.want)
			}
		})
	}
}

func TestParseAppliesTheProcessEnvironmentByDefault(t *testing.T) {
	t.Setenv("CLUSTER_LEADER_SESSION_TTL", "20s")
	got, err := config.Parse([]byte("cluster: {leader: {session: {ttl: 30s}}}"))
	if err != nil || got.Session.TTL != 20*time.Second {
		t.Errorf("the variable stands above the file: TTL %v, error %v", got.Session.TTL, err)
	}
	got, err = config.Parse([]byte("cluster: {leader: {session: {ttl: 30s}}}"), config.WithEnviron(nil))
	if err != nil || got.Session.TTL != 30*time.Second {
		t.Errorf("WithEnviron(nil) leaves it out: TTL %v, error %v", got.Session.TTL, err)
	}
}

func TestParseValidatesTheFileAndTheEnvironmentTogether(t *testing.T) {
	file := []byte("cluster: {leader: {session: {refresh: 20s}}}")
	if _, err := config.Parse(file, config.WithEnviron([]string{"CLUSTER_LEADER_SESSION_TTL=60s"})); err != nil {
		t.Errorf("the variable makes the file's refresh valid: %v", err)
	}
	if _, err := config.Parse(file, config.WithEnviron(nil)); !errors.Is(err, leadership.ErrInvalidConfig) {
		t.Errorf("without it the file is refused: %v", err)
	}
}

func TestErrorsNeverShowWhatMayBeASecret(t *testing.T) {
	for _, yaml := range []string{
		"cluster: {leader: {consul: {token: hunter2}}}",
		"cluster: {leader: {consul: {token: hunter2, token: hunter2}}}",
		"cluster: {leader: {tls: {auth: {key: hunter2}}}}",
		"cluster: {leader: {serviceName: {password: hunter2}}}",
		"cluster: {leader: {serviceName: [hunter2]}}",
		"cluster: {leader: {profile: {metadata: [hunter2]}}}",
		"cluster: {leader: {profile: {metadata: {password: [hunter2]}}}}",
		"cluster: {leader: {profile: {metadata: {password: hunter2, password: hunter2}}}}",
		"cluster: {leader: hunter2}",
		"cluster: hunter2",
	} {
		_, err := config.Parse([]byte(yaml), config.WithEnviron(nil))
		if !errors.Is(err, leadership.ErrInvalidConfig) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", yaml, err)
		}
	}
}
