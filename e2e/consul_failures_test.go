package e2e

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/e2e/consulserver"
	"github.com/leadership-go/leadership/sources/consul"
)

const consulKey = "services/e2e/leader"

func TestConsulFailure2AgentHangsWithItsConnectionsAlive(t *testing.T) {
	t.Parallel()
	server := consulserver.Run(t, consulserver.Options{})
	b := connectConsul(t, server)
	holder, waiter := openConsul(t, b, 10*time.Second), openConsul(t, b, 10*time.Second)
	held := electConsul(t, holder, consulKey)
	seen, err := waiter.Campaign(t.Context(), consulKey, consulVote(waiter))
	if err != nil {
		t.Fatal(err)
	}
	watching := make(chan error, 1)
	watch, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	go func() { watching <- waiter.Watch(watch, consulKey, seen) }()
	if err := server.Pause(); err != nil {
		t.Fatal(err)
	}
	for name, call := range map[string]func(context.Context) error{
		"Renew":    holder.Renew,
		"Observe":  func(ctx context.Context) error { _, err := b.Observe(ctx, consulKey); return err },
		"Campaign": func(ctx context.Context) error { _, err := holder.Campaign(ctx, consulKey, nil); return err },
		"Resign":   func(ctx context.Context) error { return waiter.Resign(ctx, consulKey, consulSign()) },
		"Lifetime": func(ctx context.Context) error { _, err := b.Lifetime(ctx, holder.ID()); return err },
		"Open":     func(ctx context.Context) error { _, err := b.Open(ctx, 10*time.Second); return err },
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 150*time.Millisecond)
		begin := time.Now()
		err := call(ctx)
		if took := time.Since(begin); took > time.Second {
			t.Errorf("%s took %v with a context of 150 ms", name, took)
		}
		if !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, leadership.ErrSessionLost) {
			t.Errorf("%s: %v; want the end of the context", name, err)
		}
		cancel()
	}
	if err := <-watching; !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Watch: %v; want the end of the context", err)
	}
	if err := server.Resume(); err != nil {
		t.Fatal(err)
	}
	within(t, 5*time.Second, holder.Renew)
	o, err := holder.Campaign(t.Context(), consulKey, consulVote(holder))
	if err != nil || o.Holder.Token != held.Holder.Token {
		t.Errorf("failure 7: after the pause: %+v, %v; want the holding %d", o, err, held.Holder.Token)
	}
}

