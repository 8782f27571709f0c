package config_test

import (
	"errors"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/config"
)

func TestFromEnvSetsEverySetting(t *testing.T) {
	for name, environ := range map[string][]string{
		"with underscores": {
			"CLUSTER_LEADER_SERVICE_NAME=billing",
			"CLUSTER_LEADER_SERVICE_ID=42",
			"CLUSTER_LEADER_PROFILE_VERSION=1.4.2",
			"CLUSTER_LEADER_PROFILE_PRIORITY=-3",
			"CLUSTER_LEADER_PROFILE_METADATA=zone=a, rack.no=7=8",
			"CLUSTER_LEADER_CONSUL_HOST=consul.internal",
			"CLUSTER_LEADER_CONSUL_PORT=8501",
			"CLUSTER_LEADER_CONSUL_DISCOVERY_ENABLED=false",
			"CLUSTER_LEADER_ETCD_ENDPOINTS=https://etcd-1:2379, etcd-2:2379",
			"CLUSTER_LEADER_SESSION_TTL=30",
			"CLUSTER_LEADER_SESSION_REFRESH=10s",
			"CLUSTER_LEADER_SESSION_DRIFT=1.5",
			"CLUSTER_LEADER_ELECTION_FREQUENCY=5s",
			"CLUSTER_LEADER_ELECTION_DELAY=0",
			"CLUSTER_LEADER_ELECTION_TAKEOVER_DELAY=30s",
			"CLUSTER_LEADER_ELECTION_STRATEGY=version",
			"CLUSTER_LEADER_ELECTION_PREEMPT=90",
			"CLUSTER_LEADER_ELECTION_ENVELOPE_TEMPLATE=prod/services/%s/leader",
			"CLUSTER_LEADER_LEAD_MARGIN=2s",
			"CLUSTER_LEADER_LEAD_DRAIN=8",
			"CLUSTER_LEADER_LEAD_ON_FAILURE=keep",
			"CLUSTER_LEADER_HEALTH_INTERVAL=4s",
			"CLUSTER_LEADER_HEALTH_TIMEOUT=1s",
			"CLUSTER_LEADER_HEALTH_RISE=2",
			"CLUSTER_LEADER_HEALTH_FALL=5",
		},
		"as Spring writes them": {
			"CLUSTER_LEADER_SERVICENAME=billing",
			"CLUSTER_LEADER_SERVICEID=42",
			"CLUSTER_LEADER_PROFILE_VERSION=1.4.2",
			"CLUSTER_LEADER_PROFILE_PRIORITY=-3",
			"CLUSTER_LEADER_PROFILE_METADATA=zone=a,rack.no=7=8",
			"CLUSTER_LEADER_CONSUL_HOST=consul.internal",
			"CLUSTER_LEADER_CONSUL_PORT=8501",
			"CLUSTER_LEADER_CONSUL_DISCOVERY_ENABLED=FALSE",
			"CLUSTER_LEADER_ETCD_ENDPOINTS=https://etcd-1:2379,etcd-2:2379",
			"CLUSTER_LEADER_SESSION_TTL=30",
			"CLUSTER_LEADER_SESSION_REFRESH=10",
			"CLUSTER_LEADER_SESSION_DRIFT=1500ms",
			"CLUSTER_LEADER_ELECTION_FREQUENCY=5",
			"CLUSTER_LEADER_ELECTION_DELAY=0",
			"CLUSTER_LEADER_ELECTION_TAKEOVERDELAY=30",
			"CLUSTER_LEADER_ELECTION_STRATEGY=version",
			"CLUSTER_LEADER_ELECTION_PREEMPT=1m30s",
			"cluster_leader_election_envelopetemplate=prod/services/%s/leader",
			"CLUSTER_LEADER_LEAD_MARGIN=2",
			"CLUSTER_LEADER_LEAD_DRAIN=8s",
			"CLUSTER_LEADER_LEAD_ONFAILURE=keep",
			"CLUSTER_LEADER_HEALTH_INTERVAL=4",
			"CLUSTER_LEADER_HEALTH_TIMEOUT=1",
			"CLUSTER_LEADER_HEALTH_RISE=2",
			"CLUSTER_LEADER_HEALTH_FALL=5",
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := config.FromEnv(leadership.Config{}, environ)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, whole()) {
				t.Errorf("got  %+v\nwant %+v", got, whole())
			}
		})
	}
}

