package leadership

import (
	"context"
	"errors"
	"slices"
	"strings"
)

// watchBetter has all members look, one after the other, again and again. Shards make way at their pace.
func (d *desk) watchBetter(ctx context.Context) {
	rivals := make([]rival, len(d.members))
	var alike lookout
	every(ctx, d.config.Election.looks(), func() {
		if d.alike && !alike.due(ctx, d) {
			return
		}
		alike.pending = false
		for i, m := range d.members {
			heir, err := rivals[i].look(ctx, m)
			alike.pending = alike.pending || err != nil
			if ctx.Err() != nil || errors.Is(err, context.DeadlineExceeded) { // the others would fail as slowly
				return
			}
			alike.pending = alike.pending || heir != (Vote{}) || rivals[i].vote != (Vote{})
			if heir == (Vote{}) {
				continue
			}
			m.becomes(input{kind: inResign, heir: heir, again: true})
			if d.alike {
				rest(ctx, d.config.Shards.Pace)
			}
		}
	})
}

// mostSkips is how many looks at all members are left out, at most, where one tells of all.
const mostSkips = 9

// lookout says when it is worth while to look at all members, where whoever stands for one key stands for all: once those who stand have changed, until nobody
// has to make way any more; and now and then, for those who stood late for some.
type lookout struct {
	sessions string // of who stood for one key
	pending  bool   // somebody was found who is to lead instead
	skipped  int
}

// due asks who stands for one of the keys that a member leads.
func (l *lookout) due(ctx context.Context, d *desk) bool {
	i := slices.IndexFunc(d.members, (*Member).IsLeader)
	if i < 0 {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, d.config.Session.attempt())
	defer cancel()
	candidates, err := d.backend.Candidates(ctx, d.members[i].key)
	if err != nil {
		return !errors.Is(err, context.DeadlineExceeded) // each member looks for itself, and tells
	}
	var ids []string
	for _, c := range candidates {
		ids = append(ids, c.Session)
	}
	slices.Sort(ids)
	sessions := strings.Join(ids, " ")
	if sessions == l.sessions && !l.pending && l.skipped < mostSkips {
		l.skipped++
		return false
	}
	l.sessions, l.skipped = sessions, 0
	return true
}
