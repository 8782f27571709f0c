package consulserver

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/leadership-go/leadership/e2e/internal/loopback"
)

// Cluster is three servers that elect a leader among themselves and keep their data over a restart.
type Cluster struct {
	// Servers are the members, in no order.
	Servers []*Server
}

const clusterSize = 3

// StartCluster starts three servers and waits until all can be used. The caller closes them.
func StartCluster(ctx context.Context, o Options) (*Cluster, error) {
	binary, err := Binary(ctx)
	if err != nil {
		return nil, err
	}
	for attempt := 1; ; attempt++ {
		c, err := startThree(ctx, binary, o)
		if attempt == loopback.Attempts || !loopback.Taken(err) {
			return c, err
		}
	}
}

func startThree(ctx context.Context, binary string, o Options) (*Cluster, error) {
	all, err := freePorts(ctx, clusterSize)
	if err != nil {
		return nil, err
	}
	o.token = managementToken()
	c := new(Cluster)
	for i := range all {
		peers := slices.Concat(all[i:], all[:i])
		s, err := prepare(binary, o, fmt.Sprintf("server-%d", i+1), clusterSize, peers)
		if err != nil {
			return nil, errors.Join(err, c.Close())
		}
		c.Servers = append(c.Servers, s)
	}
	errs := make([]error, len(c.Servers))
	var wg sync.WaitGroup
	for i, s := range c.Servers {
		wg.Go(func() { errs[i] = s.Restart(ctx) })
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// Leader waits for the server that leads the cluster, as a running one sees it.
func (c *Cluster) Leader(ctx context.Context) (*Server, error) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for {
		for _, s := range c.Servers {
			if leader := c.asked(ctx, s); leader != nil {
				return leader, nil
			}
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return nil, fmt.Errorf("consulserver: no leader: %w", context.Cause(ctx))
		}
	}
}

// asked is the leader as s says, if s answers and that one is not s's memory of a dead one.
func (c *Cluster) asked(ctx context.Context, s *Server) *Server {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	client := s.Client()
	if ready(ctx, client, s.Node) != nil { // a consistent read: there is a leader, with a quorum
		return nil
	}
	addr, err := client.Status().LeaderWithQueryOptions(new(api.QueryOptions).WithContext(ctx))
	if err != nil {
		return nil
	}
	for _, other := range c.Servers {
		if other.rpcAddr == addr {
			return other
		}
	}
	return nil
}

// Close kills all servers and removes their data.
func (c *Cluster) Close() error {
	errs := make([]error, len(c.Servers))
	for i, s := range c.Servers {
		errs[i] = s.Close()
	}
	return errors.Join(errs...)
}