func TestFromEnvReplacesOnlyWhatIsSet(t *testing.T) {
	base := whole()
	got, err := config.FromEnv(base, []string{
		"CLUSTER_LEADER_ETCD_ENDPOINTS=other:2379", "CLUSTER_LEADER_SESSION_TTL=40s", "CLUSTER_LEADER_PROFILE_METADATA=rack=9",
	})
	if err != nil {
		t.Fatal(err)
	}
	want := whole()
	want.Etcd.Endpoints = []string{"other:2379"}
	want.Session.TTL = 40 * time.Second
	want.Profile.Metadata = map[string]string{"rack": "9"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if !reflect.DeepEqual(base, whole()) {
		t.Errorf("the base was changed: %+v", base)
	}
}

func TestFromEnvIgnoresWhatIsNoSetting(t *testing.T) {
	environ := []string{
		"PATH=/bin",
		"CLUSTER_LEADER",
		"CLUSTER_LEADER_=x",
		"CLUSTER_NAME=blue",
		"CLUSTERLEADER_SERVICE_NAME=x",
		"CLUSTER_LEADER_SESION_TTL=1s",
		// A Service called cluster-leader, as Kubernetes tells of it.
		"CLUSTER_LEADER_SERVICE_HOST=10.0.0.1",
		"CLUSTER_LEADER_SERVICE_PORT=8500",
		"CLUSTER_LEADER_SERVICE_PORT_HTTP=8500",
		"CLUSTER_LEADER_PORT=tcp://10.0.0.1:8500",
		"CLUSTER_LEADER_PORT_8500_TCP=tcp://10.0.0.1:8500",
		"CLUSTER_LEADER_PORT_8500_TCP_PROTO=tcp",
		"CLUSTER_LEADER_PORT_8500_TCP_PORT=8500",
		"CLUSTER_LEADER_PORT_8500_TCP_ADDR=10.0.0.1",
		// And Services called cluster-leader-consul and cluster-leader-etcd.
		"CLUSTER_LEADER_CONSUL_SERVICE_HOST=10.0.0.2",
		"CLUSTER_LEADER_CONSUL_SERVICE_PORT=8500",
		"CLUSTER_LEADER_CONSUL_PORT=tcp://10.0.0.2:8500",
		"CLUSTER_LEADER_CONSUL_PORT_8500_TCP_PORT=8500",
		"CLUSTER_LEADER_ETCD_SERVICE_HOST=10.0.0.3",
		"CLUSTER_LEADER_ETCD_PORT=tcp://10.0.0.3:2379",
	}
	got, err := config.FromEnv(whole(), environ)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, whole()) {
		t.Errorf("got  %+v\nwant %+v", got, whole())
	}
}

