package etcdserver

import (
	"context"
	"sync"
	"testing"
	"time"
)

func TestManyClustersAtOnce(t *testing.T) {
	var wg sync.WaitGroup
	for range 12 {
		wg.Go(func() {
			c, err := Run(Options{})
			if err != nil {
				t.Error(err)
				return
			}
			if err := c.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

func TestATakenPortIsGivenUpForAnother(t *testing.T) {
	first := Start(t, Options{})
	c := &Cluster{options: Options{Nodes: 1, Dir: t.TempDir()}}
	taken := first.nodes[0]
	c.nodes = []*node{{name: "node-0", dir: t.TempDir(), client: taken.client, peer: taken.peer, cluster: "node-0=" + taken.peer}}
	if err := c.nodes[0].start(); err == nil {
		t.Fatal("two servers listen on one port")
	}
	if err := c.reset(); err != nil {
		t.Fatal(err)
	}
	if err := c.start(); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestProcesses(t *testing.T) {
	c := Start(t, Options{Nodes: 3, Processes: true, TLS: true, RootPassword: "open sesame"})
	client := c.Dial(t)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if _, err := client.Put(ctx, "k", "v"); err != nil {
		t.Fatal(err)
	}
	for _, end := range []func(int) error{c.Stop, c.Kill} {
		leader, err := c.Leader(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if err := end(leader); err != nil {
			t.Fatal(err)
		}
		if err := c.Ready(); err != nil {
			t.Fatal(err)
		}
		if err := c.StartNode(leader); err != nil {
			t.Fatal(err)
		}
		if err := c.Ready(); err != nil {
			t.Fatal(err)
		}
		resp, err := client.Get(ctx, "k")
		if err != nil || len(resp.Kvs) != 1 {
			t.Fatalf("the data after a restart: %v, %v", resp, err)
		}
	}
	if err := c.Pause(0); err != nil {
		t.Fatal(err)
	}
	if err := c.Resume(0); err != nil {
		t.Fatal(err)
	}
	if err := c.Ready(); err != nil {
		t.Fatal(err)
	}
}
