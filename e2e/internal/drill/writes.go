package drill

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/leadership-go/leadership/e2e/internal/contender"
	"github.com/leadership-go/leadership/e2e/internal/fenced"
	"github.com/leadership-go/leadership/e2e/internal/figures"
)

// writeEvery is the pause between two fenced writes of a candidate.
const writeEvery = 100 * time.Millisecond

// writeOn has a candidate write to its election's register while it leads, and for two TTLs after that: what it then writes is for the fence to
// refuse. What came of a write is in the candidate's log.
func writeOn(c contender.Contender, ttl time.Duration, stop <-chan struct{}) {
	w, ok := c.(contender.FencedWriter)
	if !ok {
		return
	}
	tick := time.NewTicker(writeEvery)
	defer tick.Stop()
	var led time.Time
	for n := uint64(1); ; {
		select {
		case <-tick.C:
		case <-stop:
			return
		}
		if _, yes := c.Leads(); yes {
			led = time.Now()
		}
		if led.IsZero() || time.Since(led) > 2*ttl {
			continue
		}
		ctx, cancel := context.WithTimeout(context.Background(), ttl/2)
		_, _ = w.Write(ctx, n)
		cancel()
		n++
	}
}

// logOf is the file in which the candidate's writes are recorded.
func (e *election) logOf(id string) string { return filepath.Join(e.dir, id+".writes") }

// written says what the writes of all candidates show, once none of them runs any more.
func (e *election) written(ctx context.Context) (r fenced.Report, err error) {
	trail := e.logOf(e.name)
	file, err := fenced.Append(trail)
	if err != nil {
		return r, err
	}
	register, err := fenced.Dial(e.store.Name(), e.store.Addrs(), e.key(), e.name)
	if err != nil {
		return r, errors.Join(err, file.Close())
	}
	client := fenced.NewClient(e.name, e.name, register, fenced.Record(file))
	if err := errors.Join(client.Trail(ctx), client.Close(), file.Close()); err != nil {
		return r, fmt.Errorf("%s: %w", e.name, err)
	}
	logs := []string{trail}
	for _, p := range e.procs {
		if log := e.logOf(p.candidate); exists(log) { // else it was killed before it came to that
			logs = append(logs, log)
		}
	}
	ops, err := fenced.Load(logs...)
	if err != nil {
		return r, fmt.Errorf("%s: %w", e.name, err)
	}
	return fenced.Check(ops), nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// printWrites prints what the writes of our candidates show.
func (r Result) printWrites(p *figures.Printer) {
	var t fenced.Report
	linearizable := true
	for _, e := range r.Elections {
		if !ours(e.Kind) {
			continue
		}
		w := e.Writes
		t.Writes += w.Writes
		t.Accepted += w.Accepted
		t.Refused += w.Refused
		t.Unknown += w.Unknown
		t.Seen += w.Seen
		t.Late += w.Late
		t.LateAccepted += w.LateAccepted
		t.Checked += w.Checked
		linearizable = linearizable && w.Linearizable
		p.Require(w.Err() == nil, "%s: seed %d: %s: %v", r.Store, r.Seed, e.Name, w.Err())
	}
	name := func(what string) string { return r.Store + ".faults.writes" + what }
	p.Count(name(""), t.Writes)
	p.Count(name(".accepted"), t.Accepted)
	p.Count(name(".refused"), t.Refused)
	p.Count(name(".unknown"), t.Unknown)
	p.Count(name(".unknown.in"), t.Seen)
	p.Count(name(".late"), t.Late)
	p.Count(name(".late.accepted"), t.LateAccepted)
	p.Count(name(".checked"), t.Checked)
	p.Require(linearizable, "%s: the writes are not linearizable", r.Store)
	p.Require(t.Late > 0 && t.Accepted > 0, "%s: %d late writes of %d: they show little", r.Store, t.Late, t.Writes)
}
