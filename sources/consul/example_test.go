package consul_test

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/leadership-go/leadership/sources/consul"
)

// A transaction that only the leader gets through: the fence comes first, then what is to be written.
func ExampleFence() {
	const key, session = "services/billing/leader", "11111111-1111-1111-1111-111111111111"
	ops := api.TxnOps{
		consul.Fence(key, session),
		{KV: &api.KVTxnOp{Verb: api.KVSet, Key: "billing/last", Value: []byte("42")}},
	}
	for _, op := range ops {
		fmt.Println(op.KV.Verb, op.KV.Key)
	}
	// Output:
	// check-session services/billing/leader
	// set billing/last
}

// Settings that break a rule are refused by Build, before anything is sent.
func ExampleWithLockDelay() {
	_, err := consul.NewClusterFactory(consul.WithLockDelay(2 * time.Minute)).Build(context.Background())
	fmt.Println(err)
	// Output: leadership: invalid config: consul lock-delay 2m0s must be between 0 and 1m0s
}

// With health checks a session can end while its holder still believes, so that the lock-delay has to cover that time.
func ExampleWithNodeChecks() {
	_, err := consul.NewClusterFactory(consul.WithNodeChecks("serfHealth"), consul.WithLockDelay(time.Second)).Build(context.Background())
	fmt.Println(err)
	// Output: leadership: invalid config: consul lock-delay 1s must be at least session.ttl 15s with health checks: they end a session whose holder still believes
}
