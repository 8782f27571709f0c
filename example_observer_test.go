package leadership_test

import (
	"context"
	"fmt"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/sources/memory"
)

// The third candidate is to lead next, although the second one has waited for longer. Who follows the election sees it.
func ExampleMember_TransferTo() {
	ctx := context.Background()
	store := memory.NewStore()
	observer, err := memory.NewClusterFactory(store).Observer(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = observer.Close() }()
	until := func(ok func(leadership.Standing) bool) leadership.Standing {
		for standing, err := range observer.AsObservable().Seq(ctx) {
			if err != nil || ok(standing) {
				return standing
			}
		}
		return leadership.Standing{}
	}
	var members []*leadership.Member
	for _, id := range []string{"web-1", "web-2", "web-3"} {
		member, err := memory.NewClusterFactory(store).Configure(leadership.Config{ServiceID: id}).Build(ctx)
		if err != nil {
			fmt.Println(err)
			return
		}
		defer func() { _ = member.Close() }()
		members = append(members, member)
		until(func(s leadership.Standing) bool { return s.Leader != nil && len(s.Candidates) == len(members) })
	}
	fmt.Println(members[0].TransferTo(ctx, "web-3"))
	next := until(func(s leadership.Standing) bool { return s.Leader != nil && s.Leader.ServiceID != "web-1" })
	fmt.Println(next.Leader.ServiceID, "leads")
	// Output:
	// <nil>
	// web-3 leads
}

// An observer follows an election without standing in it.
func ExampleClusterFactory_Observer() {
	ctx := context.Background()
	store := memory.NewStore()
	observer, err := memory.NewClusterFactory(store).Observer(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	seen := make(chan leadership.Standing, 16)
	sub := observer.AsObservable().Subscribe(func(s leadership.Standing) { seen <- s })
	fmt.Println("leader:", (<-seen).Leader)

	member, err := memory.NewClusterFactory(store).Configure(leadership.Config{ServiceID: "web-1"}).Build(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	standing := <-seen
	fmt.Println("leader:", standing.Leader.ServiceID, "of", len(standing.Candidates))
	_ = member.Close()
	fmt.Println("leader:", (<-seen).Leader)
	_ = observer.Close()
	<-sub.Done()
	// Output:
	// leader: <nil>
	// leader: web-1 of 1
	// leader: <nil>
}
