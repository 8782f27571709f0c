package consul_test

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/sources/consul"
)

// The agent looks at a port of this process once a second. When nobody answers there, somebody else leads 1.5 s later.
func ExampleWithSessionCheck() {
	check := api.AgentServiceCheck{TCP: "127.0.0.1:8080", Interval: "1s"}
	cfg := leadership.Config{Session: leadership.SessionConfig{TTL: 1500 * time.Millisecond}}
	member, err := consul.NewClusterFactory(consul.WithSessionCheck(check)).Configure(cfg).Build(context.Background())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer member.Close() //nolint:errcheck // there may be no agent here

	check.Interval = "100ms"
	_, err = consul.NewClusterFactory(consul.WithSessionCheck(check)).Build(context.Background())
	fmt.Println(err)
	// Output: leadership: invalid config: consul session check interval "100ms" must be a duration of at least 1s
}