func TestConsulFailure4TheClusterElectsItsOwnLeader(t *testing.T) {
	t.Parallel()
	cluster := consulserver.RunCluster(t, consulserver.Options{})
	leader, err := cluster.Leader(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var follower *consulserver.Server
	for _, s := range cluster.Servers {
		if s != leader {
			follower = s
		}
	}
	b := connectConsul(t, follower)
	holder, waiter := openConsul(t, b, 10*time.Second), openConsul(t, b, 10*time.Second)
	held := electConsul(t, holder, consulKey)
	if err := leader.Kill(); err != nil {
		t.Fatal(err)
	}
	outage := 0
	within(t, 20*time.Second, func(ctx context.Context) error {
		for name, call := range map[string]func(context.Context) error{
			"Renew":   holder.Renew,
			"Observe": func(ctx context.Context) error { _, err := b.Observe(ctx, consulKey); return err },
			"Campaign": func(ctx context.Context) error {
				_, err := waiter.Campaign(ctx, consulKey, consulVote(waiter))
				return err
			},
			"Lifetime": func(ctx context.Context) error {
				left, err := b.Lifetime(ctx, holder.ID())
				if err == nil && left == 0 {
					t.Error("a live session is said to have ended")
				}
				return err
			},
		} {
			attempt, cancel := context.WithTimeout(ctx, time.Second)
			err := call(attempt)
			cancel()
			if errors.Is(err, leadership.ErrSessionLost) || errors.Is(err, leadership.ErrDenied) {
				t.Errorf("%s while the cluster has no leader: %v; that is transient", name, err)
			}
			if err != nil {
				outage++
				return fmt.Errorf("%s: %w", name, err)
			}
		}
		return nil
	})
	if outage == 0 {
		t.Error("the killed leader was not missed: the test shows nothing")
	}
	o, err := holder.Campaign(t.Context(), consulKey, consulVote(holder))
	if err != nil || o.Holder.Session != held.Holder.Session || o.Holder.Token != held.Holder.Token {
		t.Errorf("after the election: %+v, %v; want the holding of before: %+v", o, err, held)
	}
}

func TestConsulFailure5AfterALossANewSessionLeads(t *testing.T) {
	t.Parallel()
	server := consulserver.Run(t, consulserver.Options{})
	b := connectConsul(t, server)
	lost := openConsul(t, b, 10*time.Second)
	before := electConsul(t, lost, consulKey)
	if _, err := server.Client().Session().Destroy(lost.ID(), nil); err != nil {
		t.Fatal(err)
	}
	if err := lost.Watch(t.Context(), consulKey, before); err != nil {
		t.Errorf("Watch: %v", err)
	}
	if err := lost.Renew(t.Context()); !errors.Is(err, leadership.ErrSessionLost) {
		t.Errorf("Renew: %v; want %v", err, leadership.ErrSessionLost)
	}
	// The lock-delay of 1 ms may have to pass first.
	within(t, 2*time.Second, func(ctx context.Context) error {
		_, err := lost.Campaign(ctx, consulKey, consulVote(lost))
		if !errors.Is(err, leadership.ErrSessionLost) {
			return fmt.Errorf("failure 6: Campaign with a destroyed session: %w", err)
		}
		return nil
	})
	if err := errors.Join(lost.Resign(t.Context(), consulKey, consulSign()), lost.Close(t.Context())); err != nil {
		t.Errorf("Resign and Close of a lost session: %v", err)
	}
	next := openConsul(t, b, 10*time.Second)
	if after := electConsul(t, next, consulKey); after.Holder.Token <= before.Holder.Token {
		t.Errorf("the token went from %d to %d", before.Holder.Token, after.Holder.Token)
	}
	sessions, _, err := server.Client().Session().List(nil)
	if err != nil || len(sessions) != 1 {
		t.Errorf("%d sessions are left, %v; want 1", len(sessions), err)
	}
}

func TestConsulFailure7AHoldingOutlivesARestartOfTheServer(t *testing.T) {
	t.Parallel()
	server := consulserver.Run(t, consulserver.Options{Persist: true})
	b := connectConsul(t, server)
	holder := openConsul(t, b, 20*time.Second)
	held := electConsul(t, holder, consulKey)
	if err := server.Kill(); err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{
		"Renew":    holder.Renew(t.Context()),
		"Watch":    holder.Watch(t.Context(), consulKey, held),
		"Resign":   holder.Resign(t.Context(), consulKey, consulSign()),
		"Campaign": func() error { _, err := holder.Campaign(t.Context(), consulKey, nil); return err }(),
	} {
		if err == nil || errors.Is(err, leadership.ErrSessionLost) || errors.Is(err, leadership.ErrDenied) {
			t.Errorf("%s without a server: %v; want a transient error", name, err)
		}
	}
	if err := server.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	within(t, 10*time.Second, holder.Renew)
	o, err := holder.Campaign(t.Context(), consulKey, consulVote(holder))
	if err != nil || o.Holder.Session != holder.ID() || o.Holder.Token != held.Holder.Token {
		t.Errorf("after the restart: %+v, %v; want the holding %d", o, err, held.Holder.Token)
	}
	// Another process that takes the session up finds the same holding.
	again, err := connectConsul(t, server).Attach(t.Context(), holder.ID(), holder.TTL())
	if err != nil {
		t.Fatal(err)
	}
	if o, err := again.Campaign(t.Context(), consulKey, nil); err != nil || o.Holder.Token != held.Holder.Token {
		t.Errorf("attached: %+v, %v; want the holding %d", o, err, held.Holder.Token)
	}
}

func TestConsulFailure10ChecksAreOptional(t *testing.T) {
	t.Parallel()
	const ttl = 2 * time.Second
	cluster := consulserver.RunCluster(t, consulserver.Options{})
	leader, err := cluster.Leader(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var gone, other *consulserver.Server
	for _, s := range cluster.Servers {
		if s != leader {
			gone, other = s, gone
		}
	}
	t.Logf("%s leads, %s goes, %s stays", leader.Node, gone.Node, other.Node)
	free := connectConsul(t, leader, consul.WithNode(gone.Node))
	checked := connectConsul(t, leader, consul.WithNode(gone.Node), consul.WithNodeChecks("serfHealth"))
	ours, theirs := openConsul(t, free, 30*time.Second), openConsul(t, checked, 30*time.Second)
	for s, want := range map[leadership.Session]time.Duration{ours: time.Millisecond, theirs: 30 * time.Second} {
		entry, _, err := leader.Client().Session().Info(s.ID(), nil)
		if err != nil || entry == nil || entry.LockDelay != want || entry.Behavior != api.SessionBehaviorDelete {
			t.Errorf("session is %+v, %v; want a lock-delay of %v", entry, err, want)
		}
	}
	held := electConsul(t, ours, "unchecked")
	lost := electConsul(t, theirs, "checked")
	if err := gone.Kill(); err != nil {
		t.Fatal(err)
	}
	watch, cancel := context.WithTimeout(t.Context(), 40*time.Second)
	defer cancel()
	if err := theirs.Watch(watch, "checked", lost); err != nil {
		t.Fatalf("the node's check turned critical: %v", err)
	}
	if err := theirs.Renew(t.Context()); !errors.Is(err, leadership.ErrSessionLost) {
		t.Errorf("a session with a critical check: Renew: %v; want %v", err, leadership.ErrSessionLost)
	}
	waiter := openConsul(t, connectConsul(t, leader), 10*time.Second)
	if o, err := waiter.Campaign(t.Context(), "checked", consulVote(waiter)); err != nil || !o.Delayed || o.Holder.Session != "" {
		t.Errorf("while the holder may still believe: %+v, %v; want a delay", o, err)
	}
	if err := ours.Renew(t.Context()); err != nil {
		t.Errorf("a session without checks: Renew: %v", err)
	}
	o, err := ours.Campaign(t.Context(), "unchecked", nil)
	if err != nil || o.Holder.Token != held.Holder.Token {
		t.Errorf("a session without checks: %+v, %v; want the holding %d", o, err, held.Holder.Token)
	}
	if _, err := connectConsul(t, leader, consul.WithNode(leader.Node), consul.WithNodeChecks("no-such-check")).Open(t.Context(), ttl); err == nil {
		t.Error("a session with an unknown check was made")
	}
}

func TestConsulLockDelayEndsAndThenSomebodyIsElected(t *testing.T) {
	t.Parallel()
	const delay = 700 * time.Millisecond
	server := consulserver.Run(t, consulserver.Options{})
	b := connectConsul(t, server, consul.WithLockDelay(delay))
	holder, waiter := openConsul(t, b, 10*time.Second), openConsul(t, b, 10*time.Second)
	electConsul(t, holder, consulKey)
	begin := time.Now()
	if err := holder.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	delayed := 0
	within(t, 5*time.Second, func(ctx context.Context) error {
		o, err := waiter.Campaign(ctx, consulKey, consulVote(waiter))
		switch {
		case err != nil:
			t.Fatal(err)
		case o.Holder.Session == waiter.ID():
			return nil
		case o.Delayed:
			delayed++
		}
		return fmt.Errorf("still %+v", o)
	})
	if took := time.Since(begin); took < delay || delayed == 0 {
		t.Errorf("elected %v after the session's end, told of the delay %d times; want at least %v", took, delayed, delay)
	}
}

func TestConsulResignationElectsAWaiterAtOnce(t *testing.T) {
	t.Parallel()
	server := consulserver.Run(t, consulserver.Options{})
	for name, opts := range map[string][]consul.Option{
		"keys deleted with their session": nil,
		"keys kept":                       {consul.WithKeptKeys()},
		"with a long lock-delay":          {consul.WithLockDelay(60 * time.Second)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := connectConsul(t, server, opts...)
			key := "services/" + name + "/leader"
			holder := openConsul(t, b, 10*time.Second)
			electConsul(t, holder, key)
			var slowest time.Duration
			for range 20 {
				waiter := openConsul(t, b, 10*time.Second)
				elected := make(chan error, 1)
				go func() {
					for {
						o, err := waiter.Campaign(t.Context(), key, consulVote(waiter))
						if err == nil && o.Holder.Session != waiter.ID() {
							err = waiter.Watch(t.Context(), key, o)
							if err == nil {
								continue
							}
						}
						elected <- err
						return
					}
				}()
				time.Sleep(20 * time.Millisecond) // for the watch
				begin := time.Now()
				if err := errors.Join(holder.Resign(t.Context(), key, consulSign()), holder.Close(t.Context())); err != nil {
					t.Fatal(err)
				}
				if err := <-elected; err != nil {
					t.Fatal(err)
				}
				slowest = max(slowest, time.Since(begin))
				holder = waiter
			}
			if slowest > time.Second {
				t.Errorf("the slowest of 20 successors took %v", slowest)
			}
			t.Logf("the slowest of 20 successors took %v", slowest)
			if err := errors.Join(holder.Resign(t.Context(), key, consulSign()), holder.Close(t.Context())); err != nil {
				t.Fatal(err)
			}
			if entry, _, err := server.Client().KV().Get(key, nil); err != nil || entry != nil {
				t.Errorf("the last one left %+v, %v", entry, err)
			}
		})
	}
}
