package leadership_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/leadership-go/leadership"
)

func ExampleObservable_Subscribe() {
	names := leadership.Just("node-1", "node-2")
	sub := names.Subscribe(
		func(name string) { fmt.Println("leader:", name) },
		leadership.OnError(func(err error) { fmt.Println("failed:", err) }),
		leadership.OnComplete(func() { fmt.Println("done") }),
	)
	<-sub.Done()
	fmt.Println(sub.Err())
	// Output:
	// leader: node-1
	// leader: node-2
	// done
	// <nil>
}

func ExampleObservable_ForEach() {
	ctx, cancel := context.WithTimeoutCause(context.Background(), time.Millisecond, errors.New("seen enough"))
	defer cancel()
	err := leadership.Never[string]().ForEach(ctx, func(name string) { fmt.Println(name) })
	fmt.Println(err)
	// Output: seen enough
}

func ExampleObservable_Seq() {
	for name, err := range leadership.Just("node-1", "node-2", "node-3").Seq(context.Background()) {
		if err != nil {
			fmt.Println("failed:", err)
			break
		}
		if name == "node-3" {
			break // unsubscribes
		}
		fmt.Println(name)
	}
	// Output:
	// node-1
	// node-2
}

func ExampleObservable_Chan() {
	names, sub := leadership.Just("node-1", "node-2").Chan(context.Background())
	defer sub.Unsubscribe()
	for name := range names {
		fmt.Println(name)
	}
	fmt.Println("ended by", sub.Err())
	// Output:
	// node-1
	// node-2
	// ended by <nil>
}

func ExampleObservable_Pipe() {
	loud := func(src leadership.Observable[string]) leadership.Observable[string] {
		return leadership.New(func(s *leadership.Scope, out leadership.Observer[string]) {
			src.SubscribeIn(s, shouting{out})
		})
	}
	leadership.Just("elected").Pipe(loud, loud).Subscribe(func(s string) { fmt.Println(s) })
	// Output: elected!!
}

// shouting is an operator: it has everything but Next from the observer downstream.
type shouting struct{ leadership.Observer[string] }

func (s shouting) Next(v string) { s.Observer.Next(v + "!") }

func ExampleCreate() {
	ticks := leadership.Create(func(s *leadership.Scope, out leadership.Observer[int]) {
		s.Go(func() {
			ticker := time.NewTicker(time.Millisecond)
			defer ticker.Stop()
			for n := 1; !s.Ended(); n++ {
				select {
				case <-ticker.C:
					out.Next(n)
				case <-s.Context().Done():
				}
			}
		})
	})
	for n, err := range ticks.Seq(context.Background()) {
		fmt.Println(n, err)
		if n == 3 {
			break
		}
	}
	// Output:
	// 1 <nil>
	// 2 <nil>
	// 3 <nil>
}

func ExampleDefer() {
	n := 0
	fresh := leadership.Defer(func() leadership.Observable[int] {
		n++
		return leadership.Just(n)
	})
	fresh.Subscribe(func(v int) { fmt.Println(v) })
	fresh.Subscribe(func(v int) { fmt.Println(v) })
	// Output:
	// 1
	// 2
}

func ExamplePanicError() {
	sub := leadership.Just(1, 2).Subscribe(func(int) { panic("a bug") })
	if failed, ok := errors.AsType[*leadership.PanicError](sub.Err()); ok {
		fmt.Println("the callback panicked:", failed.Value)
	}
	// Output: the callback panicked: a bug
}
