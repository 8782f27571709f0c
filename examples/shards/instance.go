package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/sources/etcd"
)

// The variables of the environment that make this program an instance of the service.
const (
	envName = "SHARDS_NAME"
	envEtcd = "SHARDS_ETCD"
)

// asInstance runs the instance that the environment names, if any, until its standard input ends.
func asInstance() (ran bool, code int) {
	name := os.Getenv(envName)
	if name == "" {
		return false, 0
	}
	if err := serve(name, os.Getenv(envEtcd), os.Stdin, os.Stdout); err != nil {
		_, _ = fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
		return true, 1
	}
	return true, 0
}

// serve leads the shards that are this instance's.
func serve(name, address string, stdin io.Reader, stdout io.Writer) error {
	ctx := context.Background()
	member, err := etcd.NewClusterFactory(etcd.WithEndpoints(address)).Configure(leadership.Config{
		ServiceName: service,
		ServiceID:   name, // who is started again under the same name gets the same shards
		Session:     leadership.SessionConfig{TTL: lease},
	}).Shards(ctx, shards)
	if err != nil {
		return err
	}
	tell := func(what string, shard int) { _, _ = fmt.Fprintln(stdout, what, shard, time.Now().UnixNano()) } // who does not listen any more need not know
	worked := make(chan struct{})
	go func() {
		defer close(worked)
		_ = member.Lead(ctx, func(ctx context.Context, shard int, _ leadership.Term) error { // returns when the member is closed
			tell("begin", shard)
			<-ctx.Done() // here the real work is done, until it has to stop
			tell("end", shard)
			return nil
		})
	}()
	_, _ = io.Copy(io.Discard, stdin) // until we are to stop
	err = member.Close()
	<-worked
	return err
}
