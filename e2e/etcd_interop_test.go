package e2e

import (
	"bufio"
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.etcd.io/etcd/client/v3/concurrency"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/e2e/etcdserver"
	"github.com/leadership-go/leadership/sources/etcd"
)

// stock is a candidate of package concurrency.
func (s *etcdStore) stock(t *testing.T, key string) (*concurrency.Election, *concurrency.Session) {
	t.Helper()
	session, err := concurrency.NewSession(s.Dial(t), concurrency.WithTTL(60))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = session.Close() })
	return concurrency.NewElection(session, key), session
}

func TestEtcdInterop(t *testing.T) {
	t.Parallel()
	store := startEtcd(t, etcdserver.Options{})

	t.Run("a member does not hand over past a waiting concurrency.Election, which would not look whether it still stands", func(t *testing.T) {
		_, holder := store.candidate(t, time.Minute)
		seen := etcdCampaign(t, holder, "stock between")
		election, _ := store.stock(t, "stock between")
		elected := make(chan error, 1)
		go func() { elected <- election.Campaign(etcdSoon(t), "stock") }()
		for n := 0; n < 2; time.Sleep(10 * time.Millisecond) {
			var err error
			if n, err = store.candidates(etcdSoon(t), "stock between"); err != nil {
				t.Fatal(err)
			}
		}
		_, heir := store.candidate(t, time.Minute)
		etcdCampaign(t, heir, "stock between")
		vote := leadership.Vote{SessionID: heir.ID()}
		if err := holder.Transfer(etcdSoon(t), "stock between", leadership.Vote{}.Encode(), vote); !errors.Is(err, leadership.ErrNoCandidate) {
			t.Errorf("Transfer: %v", err)
		}
		if now := etcdCampaign(t, holder, "stock between"); now.Holder.Token != seen.Holder.Token {
			t.Errorf("the holder is %+v", now.Holder)
		}
		if err := holder.Resign(etcdSoon(t), "stock between", nil); err != nil {
			t.Fatal(err)
		}
		if err := <-elected; err != nil {
			t.Error(err)
		}
	})

	t.Run("a member waits behind concurrency.Election, and takes over", func(t *testing.T) {
		election, session := store.stock(t, "stock first")
		if err := election.Campaign(etcdSoon(t), "stock"); err != nil {
			t.Fatal(err)
		}
		_, s := store.candidate(t, time.Minute)
		seen := etcdCampaign(t, s, "stock first")
		if h := seen.Holder; h.Session != leaseHex(session.Lease()) || string(h.Value) != "stock" || h.Token != uint64(election.Rev()) {
			t.Errorf("the holder is %+v, stands with lease %x at %d", h, session.Lease(), election.Rev())
		}
		watch := etcdWatching(t, s, "stock first", seen)
		if err := election.Proclaim(etcdSoon(t), "still me"); err != nil {
			t.Fatal(err)
		}
		if err := etcdReturns(t, watch, "the leader changed its value"); err != nil {
			t.Fatal(err)
		}
		seen = etcdCampaign(t, s, "stock first")
		if string(seen.Holder.Value) != "still me" || seen.Holder.Token != uint64(election.Rev()) {
			t.Errorf("the holder is %+v", seen.Holder)
		}
		watch = etcdWatching(t, s, "stock first", seen)
		if err := election.Resign(etcdSoon(t)); err != nil {
			t.Fatal(err)
		}
		if err := etcdReturns(t, watch, "the leader resigned"); err != nil {
			t.Fatal(err)
		}
		if o := etcdLead(t, s, "stock first"); o.Resigned {
			t.Error("concurrency.Election leaves no sign of a resignation")
		}
	})

	t.Run("concurrency.Election waits behind a member, observes it, and takes over", func(t *testing.T) {
		_, s := store.candidate(t, time.Minute)
		held := etcdLead(t, s, "member first")
		election, _ := store.stock(t, "member first")
		leader, err := election.Leader(etcdSoon(t))
		if err != nil {
			t.Fatal(err)
		}
		if got := leader.Kvs[0]; string(got.Value) != string(etcdVote(s)) || uint64(got.CreateRevision) != held.Holder.Token {
			t.Errorf("it sees %v", got)
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		observed := election.Observe(ctx)
		if got := <-observed; string(got.Kvs[0].Value) != string(etcdVote(s)) {
			t.Errorf("it observes %v", got.Kvs)
		}
		elected := make(chan error, 1)
		go func() { elected <- election.Campaign(ctx, "stock") }()
		select {
		case err := <-elected:
			t.Fatalf("two lead: %v", err)
		case <-time.After(150 * time.Millisecond):
		}
		if err := s.Resign(etcdSoon(t), "member first", etcdSign()); err != nil {
			t.Fatal(err)
		}
		select {
		case err := <-elected:
			if err != nil {
				t.Fatal(err)
			}
		case <-time.After(5 * time.Second):
			t.Fatal("it was not elected")
		}
		if o := etcdCampaign(t, s, "member first"); string(o.Holder.Value) != "stock" || o.Holder.Token <= held.Holder.Token {
			t.Errorf("the holder is %+v after token %d", o.Holder, held.Holder.Token)
		}
	})

	t.Run("failure 22: elections whose names begin alike don't meet", func(t *testing.T) {
		election, _ := store.stock(t, "xyz")
		if err := election.Campaign(etcdSoon(t), "stock"); err != nil {
			t.Fatal(err)
		}
		_, s := store.candidate(t, time.Minute)
		etcdLead(t, s, "xy")
		other, _ := store.stock(t, "x")
		if err := other.Campaign(etcdSoon(t), "stock"); err != nil {
			t.Fatal(err)
		}
	})

	t.Run("a key of no lease stops a member with a conflict, which names it", func(t *testing.T) {
		if _, err := store.client.Put(etcdSoon(t), "conflict/notes", "by hand"); err != nil {
			t.Fatal(err)
		}
		b, s := store.candidate(t, time.Minute)
		_, err := s.Campaign(etcdSoon(t), "conflict", etcdVote(s))
		if err == nil || !strings.Contains(err.Error(), "conflict/notes") {
			t.Errorf("campaign: %v", err)
		}
		if o := etcdObserve(t, b, "conflict"); o.Holder.Session != "" {
			t.Errorf("%+v holds the key", o.Holder)
		}
		if _, err := store.client.Delete(etcdSoon(t), "conflict/notes"); err != nil {
			t.Fatal(err)
		}
		etcdLead(t, s, "conflict")
	})
}

// etcdctl starts the real program and returns its lines.
func (s *etcdStore) etcdctl(t *testing.T, args ...string) (cmd *exec.Cmd, lines <-chan string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	t.Cleanup(cancel)
	binary, err := etcdserver.Binary(ctx, "etcdctl")
	if err != nil {
		t.Fatal(err)
	}
	cmd = exec.CommandContext(t.Context(), binary, args...)
	cmd.Env = append(os.Environ(), "ETCDCTL_ENDPOINTS="+strings.Join(s.Endpoints(), ","))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ch := make(chan string, 100)
	go func() {
		defer close(ch)
		for scan := bufio.NewScanner(out); scan.Scan(); {
			ch <- scan.Text()
		}
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGKILL)
		for range ch { // until the program has ended
			continue
		}
		_ = cmd.Wait()
	})
	return cmd, ch
}

