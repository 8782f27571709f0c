// Command fencing shows why a leader's writes carry its token. A leader checks that it leads, and is held up before it writes: a long
// collection, a stopped virtual machine, a slow disk. Meanwhile another member takes over and writes. When the first one goes on, it writes on behalf of a
// term that is over. The database, which has seen a greater token, refuses that.
//
//	go run ./examples/fencing
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"path/filepath"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"google.golang.org/grpc"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/examples/internal/cable"
	"github.com/leadership-go/leadership/examples/internal/localetcd"
	"github.com/leadership-go/leadership/operators"
	"github.com/leadership-go/leadership/sources/etcd"
)

// lease is the least that etcd grants by default.
const lease = 2 * time.Second

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	code := run(ctx, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run returns the exit status: 1 when something was not as it should be.
func run(ctx context.Context, stdout, stderr io.Writer) int {
	if err := show(ctx, log.New(stdout, "", 0)); err != nil {
		log.New(stderr, "fencing failed: ", 0).Print(err)
		return 1
	}
	return 0
}

func show(ctx context.Context, out *log.Logger) (err error) {
	folder, err := os.MkdirTemp("", "fencing")
	if err != nil {
		return err
	}
	defer func() {
		if removed := os.RemoveAll(folder); err == nil {
			err = removed
		}
	}()
	db, err := openJobs(ctx, filepath.Join(folder, "jobs.db"))
	if err != nil {
		return err
	}
	defer func() {
		if closed := db.Close(); err == nil {
			err = closed
		}
	}()
	address, stop, err := localetcd.Start(ctx)
	if err != nil {
		return err
	}
	defer stop()

	first, err := join(ctx, address, "node-1")
	if err != nil {
		return err
	}
	defer first.leave()
	old, err := first.elected(ctx)
	if err != nil {
		return err
	}
	if err := db.setState(ctx, "nightly", "begun by node-1", old.Token()); err != nil {
		return err
	}
	out.Printf("node-1 leads, and has begun the job")
	second, err := join(ctx, address, "node-2")
	if err != nil {
		return err
	}
	defer second.leave()
	if err := second.heard(ctx); err != nil {
		return err
	}

	out.Printf("node-1 checks its term: it is valid: %v. Right after that it is held up, and hears nothing of etcd", old.Valid())
	first.cable.Cut()
	term, err := second.elected(ctx)
	if err != nil {
		return err
	}
	if err := db.setState(ctx, "nightly", "done by node-2", term.Token()); err != nil {
		return err
	}
	out.Printf("node-2 leads, with a greater token: %v, and has done the job", term.Token() > old.Token())

	late := db.setState(ctx, "nightly", "aborted by node-1", old.Token())
	out.Printf("node-1 goes on, and writes: %v", late)
	state, err := db.state(ctx, "nightly")
	if err != nil {
		return err
	}
	out.Printf("the job is %s", state)
	if late == nil || state != "done by node-2" {
		return fmt.Errorf("a write of a term that was over took effect: the job is %s", state)
	}
	return nil
}

// node stands for the machine that a member runs on.
type node struct {
	cable  cable.Cable
	client *clientv3.Client
	member *leadership.Member
}

func join(ctx context.Context, address, name string) (*node, error) {
	n := new(node)
	var err error
	n.client, err = clientv3.New(clientv3.Config{
		Endpoints:   []string{address},
		Logger:      zap.NewNop(),
		DialOptions: []grpc.DialOption{grpc.WithContextDialer(n.cable.Dial)},
	})
	if err != nil {
		return nil, err
	}
	factory := etcd.NewClusterFactory(etcd.WithClient(n.client)) //nolint:contextcheck // the client has its own context
	n.member, err = factory.Configure(leadership.Config{
		ServiceName: "fencing", ServiceID: name, Session: leadership.SessionConfig{TTL: lease},
	}).Build(ctx)
	if err != nil {
		_ = n.client.Close()
		return nil, err
	}
	return n, nil
}

// leave ends the member. One that is cut off can give nothing back, and need not: its lease is over.
func (n *node) leave() {
	_ = n.member.Close()
	_ = n.client.Close()
}

// elected waits until the member leads.
func (n *node) elected(ctx context.Context) (leadership.Term, error) {
	err := n.await(ctx, leadership.StatusElectedFirst)
	return n.member.Term(), err
}

// heard waits until the member stands behind the leader.
func (n *node) heard(ctx context.Context) error { return n.await(ctx, leadership.StatusNotElected) }

func (n *node) await(ctx context.Context, status leadership.Status) error {
	for _, err := range operators.OfStatus(n.member.AsObservable(), status).Seq(ctx) {
		return err
	}
	return fmt.Errorf("the stream has ended: %w", context.Cause(ctx))
}
