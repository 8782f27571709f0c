package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"regexp"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestRun(t *testing.T) {
	t.Run("ten restarts in a chain: whoever is next in line leads, and who was restarted comes last", func(t *testing.T) {
		folder := t.TempDir()
		t.Setenv("TMPDIR", folder)
		var stdout, stderr bytes.Buffer
		if code := run(t.Context(), &stdout, &stderr); code != 0 || stderr.Len() > 0 {
			t.Fatalf("exit status %d: %s%s", code, &stdout, &stderr)
		}
		const duration = `\d\S*s`
		want := []string{`--- etcd is up, at 127\.0\.0\.1:\d+`, `node-1 leads`}
		for _, restart := range []string{
			` 1 of node-1: node-2`, ` 2 of node-2: node-3`, ` 3 of node-3: node-1`, ` 4 of node-1: node-2`, ` 5 of node-2: node-3`,
			` 6 of node-3: node-1`, ` 7 of node-1: node-2`, ` 8 of node-2: node-3`, ` 9 of node-3: node-1`, `10 of node-1: node-2`,
		} {
			want = append(want, `restart `+restart+` leads `+duration+` after its work was done`)
		}
		want = append(want, `10 restarts of the leader, never two at work, nobody for at most `+duration)
		lines := strings.Split(strings.TrimSpace(stdout.String()), "\n")
		if len(lines) != len(want) {
			t.Fatalf("it printed\n%s", &stdout)
		}
		for i, line := range lines {
			if !regexp.MustCompile(`^` + want[i] + `$`).MatchString(line) {
				t.Errorf("line %d is %q, want %q", i+1, line, want[i])
			}
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
			if strings.HasPrefix(line, "restart  2 ") {
				cancel(errors.New("interrupted by the test"))
			}
		})
		var stderr bytes.Buffer
		if code := run(ctx, stdout, &stderr); code != 1 {
			t.Errorf("exit status %d", code)
		}
		if got := stderr.String(); !strings.HasPrefix(got, "rolling failed: ") || !strings.Contains(got, "interrupted by the test") {
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

func TestDesk(t *testing.T) {
	d := newDesk()
	for _, name := range []string{"a", "b"} {
		d.sit(name)
		if got, err := d.next(t.Context()); err != nil || got.name != name {
			t.Errorf("%v began, %v", got, err)
		}
		d.leave()
	}
	if n := d.crowded(); n != 0 {
		t.Errorf("one after the other is told to be two at once, %d times", n)
	}
	d.sit("a")
	d.sit("b")
	if n := d.crowded(); n != 1 {
		t.Errorf("two at work at once are told %d times", n)
	}
	d.leave()
	d.leave()
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("enough"))
	for range 2 { // both that began
		if _, err := d.next(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if _, err := d.next(ctx); err == nil || err.Error() != "enough" {
		t.Errorf("waiting ended with %v", err)
	}
}
