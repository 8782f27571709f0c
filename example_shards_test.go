package leadership_test

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/sources/memory"
)

// Three instances share out the shards of a service. One of them leaves, and only its shards move.
func ExampleClusterFactory_Shards() {
	const n = 12
	ctx := context.Background()
	store := memory.NewStore()
	join := func(id string) *leadership.Shards {
		shards, err := memory.NewClusterFactory(store).Configure(leadership.Config{
			ServiceName: "orders",
			ServiceID:   id,
			Session:     leadership.SessionConfig{TTL: time.Second},
		}).Shards(ctx, n)
		if err != nil {
			panic(err)
		}
		return shards
	}
	a, b, c := join("web-1"), join("web-2"), join("web-3")
	defer func() { _, _ = a.Close(), c.Close() }()

	leads := func(of *leadership.Shards, want ...int) { // waits until it does
		for !slices.Equal(of.Owned(), want) {
			time.Sleep(time.Millisecond)
		}
	}
	leads(a, 3, 7, 10)
	leads(b, 0, 6, 8, 9)
	leads(c, 1, 2, 4, 5, 11)
	fmt.Println("web-2 leads", b.Owned())
	if err := b.Close(); err != nil {
		fmt.Println(err)
	}
	leads(a, 3, 7, 8, 10)
	leads(c, 0, 1, 2, 4, 5, 6, 9, 11)
	fmt.Println("without it, web-1 leads", a.Owned())
	fmt.Println("customer-17 belongs to shard", leadership.ShardOf("customer-17", n))
	// Output:
	// web-2 leads [0 6 8 9]
	// without it, web-1 leads [3 7 8 10]
	// customer-17 belongs to shard 9
}
