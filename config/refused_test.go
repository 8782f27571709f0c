package config_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/config"
)

func TestParseRefuses(t *testing.T) {
	// leader is a file with one line in the section.
	leader := func(line string) string { return "cluster:\n  leader:\n    " + line + "\n" }
	for _, tt := range []struct {
		sentence string
		yaml     string
		want     string // after "leadership: invalid config: "
	}{
		// The numbers are those of the list of bad inputs that the project keeps.
		{
			"bad input 5: a vote over 64 KiB", leader("serviceId: " + strings.Repeat("x", 64<<10)),
			"cluster.leader.serviceId of 65536 bytes makes a vote of 65659 bytes with serviceName: at most 65536 fit",
		},
		{
			"bad input 17: a TTL too short for any store", leader("session: {ttl: 30ms}"),
			"cluster.leader.session.refresh 14ms must leave two attempts of 20ms before session.ttl 30ms less session.drift 1.5ms",
		},
		{
			"bad input 17: a TTL beyond all durations", leader("session: {ttl: 1e30}"),
			"cluster.leader.session.ttl 1e+30 must be a duration such as 15s or a number of seconds, at most 292 years",
		},
		{
			"bad input 18: lock-delay is not a setting of the file", leader("consul: {lockDelay: -1s}"),
			"cluster.leader.consul.lockDelay is not a known setting",
		},
		{
			"bad input 19: a template that is empty", leader("election: {envelopeTemplate: ''}"),
			`cluster.leader.election.envelopeTemplate "" must not be empty: leave it out for the default`,
		},
		{
			"bad input 19: a key with leading /", leader("election: {envelopeTemplate: /%s}"),
			`cluster.leader.election.envelopeTemplate "/%s" makes the key "/cluster-app" of serviceName "cluster-app": a key must not start or end with /`,
		},
		{
			"bad input 19: a key with NUL", leader(`serviceName: "a\0b"`),
			`cluster.leader.election.envelopeTemplate "services/%s/leader" makes the key "services/a\x00b/leader" of serviceName "a\x00b": a key must not contain NUL or another control character`,
		},
		{
			"bad input 19: a key with ..", leader("serviceName: ../other"),
			`cluster.leader.election.envelopeTemplate "services/%s/leader" makes the key "services/../other/leader" of serviceName "../other": a key must not contain the path element ..`,
		},
		{
			"bad input 19: a key with //", leader("serviceName: a//b"),
			`cluster.leader.election.envelopeTemplate "services/%s/leader" makes the key "services/a//b/leader" of serviceName "a//b": a key must not contain //`,
		},
		{
			"bad input 20: a duplicate key", leader("session:\n      ttl: 15s\n      refresh: 7s\n      ttl: 20s"),
			"cluster.leader.session.ttl must be given once, not in lines 4 and 6",
		},
		{
			"bad input 20: a duplicate section", leader("session: {ttl: 15s}\n    session: {refresh: 7s}"),
			"cluster.leader.session must be given once, not in lines 3 and 4",
		},
		{
			"bad input 20: an unknown key", leader("sesion: {ttl: 15s}"),
			"cluster.leader.sesion.ttl is not a known setting",
		},
		{"an unknown key below a known section", leader("session: {tll: 15s}"), "cluster.leader.session.tll is not a known setting"},
		{"an unknown key in another case", leader("session: {TTL: 15s}"), "cluster.leader.session.TTL is not a known setting"},
		{"an unknown section that is empty", leader("sesion: {}"), "cluster.leader.sesion is not a known setting"},
		{
			"bad input 20: a negative duration", leader("session: {ttl: -15s}"),
			"cluster.leader.session.ttl -15s must not be negative",
		},
		{"a negative number of seconds", leader("election: {delay: -5}"), "cluster.leader.election.delay -5s must not be negative"},
		{"a negative refresh", leader("session: {refresh: -1ns}"), "cluster.leader.session.refresh -1ns must not be negative"},
		{"a negative drift", leader("session: {drift: -1s}"), "cluster.leader.session.drift -1s must not be negative"},
		{"a negative frequency", leader("election: {frequency: -1s}"), "cluster.leader.election.frequency -1s must not be negative"},
		{"a negative takeoverDelay", leader("election: {takeoverDelay: -1s}"), "cluster.leader.election.takeoverDelay -1s must not be negative"},
		{
			"bad input 20: refresh above the TTL", leader("session: {refresh: 20s}"),
			"cluster.leader.session.refresh 20s must be below session.ttl 15s",
		},
		{"refresh at the TTL", leader("session: {ttl: 10, refresh: 10}"), "cluster.leader.session.refresh 10s must be below session.ttl 10s"},
		{
			"refresh that leaves no time for two attempts", leader("session: {ttl: 15s, refresh: 14900ms}"),
			"cluster.leader.session.refresh 14.9s must leave two attempts of 20ms before session.ttl 15s less session.drift 750ms",
		},
		{"refresh that floods the store", leader("session: {refresh: 1us}"), "cluster.leader.session.refresh 1µs must be at least 1ms"},
		{"drift at the TTL", leader("session: {drift: 15s}"), "cluster.leader.session.drift 15s must be below session.ttl 15s"},
		{"frequency that floods the store", leader("election: {frequency: 1us}"), "cluster.leader.election.frequency 1µs must be at least 1ms"},
		{
			"bad input 20: no endpoint", leader("etcd: {endpoints: []}"),
			"cluster.leader.etcd.endpoints [] must not be empty: leave it out for the default",
		},
		{"endpoints of an empty text", leader("etcd: {endpoints: ''}"), `cluster.leader.etcd.endpoints "" must not be empty: leave it out for the default`},
		{"an endpoint that is empty", leader("etcd: {endpoints: ['a:1', '']}"), `cluster.leader.etcd.endpoints must not contain an empty endpoint`},
		{"an endpoint that is null", leader("etcd: {endpoints: [~]}"), `cluster.leader.etcd.endpoints must not contain an empty endpoint`},
		{"an endpoint that is a number", leader("etcd: {endpoints: [2379]}"), "cluster.leader.etcd.endpoints[0] 2379 must be text: put it in quotes"},
		{"endpoints that are a number", leader("etcd: {endpoints: 2379}"), "cluster.leader.etcd.endpoints 2379 must be a list, or text separated by commas"},

		{"an empty service name", leader("serviceName: ''"), `cluster.leader.serviceName "" must not be empty: leave it out for the default`},
		{"a service name that is null", leader("serviceName:"), "cluster.leader.serviceName null must not be empty: leave it out for the default"},
		{"an empty service id", leader("serviceId: ''"), `cluster.leader.serviceId "" must not be empty: leave it out for the default`},
		{"a service id that is a number", leader("serviceId: 007"), "cluster.leader.serviceId 7 must be text: put it in quotes"},
		{"a service id that is a date", leader("serviceId: 2026-01-02"), "cluster.leader.serviceId must be text: put it in quotes"},
		{"a service name that is a section", leader("serviceName: {a: b}"), "cluster.leader.serviceName must be text: put it in quotes"},
		{"a version that is a number", leader("profile: {version: 1.10}"), "cluster.leader.profile.version 1.1 must be text: put it in quotes"},
		{"an empty version", leader("profile: {version: ''}"), `cluster.leader.profile.version "" must not be empty: leave it out for the default`},
		{"a priority that is half a number", leader("profile: {priority: 0.5}"), "cluster.leader.profile.priority 0.5 must be a whole number"},
		{"metadata that is empty", leader("profile: {metadata: {}}"), "cluster.leader.profile.metadata {} must not be empty: leave it out for the default"},
		{"metadata that is null", leader("profile: {metadata: ~}"), "cluster.leader.profile.metadata null must not be empty: leave it out for the default"},
		{"metadata that is a number", leader("profile: {metadata: {rack: 7}}"), "cluster.leader.profile.metadata[rack] 7 must be text: put it in quotes"},
		{"metadata that is a section", leader("profile: {metadata: {rack: {no: '7'}}}"), "cluster.leader.profile.metadata[rack] must be text: put it in quotes"},
		{
			"metadata that is a list", leader("profile: {metadata: [a]}"),
			"cluster.leader.profile.metadata must be a section of names and texts, or text such as zone=a,rack=7 that has each name once",
		},
		{
			"metadata whose names are numbers", leader("profile: {metadata: {7: a}}"),
			"cluster.leader.profile.metadata must be a section of names and texts, or text such as zone=a,rack=7 that has each name once",
		},
		{
			"metadata that is no list of names", leader("profile: {metadata: zone}"),
			`cluster.leader.profile.metadata "zone" must be a section of names and texts, or text such as zone=a,rack=7 that has each name once`,
		},
		{"metadata with a name twice", leader("profile: {metadata: {rack: a, rack: b}}"), "cluster.leader.profile.metadata.rack must be given once, not in lines 3 and 3"},
		{
			"a profile of more than 8 KiB", leader("profile: {metadata: {a: " + strings.Repeat("x", 8192) + "}}"),
			"cluster.leader.profile of 8228 bytes as JSON must be of 8192 bytes at most",
		},
		{
			"an unknown strategy", leader("election: {strategy: Priority}"),
			`cluster.leader.election.strategy "Priority" must be "arrival", "priority", "version" or "random"`,
		},
		{"an empty strategy", leader("election: {strategy: ''}"), `cluster.leader.election.strategy "" must not be empty: leave it out for the default`},
		{"a preempt that floods the store", leader("election: {preempt: 1us}"), "cluster.leader.election.preempt 1µs must be at least 1ms"},
		{"a negative preempt", leader("election: {preempt: -1}"), "cluster.leader.election.preempt -1s must not be negative"},
		{"an empty host", leader("consul: {host: ''}"), `cluster.leader.consul.host "" must not be empty: leave it out for the default`},
		{"port 0", leader("consul: {port: 0}"), "cluster.leader.consul.port 0 must not be 0: leave it out for the default"},
		{"a negative port", leader("consul: {port: -1}"), "cluster.leader.consul.port -1 must be between 1 and 65535"},
		{"a port out of range", leader("consul: {port: 65536}"), "cluster.leader.consul.port 65536 must be between 1 and 65535"},
		{"a port beyond all numbers", leader("consul: {port: 99999999999999999999}"), "cluster.leader.consul.port 1e+20 must be a whole number"},
		{"half a port", leader("consul: {port: 8500.5}"), "cluster.leader.consul.port 8500.5 must be a whole number"},
		{"a port that is a word", leader("consul: {port: http}"), `cluster.leader.consul.port "http" must be a whole number`},
		{
			"discovery, which an agent does by itself", leader("consul: {discovery: {enabled: true}}"),
			"cluster.leader.consul.discovery.enabled true must be false: the agent finds its servers by itself",
		},
		{"a switch that is a word", leader("consul: {discovery: {enabled: maybe}}"), `cluster.leader.consul.discovery.enabled "maybe" must be true or false`},
		{
			"a template without %s", leader("election: {envelopeTemplate: services/leader}"),
			`cluster.leader.election.envelopeTemplate "services/leader" must hold exactly one %s and no other %`,
		},
		{
			"a template with two %s", leader("election: {envelopeTemplate: '%s/%s'}"),
			`cluster.leader.election.envelopeTemplate "%s/%s" must hold exactly one %s and no other %`,
		},
		{
			"a template with another verb", leader("election: {envelopeTemplate: '%s/%d'}"),
			`cluster.leader.election.envelopeTemplate "%s/%d" must hold exactly one %s and no other %`,
		},
		{"TTL 0", leader("session: {ttl: 0}"), "cluster.leader.session.ttl 0 must not be 0: leave it out for the default"},
		{"TTL 0s", leader("session: {ttl: 0s}"), `cluster.leader.session.ttl "0s" must not be 0: leave it out for the default`},
		{"a TTL that rounds to 0", leader("session: {ttl: 1e-12}"), "cluster.leader.session.ttl 1e-12 must not be 0: leave it out for the default"},
		{"a TTL that is null", leader("session: {ttl: ~}"), "cluster.leader.session.ttl null must not be 0: leave it out for the default"},
		{"refresh 0", leader("session: {refresh: 0}"), "cluster.leader.session.refresh 0 must not be 0: leave it out for the default"},
		{"drift 0", leader("session: {drift: 0}"), "cluster.leader.session.drift 0 must not be 0: leave it out for the default"},
		{"frequency 0", leader("election: {frequency: 0}"), "cluster.leader.election.frequency 0 must not be 0: leave it out for the default"},
		{
			"a TTL that is no number", leader("session: {ttl: .nan}"),
			"cluster.leader.session.ttl NaN must be a duration such as 15s or a number of seconds, at most 292 years",
		},
		{
			"a TTL that is infinite", leader("session: {ttl: -.inf}"),
			"cluster.leader.session.ttl -Inf must be a duration such as 15s or a number of seconds, at most 292 years",
		},
		{
			"a TTL just beyond all durations", leader("session: {ttl: 9223372037}"),
			"cluster.leader.session.ttl 9223372037 must be a duration such as 15s or a number of seconds, at most 292 years",
		},
		{
			"a TTL in a unit that does not exist", leader("session: {ttl: 15 seconds}"),
			`cluster.leader.session.ttl "15 seconds" must be a duration such as 15s or a number of seconds, at most 292 years`,
		},
		{
			"a TTL that is a switch", leader("session: {ttl: true}"),
			"cluster.leader.session.ttl true must be a duration such as 15s or a number of seconds, at most 292 years",
		},
		{
			"a TTL that is a list", leader("session: {ttl: [15]}"),
			"cluster.leader.session.ttl must be a duration such as 15s or a number of seconds, at most 292 years",
		},

		{"a section that is a number", leader("session: 15"), "cluster.leader.session 15 must be a section of settings"},
		{"a section whose keys are no text", leader("session: {1: 2}"), "cluster.leader.session must be a section of settings"},
		{"cluster.leader that is a list", "cluster: {leader: [a]}", "cluster.leader must be a section of settings"},
		{"cluster that is a word", "cluster: blue", "cluster must be a section of settings"},
		{"a file that is a list", "- a", "the file must be a section of settings"},
		{"names joined by dots", "cluster.leader.serviceName: x", "cluster.leader.serviceName must be written as nested sections"},
		{"names joined by dots below cluster", "cluster: {leader.serviceName: x}", "cluster.leader.serviceName must be written as nested sections"},
		{
			"the section in two documents", "cluster: {leader: {serviceName: a}}\n---\ncluster: {leader: {serviceName: b}}",
			"cluster.leader must stand in one document of the file, not in lines 1 and 3",
		},
		{
			"the section twice", "cluster:\n  leader: {serviceName: a}\n  leader: {serviceName: b}",
			"cluster: yaml: unmarshal errors:\n  line 3: mapping key \"leader\" already defined at line 2",
		},
		{
			"a duplicate key behind an alias", "s: &s {ttl: 1, ttl: 2}\ncluster: {leader: {session: *s}}",
			"cluster.leader: yaml: unmarshal errors:\n  line 1: mapping key \"ttl\" already defined at line 1",
		},
		{
			"a section that contains itself", "cluster: {leader: &l {session: *l}}",
			"cluster.leader: yaml: anchor 'l' value contains itself",
		},
		{"text that is no YAML", "cluster: {leader: [", "yaml: line 1: did not find expected node content"},
		{"a tab in the indentation", "cluster:\n\tleader:\n", "yaml: line 2: found character that cannot start any token"},
	} {
		t.Run(tt.sentence, func(t *testing.T) {
			cfg, err := config.Parse([]byte(tt.yaml), config.WithEnviron(nil))
			if !errors.Is(err, leadership.ErrInvalidConfig) {
				t.Fatalf("error %v, config %+v", err, cfg)
			}
			if want := "leadership: invalid config: " + tt.want; err.Error() != want {
				t.Errorf("got  %v\nwant %s", err, want)
			}
		})
	}
}

func TestAnInvalidSettingIsAConfigErrorWithItsPath(t *testing.T) {
	_, err := config.Parse([]byte("cluster: {leader: {session: {refresh: 20s}}}"), config.WithEnviron(nil))
	invalid, ok := errors.AsType[*leadership.ConfigError](err)
	if !ok || invalid.Field != "cluster.leader.session.refresh" || invalid.Rule != "must be below session.ttl 15s" {
		t.Errorf("%#v", err)
	}
}
