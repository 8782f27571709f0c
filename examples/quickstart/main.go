// Command quickstart shows an election on this machine alone. It starts an etcd server and three members that want to
// lead. The first leader resigns. The second one crashes, as far as the others can see: it can't reach etcd any more. Each time
// another member takes over, and never do two lead at once. Then the program ends by itself.
//
//	go run ./examples/quickstart
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"time"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/examples/internal/localetcd"
	"github.com/leadership-go/leadership/operators"
	"github.com/leadership-go/leadership/sources/etcd"
)

// lease is how long etcd keeps the candidacy of a member that it does not hear of. 2 s is the least that etcd grants by default.
const lease = 2 * time.Second

// What we expect. Only a crash takes time: nobody else may lead before the lease of the crashed leader is over.
const (
	electedWithin   = time.Second
	handedOn        = 100 * time.Millisecond
	takenAfterCrash = lease
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	code := run(ctx, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run returns the exit status: 1 when something was not as it should be.
func run(ctx context.Context, stdout, stderr io.Writer) int {
	out := log.New(stdout, "", 0) // all members may use it at once
	summary, err := show(ctx, out)
	if err != nil {
		log.New(stderr, "quickstart failed: ", 0).Print(err)
		return 1
	}
	out.Print(summary)
	return 0
}

func show(ctx context.Context, out *log.Logger) (summary string, err error) {
	address, stop, err := localetcd.Start(ctx)
	if err != nil {
		return "", err
	}
	defer stop()
	start := time.Now()
	out.Printf("--- etcd is up, at %s", address)

	// Three members, here in one process. Usually each runs in another one, on another machine.
	nodes := make(map[string]*node)
	defer leave(nodes)
	changes := make(chan change, 100) // more than there will be
	for _, name := range []string{"node-1", "node-2", "node-3"} {
		n, err := join(ctx, address, name)
		if err != nil {
			return "", err
		}
		nodes[name] = n

		// A member tells what becomes of it as a stream of messages. Once a second it repeats itself; we print what is new.
		news := operators.DistinctUntilChangedBy(n.member.AsObservable(), leadership.ElectionMessage.String)
		n.printed = news.Subscribe(func(m leadership.ElectionMessage) {
			out.Printf("%s %6.3f s  %v", name, m.Time.Sub(start).Seconds(), m)
			if m.Status == leadership.StatusElectedFirst || m.Status == leadership.StatusRelegation {
				changes <- change{name, m} // name begins to lead, or has stopped
			}
		})
	}
	witness := watch(nodes)
	defer witness.stop()

	// 1. Somebody is elected.
	first, err := next(ctx, changes, "", start, electedWithin)
	if err != nil {
		return "", err
	}

	// 2. The leader resigns. The next in line needs no more than a message from etcd.
	leadAWhile(ctx)
	out.Printf("--- %s resigns", first.name)
	resigned := time.Now()
	if err := nodes[first.name].member.Resign(ctx); err != nil {
		return "", err
	}
	second, err := next(ctx, changes, first.name, resigned, handedOn)
	if err != nil {
		return "", err
	}

	// 3. The leader crashes. By its own clock it must know that it leads no more, before etcd lets another one lead.
	leadAWhile(ctx)
	awaitRenewalDue(ctx, nodes[second.name].member)
	out.Printf("--- %s is cut off: nothing that it sends arrives, nothing reaches it, and nobody tells it", second.name)
	crashed := time.Now()
	nodes[second.name].cable.Cut()
	third, err := next(ctx, changes, second.name, crashed, takenAfterCrash)
	if err != nil {
		return "", err
	}
	if believed := third.relegated.Sub(crashed); believed > lease {
		return "", fmt.Errorf("%s, cut off, believed for %v that it led: its lease was %v", second.name, short(believed), lease)
	}

	asked, two := witness.stop()
	if two > 0 {
		return "", fmt.Errorf("two members led at once, %d of the %d times that we asked", two, asked)
	}
	return fmt.Sprintf("3 members, 3 leaders, 0 moments with two (we asked %d times): %s elected after %v, "+
		"%s took over %v after a resignation, %s %v after a hard stop, %v after %s had relegated itself (lease %v)",
		asked, first.name, short(first.elected.Sub(start)), second.name, short(second.elected.Sub(resigned)),
		third.name, short(third.elected.Sub(crashed)), short(third.elected.Sub(third.relegated)), second.name, lease), nil
}

// join makes a member of the election.
func join(ctx context.Context, address, name string) (*node, error) {
	n := &node{}
	if err := n.connect(address); err != nil {
		return nil, err
	}
	settings := leadership.Config{
		ServiceName: "cluster-app", // members with the same name elect one leader
		ServiceID:   name,
		Session:     leadership.SessionConfig{TTL: lease},
		Election:    leadership.ElectionConfig{Frequency: time.Second},
	}
	// Usually etcd.WithEndpoints("etcd-1:2379", …) is all that a factory needs. Here it gets a client with a cable that we can cut.
	factory := etcd.NewClusterFactory(etcd.WithClient(n.client)) //nolint:contextcheck // the client has its own context
	member, err := factory.Mode(leadership.ModeMulti).Configure(settings).Build(ctx)
	if err != nil {
		return nil, errors.Join(err, n.client.Close())
	}
	n.member = member
	return n, nil
}
