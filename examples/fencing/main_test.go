package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestRun(t *testing.T) {
	folder := t.TempDir()
	t.Setenv("TMPDIR", folder)
	var stdout, stderr bytes.Buffer
	if code := run(t.Context(), &stdout, &stderr); code != 0 || stderr.Len() > 0 {
		t.Fatalf("exit status %d: %s%s", code, &stdout, &stderr)
	}
	const want = `node-1 leads, and has begun the job
node-1 checks its term: it is valid: true. Right after that it is held up, and hears nothing of etcd
node-2 leads, with a greater token: true, and has done the job
node-1 goes on, and writes: refused: a later term has written
the job is done by node-2
`
	if got := stdout.String(); got != want {
		t.Errorf("it printed\n%s\nwant\n%s", got, want)
	}
	if left, err := os.ReadDir(folder); err != nil || len(left) > 0 {
		t.Errorf("left in the folder for temporary files: %v, %v", left, err)
	}
}

func TestRunSaysWhatIsWrong(t *testing.T) {
	t.Run("no folder for temporary files", func(t *testing.T) {
		t.Setenv("TMPDIR", "/no/such/folder")
		var stdout, stderr bytes.Buffer
		if code := run(t.Context(), &stdout, &stderr); code != 1 || !strings.Contains(stderr.String(), "/no/such/folder") {
			t.Errorf("exit status %d: %s%s", code, &stdout, &stderr)
		}
	})
	t.Run("interrupted", func(t *testing.T) {
		t.Setenv("TMPDIR", t.TempDir())
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		var stdout, stderr bytes.Buffer
		if code := run(ctx, &stdout, &stderr); code != 1 || stderr.Len() == 0 {
			t.Errorf("exit status %d: %s%s", code, &stdout, &stderr)
		}
	})
}

func openTest(t *testing.T) jobs {
	t.Helper()
	db, err := openJobs(t.Context(), filepath.Join(t.TempDir(), "jobs.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func TestFence(t *testing.T) {
	db := openTest(t)
	for _, w := range []struct {
		state string
		token uint64
		err   error
	}{
		{"first", 5, nil},
		{"the same term writes again", 5, nil},
		{"an earlier term", 4, errFenced},
		{"a later term", 9, nil},
		{"the term before", 5, errFenced},
		{"no term", 0, errFenced},
	} {
		before, _ := db.state(t.Context(), "job")
		if err := db.setState(t.Context(), "job", w.state, w.token); !errors.Is(err, w.err) || (err == nil) != (w.err == nil) {
			t.Errorf("%s: %v, want %v", w.state, err, w.err)
		}
		want := w.state
		if w.err != nil {
			want = before
		}
		if got, err := db.state(t.Context(), "job"); err != nil || got != want {
			t.Errorf("%s: the state is %q, %v; want %q", w.state, got, err, want)
		}
	}
}

// Of terms that write at once, the last one's state stays, whatever the order.
func TestFenceUnderConcurrency(t *testing.T) {
	db := openTest(t)
	db.SetMaxOpenConns(1) // SQLite has one writer
	var writers sync.WaitGroup
	for token := range uint64(20) {
		writers.Go(func() {
			if err := db.setState(t.Context(), "job", strings.Repeat("x", int(token)+1), token+1); err != nil && !errors.Is(err, errFenced) {
				t.Error(err)
			}
		})
	}
	writers.Wait()
	if got, err := db.state(t.Context(), "job"); err != nil || len(got) != 20 {
		t.Errorf("the state is that of term %d, %v", len(got), err)
	}
}
