package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/sources/memory"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestRun(t *testing.T) {
	t.Run("the whole show ends well and leaves nothing behind", func(t *testing.T) {
		folder := t.TempDir()
		t.Setenv("TMPDIR", folder)
		// The bounds are for a machine that has nothing else to do. What is too slow may be so by chance, what is wrong may not.
		for try := 1; ; try++ {
			var stdout, stderr bytes.Buffer
			code := run(t.Context(), &stdout, &stderr)
			if try < 3 && strings.Contains(stderr.String(), "too slow: ") {
				t.Logf("try %d: %s", try, &stderr)
				continue
			}
			if code != 0 || stderr.Len() > 0 {
				t.Fatalf("exit status %d: %s%s", code, &stdout, &stderr)
			}
			lines := strings.Split(strings.TrimSpace(stdout.String()), "\n")
			const summary = `^3 members, 3 leaders, 0 moments with two \(we asked \d+ times\): node-\d elected after \S+, ` +
				`node-\d took over \S+ after a resignation, node-\d \S+ after a hard stop, \S+ after node-\d had relegated itself \(lease 2s\)$`
			if last := lines[len(lines)-1]; !regexp.MustCompile(summary).MatchString(last) {
				t.Errorf("the last line is %q", last)
			}
			break
		}
		if left, err := os.ReadDir(folder); err != nil || len(left) > 0 {
			t.Errorf("left in the folder for temporary files: %v, %v", left, err)
		}
	})

	t.Run("an interrupt ends it at once, with a line that says so", func(t *testing.T) {
		folder := t.TempDir()
		t.Setenv("TMPDIR", folder)
		ctx, cancel := context.WithCancelCause(t.Context())
		stdout := writer(func(line string) {
			if strings.Contains(line, "status=elected.first") {
				cancel(errors.New("interrupted by the test"))
			}
		})
		var stderr bytes.Buffer
		if code := run(ctx, stdout, &stderr); code != 1 {
			t.Errorf("exit status %d", code)
		}
		if got := stderr.String(); !strings.HasPrefix(got, "quickstart failed: ") || !strings.Contains(got, "interrupted by the test") {
			t.Errorf("it said %q", got)
		}
		if left, err := os.ReadDir(folder); err != nil || len(left) > 0 {
			t.Errorf("left in the folder for temporary files: %v, %v", left, err)
		}
	})

	t.Run("it says so when it can't start etcd", func(t *testing.T) {
		t.Setenv("TMPDIR", "/no/such/folder")
		var stdout, stderr bytes.Buffer
		if code := run(t.Context(), &stdout, &stderr); code != 1 || !strings.Contains(stderr.String(), "/no/such/folder") {
			t.Errorf("exit status %d: %s%s", code, &stdout, &stderr)
		}
	})
}

// writer calls a function for each line that a Logger writes.
type writer func(line string)

func (w writer) Write(data []byte) (int, error) { w(string(data)); return len(data), nil }

func TestNext(t *testing.T) {
	since := time.Now()
	at := func(name string, status leadership.Status, ms int) change {
		return change{name, leadership.ElectionMessage{Status: status, Time: since.Add(time.Duration(ms) * time.Millisecond)}}
	}
	const first, over = leadership.StatusElectedFirst, leadership.StatusRelegation
	for _, tc := range []struct {
		name    string
		changes []change
		old     string
		want    string // the new leader
		err     string
	}{
		{"the first leader", []change{at("b", first, 30)}, "", "b", ""},
		{"a handover", []change{at("a", over, 5), at("b", first, 30)}, "a", "b", ""},
		{"a handover of which the end arrives late", []change{at("b", first, 30), at("a", over, 5)}, "a", "b", ""},
		{"the new leader was elected too early", []change{at("b", first, 30), at("a", over, 31)}, "a", "", "two leaders: b was elected 1ms before a was relegated"},
		{"the new leader was elected too late", []change{at("a", over, 5), at("b", first, 101)}, "a", "", "too slow: b was elected after 101ms, not within 100ms"},
		{"two are elected", []change{at("b", first, 30), at("c", first, 31)}, "a", "", "not expected: c tells"},
		{"another one is relegated", []change{at("c", over, 30)}, "a", "", "not expected: c tells"},
		{"the leader stops before it was asked to", []change{at("a", over, -1)}, "a", "", "not expected: a tells"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			changes := make(chan change, len(tc.changes))
			for _, c := range tc.changes {
				changes <- c
			}
			got, err := next(t.Context(), changes, tc.old, since, 100*time.Millisecond)
			if tc.err == "" && (err != nil || got.name != tc.want) {
				t.Errorf("got %+v, %v; want %s", got, err, tc.want)
			}
			if tc.err != "" && (err == nil || !strings.Contains(err.Error(), tc.err)) {
				t.Errorf("got %+v, %v; want %q", got, err, tc.err)
			}
		})
	}
}

func TestTwoLead(t *testing.T) {
	// Two members of different stores know nothing of each other, so that both lead.
	join := func(store *memory.Store) *leadership.Member {
		member, err := memory.NewClusterFactory(store).Build(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = member.Close() })
		return member
	}
	until := func(m *leadership.Member, status leadership.Status) {
		for message, err := range m.AsObservable().Seq(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			if message.Status == status {
				return
			}
		}
		t.Fatalf("no %s", status)
	}
	one := memory.NewStore()
	leader, waiting, other := join(one), (*leadership.Member)(nil), join(memory.NewStore())
	until(leader, leadership.StatusElectedFirst)
	until(other, leadership.StatusElectedFirst)
	waiting = join(one)
	until(waiting, leadership.StatusNotElected)

	if twoLead([]*leadership.Member{leader, waiting}) {
		t.Error("a leader and a member that waits count as two leaders")
	}
	if !twoLead([]*leadership.Member{waiting, leader, other}) {
		t.Error("two leaders are not noticed")
	}
	if _, two := watch(map[string]*node{"a": {member: leader}, "b": {member: other}}).stop(); two == 0 {
		t.Error("the witness has not noticed two leaders")
	}
}
