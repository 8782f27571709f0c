package etcd_test

import (
	"fmt"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/sources/etcd"
)

// A transaction that only this term gets through: If(fence).Then(what is to be written).
func ExampleFence() {
	const key, session, token = "services/billing/leader", "694d77aa9e38260f", 4711 // of the vote and the term
	fence := etcd.Fence(key, session, token)
	write := clientv3.OpPut("billing/last", "42")
	fmt.Printf("if %s is of that term, write %s\n", fence.KeyBytes(), write.KeyBytes())
	// Output:
	// if services/billing/leader/694d77aa9e38260f is of that term, write billing/last
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
