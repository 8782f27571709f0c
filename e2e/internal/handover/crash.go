package handover

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/leadership-go/leadership/e2e/internal/contender"
	"github.com/leadership-go/leadership/e2e/internal/figures"
	"github.com/leadership-go/leadership/e2e/internal/pause"
	"github.com/leadership-go/leadership/e2e/internal/stores"
)

// Crash is a kind of candidate whose leaders are killed.
type Crash struct {
	// Name is what the results go by.
	Name string
	// Kind is that of the contender.
	Kind string
	// TTL is that of the sessions; 0 for the default.
	TTL time.Duration
	// Renewal is how often they are renewed: a crash comes anywhere in between.
	Renewal time.Duration
	// Wait is how long a successor stands and waits at least before the leader is killed; 0 for 2 s.
	Wait time.Duration
	// Within is when a successor must lead.
	Within time.Duration
}

// waiting is how long a successor has to stand and wait before the leader is killed, unless its kind says so.
const waiting = 2 * time.Second

// Crashes kills leaders, each a process of its own, and returns, by name, how long it took from each kill to the moment at which the candidate that
// waits knows that it leads. All happen side by side, at instants that are spread over the time between two renewals.
func Crashes(ctx context.Context, store stores.Store, crashes []Crash, each int) (map[string]figures.Durations, error) {
	var (
		mu   sync.Mutex
		took = make(map[string]figures.Durations)
		errs []error
		all  sync.WaitGroup
	)
	for i, c := range crashes {
		for n := range each {
			phase := c.Renewal * time.Duration(2*n+1) / time.Duration(2*each)
			all.Go(func() {
				d, err := c.one(ctx, store, fmt.Sprintf("crash-%d-%d", i, n), phase)
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					errs = append(errs, fmt.Errorf("%s: %w", c.Name, err))
					return
				}
				took[c.Name] = append(took[c.Name], d)
			})
		}
	}
	all.Wait()
	return took, errors.Join(errs...)
}

// one kills one leader.
func (c Crash) one(ctx context.Context, store stores.Store, election string, phase time.Duration) (took time.Duration, err error) {
	start, err := contender.Of(c.Kind)
	if err != nil {
		return 0, err
	}
	options := contender.Options{Store: store.Name(), Addrs: store.Addrs(), Election: election, ID: "leader", TTL: c.TTL}
	words := make(chan word, 100)
	leader, err := launch(order{c.Kind, options}, words)
	if err != nil {
		return 0, err
	}
	killed := false
	defer func() {
		if !killed {
			_, failed := leader.kill()
			err = errors.Join(err, failed)
		}
	}()
	if _, err := await(ctx, words, wordLeads, within); err != nil {
		return 0, err
	}
	led := make(chan time.Duration, 1)
	options.ID, options.Led = "successor", func() { led <- now() }
	successor, err := start(ctx, options)
	if err != nil {
		return 0, err
	}
	defer func() { _ = successor.Close() }() // how it leaves is not measured
	if err := pause.For(ctx, cmp.Or(c.Wait, waiting)+phase); err != nil {
		return 0, err
	}
	select {
	case <-led:
		return 0, errors.New("the successor leads beside the leader")
	default:
	}
	at, err := leader.kill()
	if err != nil {
		return 0, err
	}
	killed = true
	timer := time.NewTimer(c.Within)
	defer timer.Stop()
	select {
	case next := <-led:
		return next - at, nil
	case <-timer.C:
		return 0, fmt.Errorf("nobody leads %v after a crash", c.Within)
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	}
}

// await waits for a word. Others before it are of no interest.
func await(ctx context.Context, words <-chan word, text string, within time.Duration) (word, error) {
	timer := time.NewTimer(within)
	defer timer.Stop()
	for {
		select {
		case w := <-words:
			if w.text == text {
				return w, nil
			}
		case <-timer.C:
			return word{}, fmt.Errorf("no candidate says %q within %v", text, within)
		case <-ctx.Done():
			return word{}, context.Cause(ctx)
		}
	}
}
