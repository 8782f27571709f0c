// Command rolling shows a rolling restart. Three members elect a leader at an etcd server that the program starts, and whoever leads does the work
// that only one may do. Then the leader is restarted, ten times in a chain, as a new release would do: it finishes its work, hands over to the next in
// line, and comes back as the last. The work goes on within milliseconds, and never do two do it at once. Then the program ends by itself.
//
//	go run ./examples/rolling
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"time"

	"github.com/leadership-go/leadership/examples/internal/localetcd"
	"github.com/leadership-go/leadership/examples/internal/pause"
)

const (
	members  = 3
	restarts = 10
	// release is what we take a restart to last at least. To etcd a watch is new for a tenth of a second, and reports late for that time.
	release = 150 * time.Millisecond
	// patience is how long we wait for what should take milliseconds, to tell what is slow from what never comes.
	patience = 20 * time.Second
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	code := run(ctx, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run returns the exit status: 1 when something was not as it should be.
func run(ctx context.Context, stdout, stderr io.Writer) int {
	if err := show(ctx, log.New(stdout, "", 0)); err != nil {
		log.New(stderr, "rolling failed: ", 0).Print(err)
		return 1
	}
	return 0
}

func show(ctx context.Context, out *log.Logger) error {
	address, stop, err := localetcd.Start(ctx)
	if err != nil {
		return err
	}
	defer stop()
	out.Printf("--- etcd is up, at %s", address)

	// Three instances of a service, here in one process. Usually each runs in another one, on another machine.
	desk := newDesk()
	running := make(map[string]*instance)
	defer func() {
		for _, i := range running {
			_ = i.stop()
		}
	}()
	for n := range members {
		name := fmt.Sprintf("node-%d", n+1)
		if running[name], err = start(ctx, address, name, desk); err != nil {
			return err
		}
		if n > 0 {
			err = running[name].awaitLine(ctx)
		} else {
			_, err = desk.next(ctx)
		}
		if err != nil {
			return err
		}
	}
	leader := "node-1" // it was the first
	out.Printf("%s leads", leader)

	var longest time.Duration
	for n := range restarts {
		if err := pause.For(ctx, release); err != nil {
			return err
		}
		if err := running[leader].stop(); err != nil { // returns when its work has, and the next one may begin
			return err
		}
		next, err := desk.next(ctx)
		if err != nil {
			return err
		}
		out.Printf("restart %2d of %s: %s leads %v after its work was done", n+1, leader, next.name, next.idle.Round(10*time.Microsecond))
		longest = max(longest, next.idle)

		// The instance comes back. Only when it is in the line again is it the turn of the next one.
		if running[leader], err = start(ctx, address, leader, desk); err != nil {
			return err
		}
		if err := running[leader].awaitLine(ctx); err != nil {
			return err
		}
		leader = next.name
	}
	if n := desk.crowded(); n > 0 {
		return fmt.Errorf("two were at work at once, %d times", n)
	}
	out.Printf("%d restarts of the leader, never two at work, nobody for at most %v", restarts, longest.Round(10*time.Microsecond))
	return nil
}
