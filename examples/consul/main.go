// Command consul shows an election at a Consul agent: three members stand, the first leader resigns and another one takes over at once,
// the second leader is cut off and stops by itself before the third one leads. Then the program ends by itself.
//
//	go run ./examples/consul [-addr host:port] [-ttl 10s]
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"os/signal"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/examples/internal/cable"
	"github.com/leadership-go/leadership/operators"
	"github.com/leadership-go/leadership/sources/consul"
)

// answersWithin is how long we wait for Consul.
const answersWithin = 3 * time.Second

const hint = `No Consul answers. Start one in another terminal, from the root of this repository; Docker is not needed:

    GOWORK=off go -C tools/consul tool consul agent -dev

The first time that takes some minutes, because Go builds the Consul server from source.`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run returns the exit status.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("consul", flag.ContinueOnError)
	flags.SetOutput(stderr)
	addr := flags.String("addr", "", "Consul's HTTP API, `host:port` (default: CONSUL_HTTP_ADDR, then localhost:8500)")
	ttl := flags.Duration("ttl", 10*time.Second, "TTL of the sessions; Consul takes no less than 10s unless its session_ttl_min says so")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	if err := show(ctx, log.New(stdout, "", 0), *ttl, *addr); err != nil { // a Logger may be used by all members at once
		log.New(stderr, "consul failed: ", 0).Print(err)
		return 1
	}
	return 0
}

func show(ctx context.Context, out *log.Logger, ttl time.Duration, addr string) error {
	members := make(map[string]*leadership.Member)
	cables := make(map[string]*cable.Cable)
	var printed []*leadership.Subscription
	defer func() {
		for _, p := range printed {
			p.Unsubscribe() // the show is over: what the members tell while they leave is of no interest
		}
		for _, member := range members {
			_ = member.Close()
		}
	}()
	elected := make(chan string, 100) // the names of leaders: more than there will be
	for _, name := range []string{"node-1", "node-2", "node-3"} {
		// Usually consul.WithAddress, or nothing at all, is all that a factory needs. Here it gets a client with a cable that we can cut.
		client, cut, err := connect(addr)
		if err != nil {
			return err
		}
		cables[name] = cut
		member, err := consul.NewClusterFactory(consul.WithClient(client), consul.WithMinTTL(ttl)).
			Mode(leadership.ModeMulti).
			Configure(leadership.Config{
				ServiceName: fmt.Sprintf("example-%d", os.Getpid()), // an election of its own for each run
				ServiceID:   name,
				Session:     leadership.SessionConfig{TTL: ttl},
			}).
			Build(ctx) // does not wait for Consul
		if err != nil {
			return err
		}
		members[name] = member

		// A member tells what becomes of it as a stream of messages. elected comes right before elected.first, and notelected before
		// relegation: debounced, only the latter of the two is printed.
		messages := operators.Debounce(member.AsObservable(), 20*time.Millisecond)
		printed = append(printed, messages.Subscribe(func(m leadership.ElectionMessage) {
			out.Printf("%s  %v", name, m)
			if m.Status == leadership.StatusElectedFirst {
				elected <- name
			}
		}))
	}
	if err := answers(ctx, members["node-1"]); err != nil {
		return err
	}

	first, err := next(ctx, elected, ttl)
	if err != nil {
		return err
	}
	out.Printf("--- %s resigns", first)
	if err := members[first].Resign(ctx); err != nil {
		return err
	}
	second, err := next(ctx, elected, ttl)
	if err != nil {
		return err
	}
	out.Printf("--- %s is cut off; Consul keeps its session for up to twice the TTL of %v", second, ttl)
	crashed := time.Now()
	cables[second].Cut()
	third, err := next(ctx, elected, 3*ttl)
	if err != nil {
		return err
	}
	took := time.Since(crashed).Round(time.Millisecond)
	if members[second].IsLeader() {
		return fmt.Errorf("two leaders: %s, cut off, and %s", second, third)
	}
	out.Printf("3 members, 3 leaders: %s, then %s after a resignation, then %s %v after a hard stop", first, second, third, took)
	return nil
}

// connect makes a client for Consul that is reached through a cable of its own.
func connect(addr string) (*api.Client, *cable.Cable, error) {
	config := api.DefaultConfig() // CONSUL_HTTP_ADDR and the like
	if addr != "" {
		config.Address = addr
	}
	c := new(cable.Cable)
	config.Transport.DialContext = func(ctx context.Context, _, address string) (net.Conn, error) { return c.Dial(ctx, address) }
	client, err := api.NewClient(config)
	return client, c, err
}

// answers waits until Consul says who leads, whoever that is.
func answers(ctx context.Context, member *leadership.Member) error {
	ctx, cancel := context.WithTimeout(ctx, answersWithin)
	defer cancel()
	again := time.NewTicker(answersWithin / 10)
	defer again.Stop()
	for {
		_, err := member.Leader(ctx)
		if err == nil || errors.Is(err, leadership.ErrDenied) {
			return err
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return fmt.Errorf("%w\n%s", err, hint)
		}
	}
}

// next is who is elected next. After limit something is wrong.
func next(ctx context.Context, elected <-chan string, limit time.Duration) (string, error) {
	late := time.NewTimer(limit)
	defer late.Stop()
	select {
	case name := <-elected:
		return name, nil
	case <-late.C:
		return "", fmt.Errorf("nobody was elected within %v", limit)
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
}
