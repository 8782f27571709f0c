package leadership_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/operators"
	"github.com/leadership-go/leadership/sources/memory"
)

// A member that stands alone is elected at once. In place of memory any other source does.
func Example() {
	member, err := memory.NewClusterFactory(nil).
		Configure(leadership.Config{ServiceName: "cluster-app", ServiceID: "node-1"}).
		Mode(leadership.ModeMulti).
		Build(context.Background())
	if err != nil {
		fmt.Println(err)
		return
	}
	elected := make(chan struct{})
	subscription := member.AsObservable().Subscribe(func(m leadership.ElectionMessage) {
		fmt.Println(m.Status, m.Vote)
		if m.Status == leadership.StatusElectedFirst {
			close(elected)
		}
	})
	<-elected
	_ = member.Close()
	<-subscription.Done()
	// Output:
	// elected Vote{sessionId='session-1', serviceName='cluster-app', serviceId='node-1'}
	// elected.first Vote{sessionId='session-1', serviceName='cluster-app', serviceId='node-1'}
	// notelected <nil>
	// relegation <nil>
}

// In single mode there is no store: the one member leads until it is closed.
func Example_single() {
	member, err := leadership.NewClusterFactory(nil).Mode(leadership.ModeSingle).Build(context.Background())
	if err != nil {
		fmt.Println(err)
		return
	}
	elected := operators.Filter(member.AsObservable(), func(m leadership.ElectionMessage) bool {
		return m.Status == leadership.StatusElectedFirst
	})
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	for m, err := range elected.Seq(ctx) {
		fmt.Println(m.Status, err, member.IsLeader())
		break
	}
	_ = member.Close()
	fmt.Println(member.IsLeader())
	// Output:
	// elected.first <nil> true
	// false
}

// Work that only the leader may do runs under the term's context, which ends with the term, and carries the fencing token.
func ExampleTerm() {
	member, err := memory.NewClusterFactory(nil).Build(context.Background())
	if err != nil {
		fmt.Println(err)
		return
	}
	done := make(chan struct{})
	member.AsObservable().Subscribe(func(m leadership.ElectionMessage) {
		if m.Status != leadership.StatusElectedFirst {
			return
		}
		term := member.Term()
		go func() {
			defer close(done)
			fmt.Println("leading with token", term.Token(), term.Valid())
			_ = member.Resign(context.Background())
			<-term.Context().Done()
			fmt.Println("over:", context.Cause(term.Context()))
		}()
	})
	<-done
	_ = member.Close()
	// Output:
	// leading with token 1 true
	// over: leadership: resigned
}

// A successor is elected as soon as the leader resigns.
func ExampleMember_Resign() {
	ctx := context.Background()
	store := memory.NewStore()
	build := func(id string) *leadership.Member {
		member, err := memory.NewClusterFactory(store).Configure(leadership.Config{ServiceID: id}).Build(ctx)
		if err != nil {
			panic(err)
		}
		return member
	}
	elected := func(member *leadership.Member) {
		for m, err := range operators.OfStatus(member.AsObservable(), leadership.StatusElectedFirst).Seq(ctx) {
			fmt.Println(m.Vote.ServiceID, m.Status, err)
			return
		}
	}
	first := build("node-1")
	elected(first)
	second := build("node-2")
	if err := first.Resign(ctx); err != nil {
		fmt.Println(err)
	}
	elected(second)
	fmt.Println(first.IsLeader(), second.IsLeader())
	_, _ = first.Close(), second.Close()
	// Output:
	// node-1 elected.first <nil>
	// node-2 elected.first <nil>
	// false true
}

// Settings are checked when the member is built. The text names the field, the value and the rule.
func ExampleClusterFactory_Build() {
	_, err := memory.NewClusterFactory(nil).
		Configure(leadership.Config{Session: leadership.SessionConfig{TTL: 10 * time.Second, Refresh: 20 * time.Second}}).
		Build(context.Background())
	fmt.Println(errors.Is(err, leadership.ErrInvalidConfig))
	fmt.Println(err)
	// Output:
	// true
	// leadership: invalid config: session.refresh 20s must be below session.ttl 10s
}

func ExampleParseVote() {
	vote, err := leadership.ParseVote([]byte(`{"sessionId":"e11b6ace","serviceName":"cluster-app","serviceId":"node-1"}`))
	fmt.Println(vote, err)
	_, err = leadership.ParseVote([]byte(`"hello"`))
	fmt.Println(errors.Is(err, leadership.ErrMalformedVote))
	// Output:
	// Vote{sessionId='e11b6ace', serviceName='cluster-app', serviceId='node-1'} <nil>
	// true
}