func TestFromEnvRefuses(t *testing.T) {
	for _, tt := range []struct {
		sentence string
		environ  []string
		want     string // after "leadership: invalid config: "
	}{
		{
			"an empty service name",
			[]string{"CLUSTER_LEADER_SERVICE_NAME="},
			`cluster.leader.serviceName (CLUSTER_LEADER_SERVICE_NAME) "" must not be empty: leave it out for the default`,
		},
		{
			"no endpoint",
			[]string{"CLUSTER_LEADER_ETCD_ENDPOINTS= "},
			`cluster.leader.etcd.endpoints (CLUSTER_LEADER_ETCD_ENDPOINTS) " " must not be empty: leave it out for the default`,
		},
		{
			"an endpoint that is empty",
			[]string{"CLUSTER_LEADER_ETCD_ENDPOINTS=a:1,,b:2"},
			`cluster.leader.etcd.endpoints (CLUSTER_LEADER_ETCD_ENDPOINTS) must not contain an empty endpoint`,
		},
		{
			"metadata that is empty",
			[]string{"CLUSTER_LEADER_PROFILE_METADATA="},
			`cluster.leader.profile.metadata (CLUSTER_LEADER_PROFILE_METADATA) "" must not be empty: leave it out for the default`,
		},
		{
			"metadata without a name",
			[]string{"CLUSTER_LEADER_PROFILE_METADATA=zone=a,=b"},
			`cluster.leader.profile.metadata (CLUSTER_LEADER_PROFILE_METADATA) "zone=a,=b" must be a section of names and texts, or text such as zone=a,rack=7 that has each name once`,
		},
		{
			"metadata with a name twice",
			[]string{"CLUSTER_LEADER_PROFILE_METADATA=zone=a,zone=a"},
			`cluster.leader.profile.metadata (CLUSTER_LEADER_PROFILE_METADATA) "zone=a,zone=a" must be a section of names and texts, or text such as zone=a,rack=7 that has each name once`,
		},
		{
			"a priority that is a word",
			[]string{"CLUSTER_LEADER_PROFILE_PRIORITY=high"},
			`cluster.leader.profile.priority (CLUSTER_LEADER_PROFILE_PRIORITY) "high" must be a whole number`,
		},
		{
			"an unknown strategy",
			[]string{"CLUSTER_LEADER_ELECTION_STRATEGY=highest"},
			`cluster.leader.election.strategy (CLUSTER_LEADER_ELECTION_STRATEGY) "highest" must be "arrival", "priority", "version" or "random"`,
		},
		{
			"TTL 0",
			[]string{"CLUSTER_LEADER_SESSION_TTL=0"},
			`cluster.leader.session.ttl (CLUSTER_LEADER_SESSION_TTL) "0" must not be 0: leave it out for the default`,
		},
		{
			"a TTL beyond all durations",
			[]string{"CLUSTER_LEADER_SESSION_TTL=1e30"},
			`cluster.leader.session.ttl (CLUSTER_LEADER_SESSION_TTL) "1e30" must be a duration such as 15s or a number of seconds, at most 292 years`,
		},
		{
			"a negative TTL",
			[]string{"CLUSTER_LEADER_SESSION_TTL=-1"},
			"cluster.leader.session.ttl (CLUSTER_LEADER_SESSION_TTL) -1s must not be negative",
		},
		{
			"a port that is a word",
			[]string{"CLUSTER_LEADER_CONSUL_PORT=http"},
			`cluster.leader.consul.port (CLUSTER_LEADER_CONSUL_PORT) "http" must be a whole number`,
		},
		{
			"a port that would wrap around on 32 bits",
			[]string{"CLUSTER_LEADER_CONSUL_PORT=18446744073709560116"},
			`cluster.leader.consul.port (CLUSTER_LEADER_CONSUL_PORT) "18446744073709560116" must be a whole number`,
		},
		{
			"refresh above the base's TTL",
			[]string{"CLUSTER_LEADER_SESSION_REFRESH=30s"},
			"cluster.leader.session.refresh (CLUSTER_LEADER_SESSION_REFRESH) 30s must be below session.ttl 30s",
		},
		{
			"two variables that disagree",
			[]string{"CLUSTER_LEADER_SERVICE_NAME=a", "CLUSTER_LEADER_SERVICENAME=b"},
			"cluster.leader.serviceName must be given once, not by both CLUSTER_LEADER_SERVICE_NAME and CLUSTER_LEADER_SERVICENAME",
		},
	} {
		t.Run(tt.sentence, func(t *testing.T) {
			_, err := config.FromEnv(whole(), tt.environ)
			if !errors.Is(err, leadership.ErrInvalidConfig) {
				t.Fatalf("error %v", err)
			}
			if want := "leadership: invalid config: " + tt.want; err.Error() != want {
				t.Errorf("got  %v\nwant %s", err, want)
			}
		})
	}
}

func TestFromEnvAcceptsTwoVariablesThatAgree(t *testing.T) {
	got, err := config.FromEnv(leadership.Config{}, []string{"CLUSTER_LEADER_SERVICE_NAME=a", "CLUSTER_LEADER_SERVICENAME=a"})
	if err != nil || got.ServiceName != "a" {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestFromEnvValidatesItsBase(t *testing.T) {
	base := whole()
	base.Consul.Port = 70000
	_, err := config.FromEnv(base, nil)
	want := "leadership: invalid config: cluster.leader.consul.port 70000 must be between 1 and 65535"
	if !errors.Is(err, leadership.ErrInvalidConfig) || err.Error() != want {
		t.Errorf("got %v", err)
	}
}

func TestEveryFieldOfAConfigHasItsName(t *testing.T) {
	var walk func(reflect.Type, string)
	var unnamed []string
	walk = func(typ reflect.Type, path string) {
		for field := range typ.Fields() {
			if field.Tag.Get("mapstructure") == "" {
				unnamed = append(unnamed, path+field.Name)
			}
			if field.Type.Kind() == reflect.Struct {
				walk(field.Type, path+field.Name+".")
			}
		}
	}
	walk(reflect.TypeFor[leadership.Config](), "")
	if slices.Sort(unnamed); len(unnamed) > 0 {
		t.Errorf("a file can't set %v", unnamed)
	}
}
