package config_test

import (
	"fmt"

	"github.com/leadership-go/leadership/config"
)

func ExampleParse() {
	cfg, err := config.Parse([]byte(`
cluster:
  leader:
    serviceName: billing
    session:
      ttl: 15s
      refresh: 7
`), config.WithEnviron(nil))
	fmt.Println(cfg.Key(), cfg.Session.TTL, cfg.Session.Refresh, err)

	_, err = config.Parse([]byte("cluster: {leader: {sesion: {ttl: 15s}}}"), config.WithEnviron(nil))
	fmt.Println(err)
	// Output:
	// services/billing/leader 15s 7s <nil>
	// leadership: invalid config: cluster.leader.sesion.ttl is not a known setting
}

func ExampleWithEnviron() {
	cfg, err := config.Load("testdata/leader.yaml", config.WithEnviron([]string{
		"CLUSTER_LEADER_SERVICE_ID=node-2",
		"CLUSTER_LEADER_SESSION_TTL=20s",
	}))
	fmt.Println(cfg.ServiceID, cfg.Session.TTL, err)
	// Output: node-2 20s <nil>
}
