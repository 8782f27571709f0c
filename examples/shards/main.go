// Command shards shows a service of three processes that share out twelve shards at an etcd server that the program starts. One process begins alone; two more
// come and are given their shares; one leaves in order; one is killed. Each time only the shards move that have to, and no shard is worked on at two places
// at once. In the end the program prints a picture of who led what when, and ends by itself.
//
//	go run ./examples/shards
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
	service = "orders"
	shards  = 12
	// lease is how long etcd keeps the candidacy of a process that it does not hear of. 2 s is the least that etcd grants by default.
	lease = 2 * time.Second
	// patience is how long we wait for shards to move, to tell what is slow from what never comes.
	patience = 30 * time.Second
	// calm is how long nothing happens between two acts.
	calm = time.Second
)

func main() {
	if ran, code := asInstance(); ran { // this program is one of the three processes, too
		os.Exit(code)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	code := run(ctx, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run returns the exit status: 1 when something was not as it should be.
func run(ctx context.Context, stdout, stderr io.Writer) int {
	if err := show(ctx, log.New(stdout, "", 0)); err != nil {
		log.New(stderr, "shards failed: ", 0).Print(err)
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
	record := newRecord()
	var running []*process
	defer func() {
		for _, p := range running {
			p.leave()
		}
	}()
	begin := func(names ...string) error {
		for _, name := range names {
			p, err := launch(ctx, name, address, record)
			if err != nil {
				return err
			}
			running = append(running, p)
		}
		return nil
	}

	acts := []struct {
		what string
		do   func() error
		left []string // who is to lead the shards then
	}{
		{"web-1 starts", func() error { return begin("web-1") }, []string{"web-1"}},
		{"web-2 and web-3 start", func() error { return begin("web-2", "web-3") }, []string{"web-1", "web-2", "web-3"}},
		{"web-2 leaves", func() error { running[1].leave(); return nil }, []string{"web-1", "web-3"}},
		{"web-1 is killed", func() error { running[0].kill(); return nil }, []string{"web-3"}},
	}
	for _, act := range acts {
		out.Printf("--- %s", act.what)
		record.mark(act.what)
		began, moved := time.Now(), record.count()
		if err := act.do(); err != nil {
			return err
		}
		if err := record.await(ctx, act.left); err != nil {
			return fmt.Errorf("after %q: %w", act.what, err)
		}
		out.Printf("%d shards moved, the last after %.1f s: %s", record.count()-moved, time.Since(began).Seconds(), record.shares())
		if err := pause.For(ctx, calm); err != nil {
			return err
		}
	}
	if twice := record.twice(); len(twice) > 0 {
		return fmt.Errorf("shards were led twice: %v", twice)
	}
	record.draw(out)
	out.Printf("%d shards, 3 processes, never one led twice", shards)
	return nil
}
