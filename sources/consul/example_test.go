package consul_test

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/sources/consul"
	"github.com/leadership-go/leadership/sources/memory"
)

// A transaction that only the leader gets through: the fence comes first, then what is to be written. The member is one of memory here, as no server
// runs.
func ExampleFence() {
	member, err := memory.NewClusterFactory(nil).Configure(leadership.Config{ServiceName: "billing"}).Build(context.Background())
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, done := context.WithCancel(context.Background())
	_ = member.Lead(ctx, func(_ context.Context, term leadership.Term) error {
		defer done()
		ops := api.TxnOps{
			consul.Fence(term),
			{KV: &api.KVTxnOp{Verb: api.KVSet, Key: "billing/last", Value: []byte("42")}},
		}
		// client.Txn().Txn(ops, nil)
		for _, op := range ops {
			fmt.Println(op.KV.Verb, op.KV.Key, op.KV.Session)
		}
		return nil
	})
	_ = member.Close()
	// Output:
	// check-session services/billing/leader session-1
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
