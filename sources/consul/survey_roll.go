package consul

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/hashicorp/consul/api"
)

// roll is what the backend knows of the keys that it surveys. Revisions are those of single keys, indexes of Consul, or greater: they grow also where the index goes back.
type roll struct {
	slot chan struct{} // full while somebody uses the roll

	keys     []string
	lines    []line // of the keys; nil: they were never read
	hidden   int    // how many of them the token may not read
	view     view   // from before they were read
	revision uint64 // that was told last
	told     bool   // there was a look, from which on revisions may be greater than Consul's indexes
	old      bool   // the server can't read many keys that may be missing
	rest     time.Time
}

// line is one key.
type line struct {
	stamp

	changed uint64      // the revision of the latest change
	free    *api.KVPair // the key that is there, but that nobody holds
	hidden  bool        // the token may not read it
}

// stamp is what tells one state of a key from another; the zero stamp is that of a key that is missing.
type stamp struct {
	create, modify uint64
	session        string
	flags          uint64
}

func lineOf(entry *api.KVPair) line {
	l := line{stamp: stamp{entry.CreateIndex, entry.ModifyIndex, entry.Session, entry.Flags}}
	if entry.Session == "" && entry.ModifyIndex > 0 {
		l.free = entry
	}
	return l
}

func newRoll() *roll { return &roll{slot: make(chan struct{}, 1)} }

// acquire waits until nobody else uses the roll.
func (r *roll) acquire(ctx context.Context, what string) error {
	select {
	case r.slot <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("consul: %s: %w", what, context.Cause(ctx))
	}
}

func (r *roll) release() { <-r.slot }

// begin starts anew where the keys are others than before. Whatever is told from here on is later than since.
func (r *roll) begin(keys []string, since uint64) {
	if !slices.Equal(r.keys, keys) {
		r.keys, r.lines, r.hidden = slices.Clone(keys), nil, 0
	}
	r.revision = max(r.revision, since)
}

// enter takes in what was read of all keys after v was seen. held are the tokens of our own holdings before that, 0 where there is none.
//
// What is there has changed at its index, unless later revisions were told. What is missing has no index, and may have been there, and read, since the last look: it counts as
// changed each time, at the first look as of the index of v at the latest, else as of a new revision.
func (r *roll) enter(lines []line, v view, held []uint64) {
	before, told := r.lines, r.told
	latest := max(r.revision, v.index)
	var late []int // those that have changed as of a new revision
	r.hidden = 0
	for i := range lines {
		l := &lines[i]
		latest = max(latest, l.modify)
		if l.hidden {
			r.hidden++
		}
		if before != nil && l.stamp == before[i].stamp && l.hidden == before[i].hidden && (l.modify > 0 || l.hidden) {
			l.changed = before[i].changed
			continue
		}
		switch {
		case l.hidden, held[i] > 0 && held[i] != l.modify: // not as we know it
			latest = max(latest, held[i]+1)
			late = append(late, i)
		case l.modify > r.revision || l.modify > 0 && !told:
			l.changed = l.modify
		case !told:
			l.changed = v.index
		default:
			late = append(late, i)
		}
	}
	if len(late) > 0 && latest == r.revision {
		latest++
	}
	for _, i := range late {
		lines[i].changed = latest
	}
	r.lines, r.view, r.revision, r.told = lines, v, latest, true
}

// moves are changes.
type moves struct {
	changed  map[string]uint64
	revision uint64
	view     view
	free     []*api.KVPair // the keys of them that nobody holds
}

// after are the changes after the revision since.
func (r *roll) after(since uint64) moves {
	m := moves{changed: make(map[string]uint64), revision: r.revision, view: r.view}
	for i, l := range r.lines {
		if l.changed <= since {
			continue
		}
		m.changed[r.keys[i]] = l.changed
		if l.free != nil {
			m.free = append(m.free, l.free)
		}
	}
	return m
}

// isOthers says whether it is the turn of other sessions, and not of this one.
func (m moves) isOthers(session string) bool {
	others := false
	for _, entry := range m.free {
		own, other := turn(entry, session)
		if own {
			return false
		}
		others = others || other
	}
	return others
}
