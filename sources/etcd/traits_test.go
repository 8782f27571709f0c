package etcd

import (
	"testing"
	"time"

	"github.com/leadership-go/leadership"
)

func TestExplain(t *testing.T) {
	for ttl, granted := range map[time.Duration]time.Duration{0: 15 * time.Second, 2500 * time.Millisecond: 3 * time.Second} {
		e, err := NewClusterFactory(WithEndpoints("127.0.0.1:1")).Configure(leadership.Config{Session: leadership.SessionConfig{TTL: ttl}}).Explain()
		if err != nil {
			t.Fatal(err)
		}
		if e.Store != "etcd" || e.AfterResign != 0 || e.AfterCrash != granted+time.Second || e.Belief != granted-e.Margin || len(e.Risks) > 0 {
			t.Errorf("TTL %v: %+v", ttl, e)
		}
	}
}
