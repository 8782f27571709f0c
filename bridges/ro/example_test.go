package robridge_test

import (
	"context"
	"fmt"
	"time"

	"github.com/samber/ro"

	"github.com/leadership-go/leadership"
	robridge "github.com/leadership-go/leadership/bridges/ro"
	"github.com/leadership-go/leadership/operators"
	"github.com/leadership-go/leadership/sources/memory"
)

// A member's stream goes through operators of ro and comes back, with its types.
func ExamplePipe() {
	ctx := context.Background()
	member, err := memory.NewClusterFactory(nil).Configure(leadership.Config{ServiceName: "app", ServiceID: "node-1"}).Build(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = member.Close() }()

	leaders := robridge.Pipe(member.AsObservable(), func(o ro.Observable[leadership.ElectionMessage]) ro.Observable[string] {
		return ro.Pipe2(o,
			ro.Filter(func(m leadership.ElectionMessage) bool { return m.Status == leadership.StatusElectedFirst }),
			ro.Map(func(m leadership.ElectionMessage) string { return m.Vote.ServiceID }))
	})
	for leader, err := range operators.DistinctUntilChanged(leaders).Seq(ctx) {
		fmt.Println(leader, err)
		break // unsubscribes, and ends the chain
	}
	// Output: node-1 <nil>
}

// The context given to ro is the one of the subscription.
func ExampleTo() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	member, err := memory.NewClusterFactory(nil).Configure(leadership.Config{ServiceName: "app", ServiceID: "node-1"}).Build(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = member.Close() }()

	statuses := ro.Pipe2(robridge.To(member.AsObservable(), leadership.Mailbox(16)),
		ro.Map(func(m leadership.ElectionMessage) leadership.Status { return m.Status }),
		ro.Take[leadership.Status](2))
	seen, _, err := ro.CollectWithContext(ctx, statuses)
	fmt.Println(seen, err)
	// Output: [elected elected.first] <nil>
}

// An Observable of ro is a stream like any other.
func ExampleFrom() {
	ticks := robridge.From(ro.RepeatWithInterval("tick", 3, time.Millisecond))
	err := ticks.ForEach(context.Background(), func(v string) { fmt.Println(v) })
	fmt.Println(err)
	// Output:
	// tick
	// tick
	// tick
	// <nil>
}

// Where several subscribers are to share one subscription of ro, share it on our side: ro.Share ends for all with the context of the first.
func ExampleFrom_shared() {
	ticks := operators.Share(robridge.From(ro.Take[int64](4)(ro.Interval(time.Millisecond))))
	first := operators.First(ticks).Subscribe(nil) // and leaves
	err := operators.Filter(ticks, func(v int64) bool { return v%2 == 0 }).ForEach(context.Background(), func(v int64) { fmt.Println("even", v) })
	<-first.Done()
	fmt.Println(err)
	// Output:
	// even 0
	// even 2
	// <nil>
}
