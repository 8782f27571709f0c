package consul

import (
	"testing"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/leadership-go/leadership"
)

func TestExplain(t *testing.T) {
	for name, c := range map[string]struct {
		opts         []Option
		crash, split time.Duration
	}{
		"the defaults":     {nil, 30*time.Second + time.Millisecond, 22*time.Second + 751*time.Millisecond},
		"a longer delay":   {[]Option{WithLockDelay(5 * time.Second)}, 35 * time.Second, 27*time.Second + 750*time.Millisecond},
		"checks of a node": {[]Option{WithNodeChecks("serfHealth")}, 45 * time.Second, 37*time.Second + 750*time.Millisecond},
		"a check of the process": {
			[]Option{WithSessionCheck(api.AgentServiceCheck{TCP: "127.0.0.1:1", Interval: "2s", FailuresBeforeCritical: 1})},
			19 * time.Second, 37*time.Second + 750*time.Millisecond,
		},
	} {
		e, err := NewClusterFactory(c.opts...).Configure(leadership.Config{Session: leadership.SessionConfig{TTL: 15 * time.Second}}).Explain()
		if err != nil {
			t.Fatal(err)
		}
		if e.Store != "Consul" || e.AfterResign != 0 || e.AfterCrash != c.crash || e.AfterPartition != c.split || e.Belief != 14250*time.Millisecond || len(e.Risks) > 0 {
			t.Errorf("%s: %+v", name, e)
		}
	}
}
