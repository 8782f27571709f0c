package leadership_test

import (
	"context"
	"fmt"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/sources/memory"
)

// One process stands for several services at once, with one session. Each has a leader of its own.
func ExampleClusterFactory_Group() {
	ctx := context.Background()
	store := memory.NewStore()
	group := func(id string) *leadership.Group {
		g, err := memory.NewClusterFactory(store).Configure(leadership.Config{ServiceID: id}).Group(ctx, "billing", "mail", "search")
		if err != nil {
			panic(err)
		}
		return g
	}
	a := group("web-1")
	defer func() { _ = a.Close() }()
	elected := func(g *leadership.Group, n int) (services []string) {
		for m, err := range g.AsObservable().Seq(ctx) {
			if err != nil {
				return nil
			}
			if m.Status == leadership.StatusElectedFirst {
				services = append(services, m.Service)
			}
			if len(services) == n {
				break
			}
		}
		return services
	}
	fmt.Println("web-1 leads", len(elected(a, 3)), "services")

	b := group("web-2")
	defer func() { _ = b.Close() }()
	if err := a.Member("mail").Close(); err != nil { // of one election alone
		fmt.Println(err)
	}
	fmt.Println("web-2 leads", elected(b, 1))
	fmt.Println(a.Member("billing").IsLeader(), a.Member("mail").IsLeader(), a.Member("search").IsLeader())
	// Output:
	// web-1 leads 3 services
	// web-2 leads [mail]
	// true false true
}
