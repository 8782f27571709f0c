package leadership_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"time"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/operators"
	"github.com/leadership-go/leadership/sources/memory"
)

// Work runs while the member leads. When it closes, the work is told first, and the key is given back once it has returned.
func ExampleMember_Lead() {
	member, err := memory.NewClusterFactory(nil).Build(context.Background())
	if err != nil {
		fmt.Println(err)
		return
	}
	var leading sync.WaitGroup
	begun := make(chan struct{})
	leading.Go(func() {
		err := member.Lead(context.Background(), func(ctx context.Context, term leadership.Term) error {
			fmt.Println("working under token", term.Token())
			close(begun)
			<-ctx.Done()
			fmt.Println("finishing, because:", context.Cause(ctx), "- still valid:", term.Valid())
			return nil
		})
		fmt.Println("Lead:", err)
	})
	<-begun
	_ = member.Close()
	leading.Wait()
	// Output:
	// working under token 1
	// finishing, because: leadership: member closed - still valid: true
	// Lead: leadership: member closed
}

// A request that is made with the context of the work does not outlive the term.
func ExampleMember_Lead_request() {
	arrived, cancelled := make(chan struct{}), make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-r.Context().Done() // the client has hung up
		close(cancelled)
	}))
	defer server.Close()
	ctx := context.Background()
	member, err := memory.NewClusterFactory(memory.NewStore()).Build(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	var leading sync.WaitGroup
	leading.Go(func() {
		_ = member.Lead(ctx, func(ctx context.Context, _ leadership.Term) error {
			request, err := http.NewRequestWithContext(ctx, http.MethodPost, server.URL, nil)
			if err != nil {
				return err
			}
			response, err := http.DefaultClient.Do(request)
			if err == nil {
				err = response.Body.Close()
			}
			fmt.Println("the request ended because:", context.Cause(ctx))
			return err
		})
	})
	<-arrived
	_ = member.Resign(ctx)
	<-cancelled
	fmt.Println("the server knows")
	_ = member.Close()
	leading.Wait()
	// Output:
	// the request ended because: leadership: resigned
	// the server knows
}

// Before something that no fencing token can guard, ask the store.
func ExampleMember_Confirm() {
	member, err := memory.NewClusterFactory(nil).Build(context.Background())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = member.Close() }()
	_ = member.Lead(context.Background(), func(ctx context.Context, _ leadership.Term) error {
		fmt.Println("leads:", member.Confirm(ctx))
		go func() { _ = member.Close() }()
		return nil
	})
	fmt.Println("closed:", member.Confirm(context.Background()))
	// Output:
	// leads: <nil>
	// closed: leadership: not the leader
}

// A member makes room for another one, and does not take the key back for an hour.
func ExampleMember_StandDown() {
	ctx := context.Background()
	store := memory.NewStore()
	member, err := memory.NewClusterFactory(store).Build(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	for m, err := range operators.OfStatus(member.AsObservable(), leadership.StatusElectedFirst).Seq(ctx) {
		fmt.Println(m.Status, err)
		break
	}
	fmt.Println(len(store.Candidates("services/cluster-app/leader")), member.IsLeader())
	if err := member.StandDown(ctx, time.Hour); err != nil {
		fmt.Println(err)
	}
	fmt.Println(len(store.Candidates("services/cluster-app/leader")), member.IsLeader())
	_ = member.Close()
	// Output:
	// elected.first <nil>
	// 1 true
	// 0 false
}

// A leader that is not fit to lead any more says so, gives its key back, and does not stand before it is well again.
func ExampleClusterFactory_Health() {
	var full atomic.Bool
	member, err := memory.NewClusterFactory(nil).
		Configure(leadership.Config{Health: leadership.HealthConfig{Interval: 100 * time.Millisecond, Fall: 1}}).
		Health(func(context.Context) error {
			if full.Load() {
				return errors.New("the disk is full")
			}
			return nil
		}).
		Build(context.Background())
	if err != nil {
		fmt.Println(err)
		return
	}
	for m, err := range member.AsObservable().Seq(context.Background()) {
		if err != nil {
			fmt.Println(err)
		}
		fmt.Println(m.Status, m.Err)
		if m.Status == leadership.StatusElectedFirst {
			full.Store(true)
		}
		if m.Status == leadership.StatusRelegation {
			break
		}
	}
	fmt.Println(member.IsLeader())
	_ = member.Close()
	// Output:
	// elected <nil>
	// elected.first <nil>
	// notelected <nil>
	// relegation leadership: unhealthy: the disk is full
	// false
}
