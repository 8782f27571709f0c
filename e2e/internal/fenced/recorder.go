package fenced

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"
	"time"
)

// Recorder notes operations as lines of JSON: one before the operation is sent and one after its answer, each with a single call of Write. In a
// file that is opened for appending, what was noted survives the end of the process, however it ends; an operation that was
// under way then has an unknown outcome. A Recorder is safe for concurrent use.
type Recorder struct {
	process string // tells this recorder's operations from those of others

	mu   sync.Mutex
	out  io.Writer
	last uint64
}

// line is an operation's beginning, or its end.
type line struct {
	Process string `json:"process"`
	ID      uint64 `json:"id"`

	// The beginning.
	Register string        `json:"register,omitempty"`
	Client   string        `json:"client,omitempty"`
	Kind     Kind          `json:"kind,omitempty"`
	Held     bool          `json:"held,omitempty"`
	Call     time.Duration `json:"call,omitempty"`

	// The end.
	Return   time.Duration `json:"return,omitempty"`
	Outcome  Outcome       `json:"outcome,omitempty"`
	Revision uint64        `json:"revision,omitempty"`

	Trail []Entry `json:"trail,omitempty"`

	// What is written is known at the beginning, what is read at the end.
	Value *Value `json:"value,omitempty"`
}

// Record makes a Recorder that writes to out.
func Record(out io.Writer) *Recorder { return &Recorder{process: rand.Text(), out: out} }

// Append opens a file for a Recorder, and makes it if need be.
func Append(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
}

// begin notes what is about to be sent. Nothing may be sent if it fails.
func (r *Recorder) begin(l line) (id uint64, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last++
	l.Process, l.ID, l.Call = r.process, r.last, now()
	return l.ID, r.write(l)
}

// end notes an answer.
func (r *Recorder) end(l line) error {
	l.Process, l.Return = r.process, now()
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.write(l)
}

// write appends a line; r.mu is held.
func (r *Recorder) write(l line) error {
	text, err := json.Marshal(l)
	if err != nil {
		return err
	}
	if _, err := r.out.Write(append(text, '\n')); err != nil {
		return fmt.Errorf("fenced: record: %w", err)
	}
	return nil
}

// Load reads the operations that were recorded in the files.
func Load(paths ...string) ([]Op, error) {
	var ops []Op
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		more, err := Parse(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		ops = append(ops, more...)
	}
	sortByCall(ops)
	return ops, nil
}

// Parse reads operations that were recorded, in the order of their calls. A last line that is not whole was never finished, and does not
// count: a call that was not noted was not sent. Of what only reads those are left that have an answer.
func Parse(text []byte) ([]Op, error) {
	type key struct {
		process string
		id      uint64
	}
	begun := make(map[key]int) // index in ops
	ops := make([]Op, 0, bytes.Count(text, []byte("\n"))/2)
	text = text[:bytes.LastIndexByte(text, '\n')+1]
	n := 0
	for text := range bytes.Lines(text) {
		n++
		var l line
		if err := json.Unmarshal(text, &l); err != nil {
			return nil, fmt.Errorf("fenced: line %d: %w", n, err)
		}
		k := key{l.Process, l.ID}
		i, known := begun[k]
		switch {
		case l.Kind != "" && !known:
			begun[k] = len(ops)
			ops = append(ops, Op{
				Register: l.Register, Client: l.Client, Kind: l.Kind, Held: l.Held, Call: l.Call, Outcome: Unknown,
			})
			i = len(ops) - 1
		case l.Outcome != "" && known && ops[i].Return == 0:
			ops[i].Return, ops[i].Outcome, ops[i].Revision, ops[i].Trail = l.Return, l.Outcome, l.Revision, l.Trail
		default:
			return nil, fmt.Errorf("fenced: line %d: neither a beginning nor an end: %s", n, text)
		}
		if l.Value != nil {
			ops[i].Value = *l.Value
		}
	}
	ops = slices.DeleteFunc(ops, func(o Op) bool { return o.Kind != Write && o.Outcome != Accepted })
	sortByCall(ops)
	return ops, nil
}

func sortByCall(ops []Op) {
	slices.SortStableFunc(ops, func(a, b Op) int { return cmp.Compare(a.Call, b.Call) })
}
