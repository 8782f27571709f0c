package http_test

import (
	"context"
	"fmt"
	"net/http/httptest"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/operators"
	"github.com/leadership-go/leadership/sources/http"
	"github.com/leadership-go/leadership/sources/memory"
)

// A member of a real election says who leads; another process, which has no access to the store, follows that by HTTP.
func Example() {
	ctx := context.Background()
	elected, err := memory.NewClusterFactory(nil).Configure(leadership.Config{ServiceID: "node-1"}).Build(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	server := httptest.NewServer(http.Handler(elected))
	follower, err := http.NewClusterFactory(server.URL, http.WithClient(server.Client())).
		Configure(leadership.Config{ServiceID: "node-1"}).Build(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	for m, err := range operators.OfStatus(follower.AsObservable(), leadership.StatusElectedFirst).Seq(ctx) {
		fmt.Println(m.Status, m.Vote.ServiceID, err)
		break
	}
	_ = follower.Close()
	server.Close()
	_ = elected.Close()
	// Output:
	// elected.first node-1 <nil>
}
