package leadership

import (
	"errors"
	"math"
	"os"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestTheZeroConfigIsValid(t *testing.T) {
	var cfg Config
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	if got := cfg.Key(); got != "services/cluster-app/leader" {
		t.Errorf("key %s", got)
	}
}

func TestKeyPutsTheServiceNameInTheTemplate(t *testing.T) {
	for _, tt := range []struct{ template, name, want string }{
		{"", "", "services/cluster-app/leader"},
		{"", "billing", "services/billing/leader"},
		{"%s", "billing", "billing"},
		{"a/%s", "%s", "a/%s"},
		{"a/%s", "b/c", "a/b/c"},
	} {
		cfg := Config{ServiceName: tt.name, Election: ElectionConfig{EnvelopeTemplate: tt.template}}
		if got := cfg.Key(); got != tt.want {
			t.Errorf("template %q, service %q: got %q, want %q", tt.template, tt.name, got, tt.want)
		}
		if err := cfg.Validate(); err != nil {
			t.Errorf("template %q, service %q: %v", tt.template, tt.name, err)
		}
	}
}

// TestDefaultsFollowTheTTL shows what is left at zero by what the rules say of it.
func TestDefaultsFollowTheTTL(t *testing.T) {
	for _, tt := range []struct {
		ttl  time.Duration
		want string
	}{
		{math.MaxInt64, ""},
		{24 * time.Hour, ""},
		{time.Second, ""},
		{100 * time.Millisecond, ""},
		{
			60 * time.Millisecond,
			"leadership: invalid config: session.refresh 28ms must leave two attempts of 20ms before session.ttl 60ms less session.drift 3ms",
		},
		{1, "leadership: invalid config: session.refresh 0s must be at least 1ms"},
		{math.MinInt64, "leadership: invalid config: session.ttl -2562047h47m16.854775808s must not be negative"},
	} {
		err := Config{Session: SessionConfig{TTL: tt.ttl}}.Validate()
		if got := errorText(err); got != tt.want {
			t.Errorf("TTL %v\ngot  %s\nwant %s", tt.ttl, got, tt.want)
		}
	}
}

func TestValidateRefuses(t *testing.T) {
	session := func(ttl, refresh, drift time.Duration) Config {
		return Config{Session: SessionConfig{TTL: ttl, Refresh: refresh, Drift: drift}}
	}
	election := func(e ElectionConfig) Config { return Config{Election: e} }
	name := func(s string) Config { return Config{ServiceName: s} }
	for _, tt := range []struct {
		sentence string
		cfg      Config
		want     string // after "leadership: invalid config: "
	}{
		{"a negative TTL", session(-time.Second, 0, 0), "session.ttl -1s must not be negative"},
		{"a negative refresh", session(0, -time.Second, 0), "session.refresh -1s must not be negative"},
		{"a negative drift", session(0, 0, -time.Second), "session.drift -1s must not be negative"},
		{"a negative frequency", election(ElectionConfig{Frequency: -1}), "election.frequency -1ns must not be negative"},
		{"a negative delay", election(ElectionConfig{Delay: -1}), "election.delay -1ns must not be negative"},
		{"a negative takeoverDelay", election(ElectionConfig{TakeoverDelay: -1}), "election.takeoverDelay -1ns must not be negative"},
		{"an unknown strategy", election(ElectionConfig{Strategy: "Priority"}), `election.strategy "Priority" must be "arrival", "priority", "version" or "random"`},
		{"a negative preempt", election(ElectionConfig{Preempt: -1}), "election.preempt -1ns must not be negative"},
		{"a preempt that floods the store", election(ElectionConfig{Preempt: 1}), "election.preempt 1ns must be at least 1ms"},
		{"a negative drain", Config{Lead: LeadConfig{Drain: -1}}, "lead.drain -1ns must not be negative"},
		{
			"a negative margin",
			Config{Lead: LeadConfig{Margin: -1}},
			"lead.margin -1ns must be between 0 and 3.625s, half of what session.ttl 15s leaves after session.drift 750ms and session.refresh 7s",
		},
		{
			"a margin that leaves no time for a second attempt",
			Config{Lead: LeadConfig{Margin: 4 * time.Second}},
			"lead.margin 4s must be between 0 and 3.625s, half of what session.ttl 15s leaves after session.drift 750ms and session.refresh 7s",
		},
		{"an unknown policy", Config{Lead: LeadConfig{OnFailure: "panic"}}, `lead.onFailure "panic" must be "resign" or "keep"`},
		{"a negative interval", Config{Health: HealthConfig{Interval: -1}}, "health.interval -1ns must not be negative"},
		{"an interval that floods the probe", Config{Health: HealthConfig{Interval: 1}}, "health.interval 1ns must be at least 1ms"},
		{"a negative timeout", Config{Health: HealthConfig{Timeout: -1}}, "health.timeout -1ns must not be negative"},
		{"a timeout beyond the interval", Config{Health: HealthConfig{Timeout: 6 * time.Second}}, "health.timeout 6s must be at most health.interval 5s"},
		{"a negative rise", Config{Health: HealthConfig{Rise: -1}}, "health.rise -1 must not be negative"},
		{"a negative fall", Config{Health: HealthConfig{Fall: -1}}, "health.fall -1 must not be negative"},
		{"a frequency that floods the store", election(ElectionConfig{Frequency: 1}), "election.frequency 1ns must be at least 1ms"},
		{"refresh at the TTL", session(7*time.Second, 7*time.Second, 0), "session.refresh 7s must be below session.ttl 7s"},
		{"drift at the TTL", session(7*time.Second, time.Second, 7*time.Second), "session.drift 7s must be below session.ttl 7s"},
		{
			"drift so large that nothing is left", session(math.MaxInt64, math.MaxInt64-2, math.MaxInt64-1),
			"session.refresh 2562047h47m16.854775805s must leave two attempts of 20ms before session.ttl 2562047h47m16.854775807s less session.drift 2562047h47m16.854775806s",
		},
		{
			"failure 3: a refresh that leaves no time for two attempts", session(time.Second, 911*time.Millisecond, 50*time.Millisecond),
			"session.refresh 911ms must leave two attempts of 20ms before session.ttl 1s less session.drift 50ms",
		},
		{"a negative port", Config{Consul: ConsulConfig{Port: -1}}, "consul.port -1 must be between 1 and 65535"},
		{"a port out of range", Config{Consul: ConsulConfig{Port: 65536}}, "consul.port 65536 must be between 1 and 65535"},
		{
			"discovery",
			Config{Consul: ConsulConfig{Discovery: DiscoveryConfig{Enabled: true}}},
			"consul.discovery.enabled true must be false: the agent finds its servers by itself",
		},
		{
			"a list without endpoints",
			Config{Etcd: EtcdConfig{Endpoints: []string{}}},
			"etcd.endpoints [] must name at least one endpoint",
		},
		{
			"an empty endpoint",
			Config{Etcd: EtcdConfig{Endpoints: []string{"a:1", ""}}},
			`etcd.endpoints must not contain an empty endpoint`,
		},
		{
			"a template without %s", election(ElectionConfig{EnvelopeTemplate: "leader"}),
			`election.envelopeTemplate "leader" must hold exactly one %s and no other %`,
		},
		{
			"a template with two %s", election(ElectionConfig{EnvelopeTemplate: "%s/%s"}),
			`election.envelopeTemplate "%s/%s" must hold exactly one %s and no other %`,
		},
		{
			"a template with %%", election(ElectionConfig{EnvelopeTemplate: "%%/%s"}),
			`election.envelopeTemplate "%%/%s" must hold exactly one %s and no other %`,
		},
		{"bad input 19: a key with leading /", election(ElectionConfig{EnvelopeTemplate: "/%s"}), keyMessage("/%s", "/cluster-app", "cluster-app", "must not start or end with /")},
		{"a key with trailing /", election(ElectionConfig{EnvelopeTemplate: "%s/"}), keyMessage("%s/", "cluster-app/", "cluster-app", "must not start or end with /")},
		{"a key with //", name("a/"), keyMessage("services/%s/leader", "services/a//leader", "a/", "must not contain //")},
		{"bad input 19: a key with ..", name(".."), keyMessage("services/%s/leader", "services/../leader", "..", "must not contain the path element ..")},
		{"a key with .", name("."), keyMessage("services/%s/leader", "services/./leader", ".", "must not contain the path element .")},
		{"bad input 19: a key with NUL", name("\x00"), keyMessage("services/%s/leader", "services/\x00/leader", "\x00", "must not contain NUL or another control character")},
		{"a key with a new line", name("a\n"), keyMessage("services/%s/leader", "services/a\n/leader", "a\n", "must not contain NUL or another control character")},
		{"a key that is not UTF-8", name("\xff"), keyMessage("services/%s/leader", "services/\xff/leader", "\xff", "must be UTF-8")},
		{"a service id that is not UTF-8", Config{ServiceID: "\xff"}, `serviceId "\xff" must be UTF-8`},
		{
			"bad input 5: a vote over 64 KiB",
			Config{ServiceID: strings.Repeat("x", 65414)},
			"serviceId of 65414 bytes makes a vote of 65537 bytes with serviceName: at most 65536 fit",
		},
		{
			"bad input 5: a vote over 64 KiB by its escapes",
			Config{ServiceID: strings.Repeat(`"`, 40000)},
			"serviceId of 40000 bytes makes a vote of 80123 bytes with serviceName: at most 65536 fit",
		},
	} {
		t.Run(tt.sentence, func(t *testing.T) {
			err := tt.cfg.Validate()
			if !errors.Is(err, ErrInvalidConfig) {
				t.Fatalf("error %v", err)
			}
			if want := "leadership: invalid config: " + tt.want; err.Error() != want {
				t.Errorf("got  %v\nwant %s", err, want)
			}
			if invalid, ok := errors.AsType[*ConfigError](err); !ok || !strings.HasPrefix(tt.want, invalid.Field+" ") {
				t.Errorf("parts %#v", invalid)
			}
		})
	}
}

func TestTheLargestVoteThatFits(t *testing.T) {
	if err := (Config{ServiceID: strings.Repeat("x", 65413)}).Validate(); err != nil {
		t.Error(err)
	}
}

func TestAConfigErrorLeavesOutAValueThatIsNil(t *testing.T) {
	err := &ConfigError{Field: "consul.token", Rule: "is not a known setting"}
	if got := err.Error(); got != "leadership: invalid config: consul.token is not a known setting" {
		t.Error(got)
	}
}

func TestTheDefaultsAreTheDocumentedOnes(t *testing.T) {
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	want := Config{
		ServiceName: "cluster-app",
		ServiceID:   host + "/" + strconv.Itoa(os.Getpid()),
		Session:     SessionConfig{TTL: 15 * time.Second, Refresh: 7 * time.Second, Drift: 750 * time.Millisecond},
		Election:    ElectionConfig{Frequency: 10 * time.Second, Strategy: StrategyArrival, EnvelopeTemplate: "services/%s/leader"},
		Lead:        LeadConfig{Margin: 1500 * time.Millisecond, Drain: 5 * time.Second, OnFailure: FailureResign},
		Shards:      ShardsConfig{Pace: 100 * time.Millisecond},
		Health:      HealthConfig{Interval: 5 * time.Second, Timeout: 5 * time.Second, Rise: 1, Fall: 3},
	}
	got := Config{}.withDefaults()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if again := got.withDefaults(); !reflect.DeepEqual(again, got) {
		t.Errorf("what is set was changed to %+v", again)
	}
}

// keyMessage is the message for a key that breaks rule.
func keyMessage(template, key, name, rule string) string {
	return "election.envelopeTemplate " + strconv.Quote(template) + " makes the key " + strconv.Quote(key) +
		" of serviceName " + strconv.Quote(name) + ": a key " + rule
}

// errorText is the error's text, "" for none.
func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
