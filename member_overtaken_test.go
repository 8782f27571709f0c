package leadership_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/sources/memory"
)

// A renewal and a read are sent together. The read overtakes the renewal, and shows the key ours; then an operator deletes the key; only
// then the renewal reaches the store. Both succeeded, so that the leader, cut off since, believes for a whole lease from their sending. Who
// took the key meanwhile has asked for the session's lifetime before the renewal came, and must not take that for the leader's.
func TestRenewalOvertakenByItsRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memory.NewStore()
		slow := &slowRenewals{Backend: store.Backend()}
		a, err := leadership.NewClusterFactory(func(leadership.Config) (leadership.Backend, error) { return slow, nil }).Build(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = a.Close() }()
		synctest.Wait()
		b, err := memory.NewClusterFactory(store).Build(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = b.Close() }()
		time.Sleep(7*time.Second + 100*time.Millisecond) // the renewal is under way for 100 ms, the read was answered
		slow.cut.Store(true)
		store.DeleteKey("services/cluster-app/leader")
		for range 300 {
			time.Sleep(100 * time.Millisecond)
			if a.IsLeader() && b.IsLeader() {
				t.Fatalf("two leaders, terms %d and %d; the older one's deadline is %v away", a.Term().Token(), b.Term().Token(), time.Until(a.Term().Deadline()))
			}
		}
		if !b.IsLeader() {
			t.Error("b does not lead after 30 s")
		}
		slow.cut.Store(false)
	})
}

// slowRenewals takes a second to carry a renewal to the store, and carries nothing else while it is cut.
type slowRenewals struct {
	leadership.Backend
	cut atomic.Bool
}

func (s *slowRenewals) reach(ctx context.Context) error {
	if !s.cut.Load() {
		return nil
	}
	<-ctx.Done()
	return context.Cause(ctx)
}

func (s *slowRenewals) Open(ctx context.Context, ttl time.Duration) (leadership.Session, error) {
	if err := s.reach(ctx); err != nil {
		return nil, err
	}
	session, err := s.Backend.Open(ctx, ttl)
	return slowSession{session, s}, err
}

func (s *slowRenewals) Observe(ctx context.Context, key string) (leadership.Observation, error) {
	if err := s.reach(ctx); err != nil {
		return leadership.Observation{}, err
	}
	return s.Backend.Observe(ctx, key)
}

type slowSession struct {
	leadership.Session
	link *slowRenewals
}

func (s slowSession) Renew(ctx context.Context) error {
	if err := s.link.reach(ctx); err != nil {
		return err
	}
	time.Sleep(time.Second)
	return s.Session.Renew(ctx)
}

// Watch reports nothing: the cut comes before any change.
func (s slowSession) Watch(ctx context.Context, _ string, _ leadership.Observation) error {
	<-ctx.Done()
	return context.Cause(ctx)
}
