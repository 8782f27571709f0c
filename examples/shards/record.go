package main

import (
	"context"
	"fmt"
	"log"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/leadership-go/leadership"
)

// span is one period in which a process worked on a shard.
type span struct {
	name       string
	begin, end time.Time // end is zero while it lasts
}

// record is who led what when, as the processes have told it.
type record struct {
	began time.Time

	mu      sync.Mutex
	spans   [shards][]span
	marks   []mark
	changed chan struct{} // closed at the next change
}

// mark is an act, and when it was.
type mark struct {
	at   time.Time
	what string
}

func newRecord() *record { return &record{began: time.Now(), changed: make(chan struct{})} }

// mark notes an act.
func (r *record) mark(what string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.marks = append(r.marks, mark{time.Now(), what})
}

// note takes in what a process has told.
func (r *record) note(name string, begins bool, shard int, at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if begins {
		r.spans[shard] = append(r.spans[shard], span{name: name, begin: at})
	} else {
		r.finish(name, shard, at)
	}
	close(r.changed)
	r.changed = make(chan struct{})
}

// gone ends what a process that has ended could not tell the end of.
func (r *record) gone(name string, at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for shard := range r.spans {
		r.finish(name, shard, at)
	}
}

func (r *record) finish(name string, shard int, at time.Time) {
	for i, s := range r.spans[shard] {
		if s.name == name && s.end.IsZero() {
			r.spans[shard][i].end = at
		}
	}
}

// leaders are who leads each shard now, "" for nobody; r.mu is held.
func (r *record) leaders() (list [shards]string) {
	for shard, spans := range r.spans {
		for _, s := range spans {
			if s.end.IsZero() {
				list[shard] = s.name
			}
		}
	}
	return list
}

// await waits until each shard is led by the one of those that is to lead it.
func (r *record) await(ctx context.Context, names []string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var want [shards]string
	for shard := range want {
		key := fmt.Sprintf("services/%s/%d/leader", service, shard)
		want[shard] = slices.MaxFunc(names, func(a, b string) int {
			return leadership.ByChance(key, leadership.Candidate{ServiceID: a}, leadership.Candidate{ServiceID: b})
		})
	}
	for {
		r.mu.Lock()
		leaders, changed := r.leaders(), r.changed
		r.mu.Unlock()
		if leaders == want {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("the shards are led by %q, and are to be by %q: %w", leaders, want, context.Cause(ctx))
		}
	}
}

// count is how often a shard was taken over so far.
func (r *record) count() (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, spans := range r.spans {
		n += len(spans)
	}
	return n
}

// shares says how many shards each process leads.
func (r *record) shares() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	led := make(map[string]int)
	for _, name := range r.leaders() {
		led[name]++
	}
	var parts []string
	for _, name := range []string{"web-1", "web-2", "web-3"} {
		if led[name] > 0 {
			parts = append(parts, fmt.Sprintf("%s leads %d", name, led[name]))
		}
	}
	return strings.Join(parts, ", ")
}

// twice are the shards that two processes worked on at once.
func (r *record) twice() (list []int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for shard, spans := range r.spans {
		spans = slices.SortedFunc(slices.Values(spans), func(a, b span) int { return a.begin.Compare(b.begin) })
		for i := 1; i < len(spans); i++ {
			if before := spans[i-1].end; before.IsZero() || before.After(spans[i].begin) {
				list = append(list, shard)
			}
		}
	}
	return list
}

// column is the time that one column of the picture shows.
const column = 250 * time.Millisecond

// draw prints the picture: a line for each shard, in each column the number of who led it, and a dot where that was nobody.
func (r *record) draw(out *log.Logger) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	columns := int(now.Sub(r.began)/column) + 1
	for shard, spans := range r.spans {
		line := []byte(strings.Repeat(".", columns))
		for _, s := range spans {
			end := s.end
			if end.IsZero() {
				end = now
			}
			for i := range line {
				if at := r.began.Add(time.Duration(i)*column + column/2); !at.Before(s.begin) && at.Before(end) {
					line[i] = s.name[len(s.name)-1]
				}
			}
		}
		out.Printf("shard %2d  %s", shard, line)
	}
	for _, m := range r.marks {
		out.Printf("          %s^ %s", strings.Repeat(" ", int(m.at.Sub(r.began)/column)), m.what)
	}
}
