package memory_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/sources/memory"
)

// Members share a store, as processes share a server. When the leader leaves, the next one is elected at once.
func ExampleNewClusterFactory() {
	ctx := context.Background()
	store := memory.NewStore()
	build := func(id string) *leadership.Member {
		member, err := memory.NewClusterFactory(store).Configure(leadership.Config{ServiceID: id}).Build(ctx)
		if err != nil {
			panic(err)
		}
		return member
	}
	await := func(member *leadership.Member, status leadership.Status) {
		for m, err := range member.AsObservable().Seq(ctx) {
			if err != nil || m.Status == status {
				fmt.Println(m.Status, m.Vote.ServiceID, err)
				return
			}
		}
	}

	first := build("node-1")
	await(first, leadership.StatusElectedFirst)
	second := build("node-2")
	await(second, leadership.StatusNotElected)
	_ = first.Close()
	await(second, leadership.StatusElectedFirst)
	_ = second.Close()
	fmt.Println("sessions left:", len(store.Sessions()))
	// Output:
	// elected.first node-1 <nil>
	// notelected node-1 <nil>
	// elected.first node-2 <nil>
	// sessions left: 0
}

// An operator destroys the leader's session: the next candidate holds the key, and the leader's renewal says why it does not.
func ExampleStore_DestroySession() {
	ctx := context.Background()
	store := memory.NewStore()
	a, _ := store.Backend().Open(ctx, 10*time.Second)
	b, _ := store.Backend().Open(ctx, 10*time.Second)
	held, _ := a.Campaign(ctx, "services/app/leader", []byte("a"))
	_, _ = b.Campaign(ctx, "services/app/leader", []byte("b"))
	fmt.Printf("%s holds with token %d\n", held.Holder.Value, held.Holder.Token)

	store.DestroySession(a.ID())
	now := store.Holder("services/app/leader")
	fmt.Printf("%s holds with token %d\n", now.Value, now.Token)
	fmt.Println(errors.Is(a.Renew(ctx), leadership.ErrSessionLost))
	_ = b.Close(ctx)
	// Output:
	// a holds with token 1
	// b holds with token 2
	// true
}

// A cut link answers nothing: a call on it ends with its context.
func ExampleBackend_Disconnect() {
	link := memory.NewStore().Backend()
	link.Disconnect()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	_, err := link.Observe(ctx, "services/app/leader")
	fmt.Println(err)

	link.Reconnect()
	o, err := link.Observe(context.Background(), "services/app/leader")
	fmt.Printf("%q %v\n", o.Holder.Session, err)
	// Output:
	// memory: observe: context deadline exceeded
	// "" <nil>
}
