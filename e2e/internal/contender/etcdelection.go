package contender

import (
	"context"
	"errors"
	"fmt"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/concurrency"
)

// etcdElection is a candidate of Election in etcd's client, used as its documentation shows: it leads from the return of Campaign until the
// session is done, then closes the session and stands with a new one. Campaign gets the session's context, so that a waiter whose
// session has ended does not wait for ever. The client's own settings are those that ours is used with.
type etcdElection struct {
	*peer

	client *clientv3.Client
}

func startEtcdElection(ctx context.Context, o Options) (Contender, error) {
	if o.Store != "etcd" {
		return nil, fmt.Errorf("contender: %s at %s", EtcdElection, o.Store)
	}
	client, err := etcdClient(o)
	if err != nil {
		return nil, err
	}
	c := &etcdElection{client: client}
	var options []concurrency.SessionOption
	if o.TTL != 0 {
		options = append(options, concurrency.WithTTL(int((o.TTL+time.Second-1)/time.Second)))
	}
	c.peer = startPeer(ctx, o, func(ctx context.Context) (*reign, error) {
		session, err := concurrency.NewSession(client, options...)
		if err != nil {
			return nil, err
		}
		standing, cancel := context.WithCancel(session.Ctx())
		defer cancel()
		defer context.AfterFunc(ctx, cancel)()
		election := concurrency.NewElection(session, Key(o.Election))
		if err := election.Campaign(standing, o.ID); err != nil { //nolint:contextcheck // the session's, which ctx ends, too
			return nil, errors.Join(err, session.Close())
		}
		return &reign{
			token: uint64(election.Rev()), lost: session.Done(), resign: election.Resign, leave: session.Close,
		}, nil
	})
	return c, nil
}

// Close ends the candidacy. Calls of the client have no limits of their own: what still hangs after a while ends with the client.
func (c *etcdElection) Close() error {
	err := c.end(func() { _ = c.client.Close() })
	if closed := c.client.Close(); err == nil && !errors.Is(closed, context.Canceled) {
		err = closed
	}
	return err
}