func etcdctlSays(t *testing.T, lines <-chan string, want string) {
	t.Helper()
	timeout := time.NewTimer(15 * time.Second)
	defer timeout.Stop()
	for {
		select {
		case line, open := <-lines:
			if !open {
				t.Fatalf("etcdctl ended and never said %q", want)
			}
			if strings.Contains(line, want) {
				return
			}
			t.Logf("etcdctl: %s", line)
		case <-timeout.C:
			t.Fatalf("etcdctl never said %q", want)
		}
	}
}

func TestEtcdctlElect(t *testing.T) {
	t.Parallel()
	store := startEtcd(t, etcdserver.Options{})
	const key = "services/ctl/leader"
	b, s := store.candidate(t, time.Minute)
	etcdLead(t, s, key)

	_, listening := store.etcdctl(t, "elect", "-l", key)
	etcdctlSays(t, listening, string(etcdVote(s)))

	first, lines := store.etcdctl(t, "elect", key, "by etcdctl")
	etcdWaitFor(t, "etcdctl stands behind the member", func() bool { n, _ := store.candidates(etcdSoon(t), key); return n == 2 })
	if o := etcdObserve(t, b, key); o.Holder.Session != s.ID() {
		t.Fatalf("%q holds the key", o.Holder.Session)
	}
	if err := s.Resign(etcdSoon(t), key, etcdSign()); err != nil {
		t.Fatal(err)
	}
	etcdctlSays(t, lines, "by etcdctl")
	etcdctlSays(t, listening, "by etcdctl")

	seen := etcdCampaign(t, s, key)
	if string(seen.Holder.Value) != "by etcdctl" {
		t.Fatalf("the holder is %+v", seen.Holder)
	}
	watch := etcdWatching(t, s, key, seen)
	if err := first.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if err := etcdReturns(t, watch, "etcdctl was interrupted"); err != nil {
		t.Fatal(err)
	}
	etcdLead(t, s, key)
	etcdctlSays(t, listening, string(etcdVote(s)))

	// And with a whole member.
	_, messages := etcdMember(t, "ctl", leadership.Config{}, etcd.WithClient(store.Dial(t)))
	etcdHears(t, messages, "notelected", func(m leadership.ElectionMessage) bool {
		return m.Status == leadership.StatusNotElected && m.Vote != nil && m.Vote.SessionID == s.ID()
	})
}

// etcdWaitFor polls until a condition holds.
func etcdWaitFor(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("it never came about that %s", what)
		}
	}
}
