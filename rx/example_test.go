package rx_test

import (
	"context"
	"fmt"
	"time"

	"github.com/reactivex/rxgo/v2"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/operators"
	"github.com/leadership-go/leadership/rx"
	"github.com/leadership-go/leadership/sources/memory"
)

// A member's stream goes through operators of rxgo and comes back with its type.
func ExamplePipe() {
	ctx := context.Background()
	member, err := memory.NewClusterFactory(nil).Configure(leadership.Config{ServiceName: "app", ServiceID: "node-1"}).Build(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = member.Close() }()

	leaders := rx.Pipe[string](member.AsObservable(), func(o rxgo.Observable) rxgo.Observable {
		return o.
			Filter(func(v any) bool { return v.(leadership.ElectionMessage).Status == leadership.StatusElectedFirst }).
			Debounce(rxgo.WithDuration(10 * time.Millisecond)).
			Map(func(_ context.Context, v any) (any, error) { return v.(leadership.ElectionMessage).Vote.ServiceID, nil })
	})
	for leader, err := range operators.DistinctUntilChanged(leaders).Seq(ctx) {
		fmt.Println(leader, err)
		break // unsubscribes, and ends the chain
	}
	// Output: node-1 <nil>
}

// The function is given the subscriber's context for the operators that need it when they are made.
func ExamplePipeContext() {
	first := rx.PipeContext[int](leadership.Just(1, 2, 3), func(ctx context.Context, o rxgo.Observable) rxgo.OptionalSingle {
		return o.Retry(3, func(error) bool { return true }, rxgo.WithContext(ctx)).First()
	})
	err := first.ForEach(context.Background(), func(v int) { fmt.Println(v) })
	fmt.Println(err)
	// Output:
	// 1
	// <nil>
}

// The context belongs to the last operator, here Observe: rxgo hands it up, and its end releases the subscription.
func ExampleTo() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	member, err := memory.NewClusterFactory(nil).Configure(leadership.Config{ServiceName: "app", ServiceID: "node-1"}).Build(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = member.Close() }()

	statuses := rx.To(member.AsObservable(), leadership.Mailbox(16)).
		Map(func(_ context.Context, v any) (any, error) { return v.(leadership.ElectionMessage).Status, nil })
	for item := range statuses.Observe(rxgo.WithContext(ctx)) {
		if item.Error() {
			fmt.Println("failed:", item.E)
			return
		}
		fmt.Println(item.V)
		if item.V == leadership.StatusElectedFirst {
			break
		}
	}
	// Output:
	// elected
	// elected.first
}

// An rxgo Observable becomes typed. What comes first that has another type ends it.
func ExampleFrom() {
	o := rxgo.Just(1, 2, "three", 4)()
	for v, err := range rx.From[int](o).Seq(context.Background()) {
		fmt.Println(v, err)
	}
	// Output:
	// 1 <nil>
	// 2 <nil>
	// 0 rx: item of the wrong type: got string, want int
}
