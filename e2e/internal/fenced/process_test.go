package fenced

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/leadership-go/leadership/e2e/internal/frozen"
	"github.com/leadership-go/leadership/e2e/internal/stores"
)

// TestWritersThatAreStoppedAndKilled has members and their writers in processes of their own. Leaders are stopped until a successor has written, and
// killed.
func TestWritersThatAreStoppedAndKilled(t *testing.T) {
	for _, starter := range stores.All() {
		t.Run(starter.Name, func(t *testing.T) {
			t.Parallel()
			s, err := starter.Start(t.Context(), stores.Options{})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			})
			stopAndKill(t, s)
		})
	}
}

func stopAndKill(t *testing.T, s stores.Store) {
	f := &family{
		order: order{Store: s.Name(), Addrs: s.Addrs(), Election: "processes", TTL: 2 * time.Second},
		dir:   t.TempDir(), children: make(map[string]*child),
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	register, err := Dial(f.order.Store, f.order.Addrs, f.order.config().Key(), f.order.Election)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = register.Close() }()
	log, err := Append(filepath.Join(f.dir, "reader"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close() //nolint:errcheck // a test's file
	reader := NewClient("reader", f.order.Election, register, Record(log))

	for range 3 {
		f.bear(t)
	}
	defer f.bury()
	const stops, kills = 2, 2
	var token uint64
	for i := range stops + kills {
		// The leader is who wrote last.
		v := awaitWrite(ctx, t, reader, token)
		leader := f.children[v.Writer]
		pause(ctx, 3*checkedBefore)
		if i%2 == 1 {
			leader.kill()
			delete(f.children, v.Writer)
			f.bear(t)
			token = v.Token
			continue
		}
		if err := leader.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		if err := frozen.Await(leader.cmd.Process.Pid); err != nil {
			t.Fatal(err)
		}
		awaitWrite(ctx, t, reader, v.Token)
		if err := leader.cmd.Process.Signal(syscall.SIGCONT); err != nil {
			t.Fatal(err)
		}
		pause(ctx, 5*checkedBefore) // it writes what it has in hand, and goes on
		token = v.Token
	}
	awaitWrite(ctx, t, reader, token)
	for id, c := range f.children {
		if err := c.end(); err != nil {
			t.Errorf("%s: %v", id, err)
		}
	}
	if err := reader.Trail(ctx); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(f.dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	ops, err := Load(files...)
	if err != nil {
		t.Fatal(err)
	}
	r := Check(ops)
	t.Logf("%d writes: %d accepted, %d refused, %d unknown, %d reads; %d late, %d of them by a process that was stopped after its check: %d accepted",
		r.Writes, r.Accepted, r.Refused, r.Unknown, r.Reads, r.Late, r.Held, r.LateAccepted)
	if err := r.Err(); err != nil || !r.Linearizable || r.Trails != 1 || r.LateAccepted > 0 {
		t.Errorf("%+v", r)
	}
	if r.Accepted == 0 || r.LateRefused == 0 || r.Held == 0 {
		t.Errorf("not all that could happen did: %+v", r)
	}
}

// awaitWrite reads until the register holds a write with a token above that one.
func awaitWrite(ctx context.Context, t *testing.T, reader *Client, above uint64) Value {
	t.Helper()
	for {
		v, err := reader.Read(ctx)
		if err == nil && v.Token > above {
			return v
		}
		if !pause(ctx, readEvery) {
			t.Fatalf("nobody writes after token %d: %v", above, err)
		}
	}
}

// family is all child processes of a test.
type family struct {
	order    order
	dir      string
	born     int
	children map[string]*child // by ID
}

// child is one of them.
type child struct {
	cmd  *exec.Cmd
	in   io.Closer
	once sync.Once
	err  error
}

func (f *family) bear(t *testing.T) {
	t.Helper()
	f.born++
	o := f.order
	o.ID = fmt.Sprintf("child-%d", f.born)
	o.Log = filepath.Join(f.dir, o.ID)
	text, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := &child{cmd: exec.CommandContext(context.WithoutCancel(t.Context()), exe)}
	c.cmd.Env = append(os.Environ(), childOrder+"="+string(text))
	c.cmd.Stderr = os.Stderr
	if c.in, err = c.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	f.children[o.ID] = c
}

// bury ends those that are left.
func (f *family) bury() {
	for _, c := range f.children {
		c.kill()
	}
}

func (c *child) kill() {
	_ = c.cmd.Process.Kill()
	_ = c.wait()
}

// end has the child leave by itself.
func (c *child) end() error {
	_ = c.in.Close()
	return c.wait()
}

func (c *child) wait() error {
	c.once.Do(func() { c.err = c.cmd.Wait() })
	return c.err
}
