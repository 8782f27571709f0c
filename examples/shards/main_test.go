package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if ran, code := asInstance(); ran { // the tests start this program, too
		os.Exit(code)
	}
	goleak.VerifyTestMain(m)
}

func TestRun(t *testing.T) {
	t.Run("each time only the shards move that have to, and the picture says where each was led", func(t *testing.T) {
		folder := t.TempDir()
		t.Setenv("TMPDIR", folder)
		var stdout, stderr bytes.Buffer
		if code := run(t.Context(), &stdout, &stderr); code != 0 || stderr.Len() > 0 {
			t.Fatalf("exit status %d: %s%s", code, &stdout, &stderr)
		}
		moved := func(n, shares string) string {
			return n + ` shards moved, the last after \d+\.\d s: ` + shares
		}
		want := []string{
			`--- etcd is up, at 127\.0\.0\.1:\d+`,
			`--- web-1 starts`, moved("12", "web-1 leads 12"),
			`--- web-2 and web-3 start`, moved(`(9|1\d)`, "web-1 leads 3, web-2 leads 4, web-3 leads 5"),
			`--- web-2 leaves`, moved("4", "web-1 leads 4, web-3 leads 8"),
			`--- web-1 is killed`, moved("4", "web-3 leads 12"),
		}
		for range shards {
			want = append(want, `shard [ \d]\d  [.123]+`)
		}
		for _, act := range []string{"web-1 starts", "web-2 and web-3 start", "web-2 leaves", "web-1 is killed"} {
			want = append(want, ` +\^ `+act)
		}
		want = append(want, `12 shards, 3 processes, never one led twice`)
		lines := strings.Split(strings.TrimRight(stdout.String(), "\n"), "\n")
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
		ctx, cancel := context.WithCancelCause(t.Context())
		stdout := writer(func(line string) {
			if strings.HasPrefix(line, "--- web-2 and") {
				cancel(errors.New("interrupted by the test"))
			}
		})
		var stderr bytes.Buffer
		if code := run(ctx, stdout, &stderr); code != 1 {
			t.Errorf("exit status %d", code)
		}
		if got := stderr.String(); !strings.HasPrefix(got, "shards failed: ") || !strings.Contains(got, "interrupted by the test") {
			t.Errorf("it said %q", got)
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

func TestRecordFindsShardsThatWereLedTwice(t *testing.T) {
	r := newRecord()
	at := func(ms int) time.Time { return r.began.Add(time.Duration(ms) * time.Millisecond) }
	r.note("web-1", true, 3, at(0))
	r.note("web-2", true, 3, at(20)) // told before the end of the other
	r.note("web-1", false, 3, at(10))
	r.note("web-1", true, 5, at(0))
	if twice := r.twice(); len(twice) > 0 {
		t.Errorf("one after the other: %v", twice)
	}
	r.note("web-2", true, 5, at(5))
	r.note("web-1", false, 5, at(6))
	r.note("web-3", true, 3, at(30))
	if twice := r.twice(); !slices.Equal(twice, []int{3, 5}) {
		t.Errorf("two at once: %v", twice)
	}
	r.gone("web-2", at(31))
	if got := r.leaders(); got[3] != "web-3" || got[5] != "" {
		t.Errorf("leaders: %q", got)
	}
}
