package etcd_test

import (
	"context"
	"fmt"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/sources/etcd"
	"github.com/leadership-go/leadership/sources/memory"
)

// A transaction that only the given term gets through. The member is one of memory here, as no server runs.
func ExampleFence() {
	member, err := memory.NewClusterFactory(nil).Configure(leadership.Config{ServiceName: "billing"}).Build(context.Background())
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, done := context.WithCancel(context.Background())
	_ = member.Lead(ctx, func(_ context.Context, term leadership.Term) error {
		defer done()
		fence, write := etcd.Fence(term), clientv3.OpPut("billing/last", "42")
		// client.Txn(ctx).If(fence).Then(write).Commit()
		fmt.Printf("if %s was created at %d: put %s\n", fence.KeyBytes(), term.Token(), write.KeyBytes())
		return nil
	})
	_ = member.Close()
	// Output:
	// if services/billing/leader/session-1 was created at 1: put billing/last
}

// What the settings mean at etcd, without asking a server.
func ExampleNewClusterFactory() {
	e, err := etcd.NewClusterFactory(etcd.WithEndpoints("etcd-1:2379", "etcd-2:2379", "etcd-3:2379")).
		Configure(leadership.Config{ServiceName: "billing"}).Explain()
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("candidates stand below", e.Key)
	fmt.Println("without a leader after a crash:", e.AfterCrash, "at most")
	// Output:
	// candidates stand below services/billing/leader
	// without a leader after a crash: 16s at most
}
