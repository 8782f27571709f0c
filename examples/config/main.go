// Command config reads the settings of an election from a YAML file and from the environment, and stands with them. Without
// a file it takes leader.yaml beside this program, which is a part of it.
//
//	go run ./examples/config [file]
//	CLUSTER_LEADER_SERVICE_ID=node-7 go run ./examples/config
package main

import (
	"context"
	_ "embed"
	"errors"
	"io"
	"log"
	"os"
	"os/signal"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/config"
	"github.com/leadership-go/leadership/sources/memory"
)

//go:embed leader.yaml
var example []byte

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run returns the exit status.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	if err := show(ctx, args, log.New(stdout, "", 0)); err != nil {
		log.New(stderr, "config failed: ", 0).Print(err)
		return 1
	}
	return 0
}

func show(ctx context.Context, args []string, out *log.Logger) (err error) {
	settings, err := load(args)
	if err != nil {
		return err // it names the setting, its value and the rule that it breaks
	}
	out.Printf("stands for %s with a TTL of %v", settings.Key(), settings.Session.TTL) // at 0: the default, 15 s

	// A store inside this process, so that the example needs no other. With consul.NewClusterFactory() or
	// etcd.NewClusterFactory() in its place the settings say where the store is.
	member, err := memory.NewClusterFactory(memory.NewStore()).Configure(settings).Build(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, member.Close()) }()
	for message, err := range member.AsObservable().Seq(ctx) {
		if err != nil {
			return err
		}
		out.Print(message)
		if message.Status == leadership.StatusElectedFirst {
			break // it leads: that is all we wanted to see
		}
	}
	return nil
}

// load reads the named file, or the one that is a part of this program. Variables CLUSTER_LEADER_… override both.
func load(args []string) (leadership.Config, error) {
	if len(args) > 0 {
		return config.Load(args[0])
	}
	return config.Parse(example)
}
