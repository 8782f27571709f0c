package handover

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/leadership-go/leadership/e2e/internal/contender"
	"github.com/leadership-go/leadership/e2e/internal/figures"
	"github.com/leadership-go/leadership/e2e/internal/pause"
	"github.com/leadership-go/leadership/e2e/internal/stores"
)

// Rolling restarts the leader of three members again and again: its process closes the member and ends, and is started anew. It goes on to the next
// leader when the restarted member waits. It returns how long nobody led each time: from the last instant at which the
// old leader said that it leads to the one at which the next got to know that it does, by the clock that all processes share. All settings are at their defaults.
func Rolling(ctx context.Context, store stores.Store, restarts int) (gaps figures.Durations, err error) {
	words := make(chan word, 1000)
	members := make(map[string]*process)
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeWithin)
		defer cancel()
		for _, m := range members {
			m.leave()
		}
		for _, m := range members {
			err = errors.Join(err, m.left(ctx))
		}
	}()
	begin := func(id string) error {
		m, err := launch(order{contender.Leadership, contender.Options{Store: store.Name(), Addrs: store.Addrs(), Election: "rolling", ID: id}}, words)
		if err == nil {
			members[id] = m
		}
		return err
	}
	var leader *process
	for i, id := range []string{"a", "b", "c"} {
		if err := begin(id); err != nil {
			return nil, err
		}
		text := wordWaits
		if i == 0 {
			text = wordLeads
		}
		w, err := awaitOf(ctx, words, text, members[id])
		if err != nil {
			return nil, err
		}
		if i == 0 {
			leader = w.process
		}
	}
	for range restarts {
		if err := pause.For(ctx, settle); err != nil {
			return nil, err
		}
		old := leader
		delete(members, old.id)
		var gap time.Duration
		if leader, gap, err = succeed(ctx, old, words); err != nil {
			return nil, err
		}
		gaps = append(gaps, gap)
		if err := begin(old.id); err != nil {
			return nil, err
		}
		if _, err := awaitOf(ctx, words, wordWaits, members[old.id]); err != nil {
			return nil, err
		}
	}
	return gaps, nil
}

// succeed ends the leader, and finds the next one.
func succeed(ctx context.Context, old *process, words <-chan word) (next *process, gap time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	old.leave()
	var over, leads time.Duration
	for over == 0 || leads == 0 {
		select {
		case w := <-words:
			switch {
			case w.text == wordOver && w.process == old:
				over = w.at
			case w.text == wordLeads && next == nil && w.process != old:
				next, leads = w.process, w.at
			case w.text == wordLeads:
				return nil, 0, fmt.Errorf("%s leads, and was not to", w.process.id)
			}
		case <-ctx.Done():
			return nil, 0, errors.Join(fmt.Errorf("no successor of %s: %w", old.id, context.Cause(ctx)), old.left(ctx))
		}
	}
	return next, leads - over, old.left(ctx)
}

// awaitOf waits for a word of one process.
func awaitOf(ctx context.Context, words <-chan word, text string, p *process) (word, error) {
	for {
		w, err := await(ctx, words, text, within)
		if err != nil || w.process == p {
			return w, err
		}
	}
}
