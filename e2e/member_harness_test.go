package e2e_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/e2e/internal/fault"
	"github.com/leadership-go/leadership/e2e/internal/probe"
	"github.com/leadership-go/leadership/e2e/internal/stores"
)

// memberCase is something that members do at a store, told in a sentence.
type memberCase struct {
	name string
	run  func(t *testing.T, s stores.Store)
}

// onEachStore runs the cases at servers of each store: all at once, since they wait most of the time, or
// one after the other where they disturb the servers.
func onEachStore(t *testing.T, o stores.Options, atOnce bool, cases []memberCase) {
	for _, starter := range stores.All() {
		t.Run(starter.Name, func(t *testing.T) {
			t.Parallel()
			s := startStore(t, starter, o)
			var running sync.WaitGroup
			defer running.Wait()
			for _, c := range cases {
				run := func() { t.Run(c.name, func(t *testing.T) { c.run(t, s) }) }
				if atOnce {
					running.Go(run)
				} else {
					run()
				}
			}
		})
	}
}

func startStore(t *testing.T, starter stores.Starter, o stores.Options) stores.Store {
	t.Helper()
	s, err := starter.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// soon ends what hangs. Everything here takes seconds at most, on a machine that has the time.
func soon(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

const (
	// calmTTL is for elections in which no lease runs out, however slow the machine is.
	calmTTL = 15 * time.Second
	// shortTTL is for those in which one does.
	shortTTL = 3 * time.Second
)

// newElection is the configuration of an election of its own. The vote frequency stays at 10 s, so that what comes earlier came by itself.
func newElection(ttl time.Duration) leadership.Config {
	return leadership.Config{ServiceName: rand.Text(), Session: leadership.SessionConfig{TTL: ttl}}
}

// candidate is a member and what it said.
type candidate struct {
	*leadership.Member
	says     *probe.Messages
	at       int             // index of the last message that was waited for, + 1
	recorder *probe.Recorder // nil unless recorded
}

// Close fails where the member's own would hang.
func (c *candidate) Close() error {
	closed := make(chan error, 1)
	go func() { closed <- c.Member.Close() }()
	limit := time.NewTimer(time.Minute)
	defer limit.Stop()
	select {
	case err := <-closed:
		return err
	case <-limit.C:
		return errors.New("Close hangs")
	}
}

// enter builds a member that is closed with the test, and checks all that it has said by then against the grammar.
func enter(t *testing.T, f *leadership.ClusterFactory, cfg leadership.Config, id string) *candidate {
	t.Helper()
	return enterUntil(t.Context(), t, f, cfg, id)
}

// enterUntil is enter with a context for Build.
func enterUntil(ctx context.Context, t *testing.T, f *leadership.ClusterFactory, cfg leadership.Config, id string) *candidate {
	t.Helper()
	cfg.ServiceID = id
	m, err := f.Configure(cfg).Build(ctx)
	if err != nil {
		t.Fatal(err)
	}
	c := &candidate{Member: m, says: probe.Follow(m)}
	t.Cleanup(func() {
		_ = c.Close() // the store may be gone
		if err := c.says.End(soon(t)); err != nil {
			t.Errorf("the stream of %s: %v\n%v", id, err, c.says)
		}
		if t.Failed() {
			t.Logf("%s said:\n%v", id, c.says)
		}
	})
	return c
}

// enterRecorded builds a member whose requests are noted, at addrs of the store.
func enterRecorded(t *testing.T, s stores.Store, cfg leadership.Config, id string, addrs ...string) *candidate {
	t.Helper()
	recorder := new(probe.Recorder)
	connect := recorder.Connect(func() (leadership.Backend, error) { return s.Backend(addrs...) })
	c := enter(t, leadership.NewClusterFactory(connect), cfg, id)
	c.recorder = recorder
	return c
}

// await returns the next message with that status.
func (c *candidate) await(t *testing.T, status leadership.Status) probe.Message {
	t.Helper()
	m, i, err := c.says.AwaitStatus(soon(t), c.at, status)
	if err != nil {
		t.Fatal(err)
	}
	c.at = i + 1
	return m
}

// awaitError returns the next error message that is about want.
func (c *candidate) awaitError(t *testing.T, want error) probe.Message {
	t.Helper()
	m, i, err := c.says.Await(soon(t), c.at, func(m probe.Message) bool { return m.Status == leadership.StatusError && errors.Is(m.Err, want) })
	if err != nil {
		t.Fatalf("no error message about %v: %v", want, err)
	}
	c.at = i + 1
	return m
}

// session is the one that the member opened last.
func (c *candidate) session(t *testing.T) string {
	t.Helper()
	all := c.recorder.Sessions()
	if len(all) == 0 {
		t.Fatal("no session was opened")
	}
	return all[len(all)-1]
}

// stillLeads checks that the term of first goes on and that its holder has said nothing else but errors.
func (c *candidate) stillLeads(t *testing.T, first probe.Message) {
	t.Helper()
	if !c.IsLeader() || c.Term().Token() != first.Term {
		t.Errorf("IsLeader %v, token %d; want the term %d\n%v", c.IsLeader(), c.Term().Token(), first.Term, c.says)
	}
	for _, status := range []leadership.Status{leadership.StatusRelegation, leadership.StatusNotElected} {
		if n := c.says.Count(status); n > 0 {
			t.Errorf("%d times %s\n%v", n, status, c.says)
		}
	}
	if n := c.says.Count(leadership.StatusElectedFirst); n != 1 {
		t.Errorf("%d terms, want one\n%v", n, c.says)
	}
}

// awaitRenewal waits for a successful renewal that was sent from now on.
func (c *candidate) awaitRenewal(t *testing.T, first probe.Message) {
	t.Helper()
	if err := c.recorder.AwaitRenewal(soon(t), first.Vote.SessionID, time.Now()); err != nil {
		t.Fatalf("no renewal: %v\n%v", err, c.says)
	}
}

// awaitProof waits until the term's deadline moves, which takes a renewal and a read.
func (c *candidate) awaitProof(t *testing.T) {
	t.Helper()
	term := c.Term()
	before := term.Deadline()
	eventually(t, func(context.Context) error {
		if moved := term.Deadline().Sub(before); moved < 100*time.Millisecond { // it is told by the wall clock
			return fmt.Errorf("the deadline moved by %v\n%v", moved, c.says)
		}
		return nil
	})
}

// awaitAttempt waits for a renewal that is sent from now on, whatever becomes of it.
func (c *candidate) awaitAttempt(t *testing.T, first probe.Message) {
	t.Helper()
	if err := c.recorder.AwaitAttempt(soon(t), first.Vote.SessionID, time.Now()); err != nil {
		t.Fatalf("no renewal was tried: %v\n%v", err, c.says)
	}
}

// newLink is a link to the first server that ends with the test.
func newLink(t *testing.T, s stores.Store) *fault.Link {
	t.Helper()
	link, err := fault.NewLink(s.Addrs()[0])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(link.Close)
	return link
}

// eventually repeats check until it returns nil.
func eventually(t *testing.T, check func(ctx context.Context) error) {
	t.Helper()
	ctx := soon(t)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		err := check(ctx)
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatal(err)
		}
	}
}

// must is the value of a call that may not fail: must(call())(t).
func must[T any](value T, err error) func(t *testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}
