package fenced

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

// childFile names the file that a child process of this test appends to.
const childFile = "FENCED_TEST_FILE"

// recordUntilKilled is the child: it writes to a register that accepts all, for ever.
func recordUntilKilled(path string) {
	out, err := Append(path)
	if err != nil {
		panic(err)
	}
	c := NewClient(fmt.Sprint("child ", os.Getpid()), "e", &scripted{accept: true}, Record(out))
	for {
		if _, err := c.Write(context.Background(), Fence, Grant{Token: 1}); err != nil {
			panic(err)
		}
	}
}

// scripted is a register in memory.
type scripted struct {
	accept bool
	err    error
	last   Entry
}

func (s *scripted) Write(_ context.Context, _ Guard, _ Grant, v Value) (bool, uint64, error) {
	if !s.accept || s.err != nil {
		return false, 0, s.err
	}
	s.last = Entry{v, s.last.Revision + 1}
	return true, s.last.Revision, nil
}

func (s *scripted) Read(context.Context) (Value, uint64, error) {
	return s.last.Value, s.last.Revision, s.err
}

func (s *scripted) Trail(context.Context) ([]Entry, error) { return []Entry{s.last}, s.err }

func (s *scripted) Close() error { return nil }

func TestWhatIsRecordedIsReadBack(t *testing.T) {
	var log bytes.Buffer
	recorder := Record(&log)
	r := new(scripted)
	c := NewClient("a", "e", r, recorder)
	ctx, g := t.Context(), Grant{Token: 7, Session: "s"}
	started := now()
	write := func(want bool, wantErr error) {
		t.Helper()
		if accepted, err := c.Write(ctx, Fence, g); accepted != want || !errors.Is(err, wantErr) {
			t.Errorf("accepted %v, %v", accepted, err)
		}
	}
	broken := errors.New("no answer")
	write(false, nil)
	r.accept = true
	write(true, nil)
	if v, err := c.Read(ctx); err != nil || v != r.last.Value {
		t.Errorf("read %v, %v", v, err)
	}
	r.err = broken
	write(false, broken)
	if _, err := c.Read(ctx); !errors.Is(err, broken) {
		t.Errorf("a read that failed: %v", err)
	}
	if err := c.Trail(ctx); !errors.Is(err, broken) {
		t.Errorf("a trail that failed: %v", err)
	}
	r.err = nil
	if err := c.Trail(ctx); err != nil {
		t.Error(err)
	}
	ops, err := Parse(log.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	v := func(seq uint64) Value { return Value{Token: 7, Seq: seq, Writer: "a"} }
	want := []Op{
		{Kind: Write, Outcome: Refused, Value: v(1)},
		{Kind: Write, Outcome: Accepted, Value: v(2), Revision: 1},
		{Kind: Read, Outcome: Accepted, Value: v(2), Revision: 1},
		{Kind: Write, Outcome: Unknown, Value: v(3)},
		{Kind: Trail, Outcome: Accepted, Trail: []Entry{{v(2), 1}}},
	}
	last := started
	for i, got := range ops {
		if got.Call < last || got.Return < got.Call {
			t.Errorf("%v: not after %v", got, last)
		}
		last = got.Return
		got.Call, got.Return = 0, 0
		if want := want[min(i, len(want)-1)]; got.Client != "a" || got.Register != "e" {
			t.Errorf("%v", got)
		} else if want.Client, want.Register = "a", "e"; !reflect.DeepEqual(got, want) {
			t.Errorf("operation %d: %+v, want %+v", i, got, want)
		}
	}
	if len(ops) != len(want) {
		t.Errorf("%d operations, want %d", len(ops), len(want))
	}
}

func TestLinesThatWereNeverWritten(t *testing.T) {
	const (
		begin = `{"process":"p","id":1,"register":"e","client":"a","kind":"write","call":5,"value":{"token":1,"seq":1,"writer":"a"}}` + "\n"
		end   = `{"process":"p","id":1,"return":9,"outcome":"accepted","revision":3}` + "\n"
	)
	for name, c := range map[string]struct {
		text string
		want []Outcome // of the operations; nil where the text is refused
	}{
		"an operation that was under way when its process ended is unknown": {begin, []Outcome{Unknown}},
		"an end that is not whole does not count":                           {begin + end[:30], []Outcome{Unknown}},
		"a beginning that is not whole was not sent":                        {begin[:30], []Outcome{}},
		"two files of two processes may be joined":                          {begin + end + strings.ReplaceAll(begin, `"p"`, `"q"`), []Outcome{Accepted, Unknown}},
		"an end without a beginning is refused":                             {end, nil},
		"a beginning that comes twice is refused":                           {begin + begin, nil},
		"an end that comes twice is refused":                                {begin + end + end, nil},
		"a line in the middle that is no JSON is refused":                   {begin[:30] + "\n" + begin, nil},
	} {
		t.Run(name, func(t *testing.T) {
			ops, err := Parse([]byte(c.text))
			if (err != nil) != (c.want == nil) || len(ops) != len(c.want) {
				t.Fatalf("%v, %v; want %v", ops, err, c.want)
			}
			for i, o := range ops {
				if o.Outcome != c.want[i] {
					t.Errorf("operation %d is %s, want %s", i, o.Outcome, c.want[i])
				}
			}
		})
	}
}

func TestRecordsSurviveTheEndOfTheirProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ops")
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	before := now()
	const runs = 3
	for range runs { // all append to one file
		child := exec.CommandContext(t.Context(), exe)
		child.Env = append(os.Environ(), childFile+"="+path)
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		size := func() int64 {
			info, err := os.Stat(path)
			if err != nil {
				return 0
			}
			return info.Size()
		}
		for grown := size() + 100_000; size() < grown; {
			time.Sleep(time.Millisecond)
		}
		if err := child.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = child.Wait()
	}
	after := now()
	ops, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	unknown, clients := 0, make(map[string]int)
	for _, o := range ops {
		clients[o.Client]++
		if o.Outcome == Unknown {
			unknown++
		}
		if o.Call < before || o.Call > after {
			t.Errorf("%v was called out of our time, %d to %d", o, before, after)
		}
	}
	t.Logf("%d operations, %d unknown", len(ops), unknown)
	if len(ops) < 100*runs || unknown > runs || len(clients) != runs {
		t.Errorf("%d operations, %d of them unknown, of %v, after %d kills", len(ops), unknown, clients, runs)
	}
}

// failing is a file that can't be written.
type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, os.ErrClosed }

func TestWhatCannotBeRecordedIsNotDone(t *testing.T) {
	r := &scripted{accept: true}
	c := NewClient("a", "e", r, Record(failing{}))
	if _, err := c.Write(t.Context(), Fence, Grant{Token: 1}); !errors.Is(err, os.ErrClosed) {
		t.Error(err)
	}
	if _, err := c.Read(t.Context()); !errors.Is(err, os.ErrClosed) {
		t.Error(err)
	}
	if r.last.Revision != 0 {
		t.Error("it was written all the same")
	}
}
