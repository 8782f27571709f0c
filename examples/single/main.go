// Command single shows the mode for a service that runs once: the same code as with many instances, but the member always
// leads, and neither Consul nor etcd is needed.
//
//	go run ./examples/single
package main

import (
	"context"
	"errors"
	"io"
	"log"
	"os"
	"os/signal"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/sources/consul"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	code := run(ctx, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run returns the exit status.
func run(ctx context.Context, stdout, stderr io.Writer) int {
	if err := show(ctx, log.New(stdout, "", 0)); err != nil {
		log.New(stderr, "single failed: ", 0).Print(err)
		return 1
	}
	return 0
}

func show(ctx context.Context, out *log.Logger) (err error) {
	member, err := consul.NewClusterFactory().
		Mode(leadership.ModeSingle). // with ModeMulti this member would stand at Consul
		Configure(leadership.Config{ServiceName: "cluster-app", ServiceID: "node-1"}).
		Build(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, member.Close()) }()

	// The stream as a range loop. It ends once the member is closed: that is what we do as soon as it leads.
	for message, err := range member.AsObservable().Seq(ctx) {
		if err != nil {
			return err
		}
		out.Print(message)
		switch message.Status {
		case leadership.StatusElectedFirst:
			if !member.IsLeader() {
				return errors.New("the member says that it does not lead")
			}
			if err := member.Close(); err != nil {
				return err
			}
		case leadership.StatusError:
			return message.Err
		case leadership.StatusElected, leadership.StatusNotElected, leadership.StatusRelegation:
		}
	}
	return nil
}
