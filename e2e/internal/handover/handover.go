// Package handover measures how long an election is without a leader: when the leader resigns, when its process is killed, and when the members are
// restarted one after the other.
package handover

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/leadership-go/leadership/e2e/internal/contender"
	"github.com/leadership-go/leadership/e2e/internal/figures"
	"github.com/leadership-go/leadership/e2e/internal/pause"
	"github.com/leadership-go/leadership/e2e/internal/stores"
)

// Options say how often to measure.
type Options struct {
	// Rounds is how often a leader resigns in each election. Those of one round follow each other.
	Rounds int
	// Elections is how many there are of each kind, side by side.
	Elections int
}

const (
	// within bounds each wait for a leader that nothing is to hold up.
	within = 30 * time.Second
	// apart is the pause between two resignations, in which the candidate before ends its session.
	apart = 10 * time.Millisecond
	// settle is how long the one who resigned last has to stand and wait again before the next round.
	settle = 300 * time.Millisecond
)

// Resignations has two candidates of each kind resign in turn, in many elections, and returns, by kind, how long each handover took: from right
// before the call of Resign to the moment at which the other one, which waits, knows that it leads. The kinds take turns after each single
// handover, so that what else happens on the machine hits all alike. Those who resigned stand again one second later; all settings that
// matter for a handover are at their defaults. Unconfirmed are resignations that had a successor, and an error nevertheless.
func Resignations(ctx context.Context, store stores.Store, kinds []string, o Options) (took map[string]figures.Durations, unconfirmed int, err error) {
	var pairs [][]*pair // by election, in the order of kinds
	defer func() {
		var all sync.WaitGroup
		for _, p := range slices.Concat(pairs...) {
			all.Go(p.close)
		}
		all.Wait()
	}()
	for e := range o.Elections {
		pairs = append(pairs, nil)
		for i, kind := range kinds {
			pairs[e] = append(pairs[e], newPair())
			if err := pairs[e][i].seat(ctx, store, kind, fmt.Sprintf("handover-%d-%d", i, e)); err != nil {
				return nil, 0, fmt.Errorf("%s: %w", kind, err)
			}
		}
	}
	took = make(map[string]figures.Durations)
	last := time.Now()
	for round := range o.Rounds {
		if err := pause.For(ctx, time.Until(last.Add(contender.StandAgain+settle))); err != nil { // all wait again
			return nil, 0, err
		}
		for e := range pairs {
			for turn := range kinds {
				i := (turn + e + round) % len(kinds) // nobody is always the first
				d, confirmed, err := pairs[e][i].turn(ctx)
				if err != nil {
					return nil, 0, fmt.Errorf("%s: %w", kinds[i], err)
				}
				took[kinds[i]] = append(took[kinds[i]], d)
				if confirmed != nil {
					unconfirmed++
				}
				if err := pause.For(ctx, apart); err != nil {
					return nil, 0, err
				}
			}
		}
		last = time.Now()
	}
	return took, unconfirmed, nil
}

// pair is two candidates for one key.
type pair struct {
	candidates []contender.Contender
	leader     int
	led        chan elected
}

// elected is when a candidate got to know that it leads.
type elected struct {
	candidate int
	at        time.Time
}

func newPair() *pair { return &pair{led: make(chan elected, 100)} }

// seat starts both, one after the other, so that the second one waits for the first.
func (p *pair) seat(ctx context.Context, store stores.Store, kind, election string) error {
	start, err := contender.Of(kind)
	if err != nil {
		return err
	}
	for i, id := range []string{"a", "b"} {
		c, err := start(ctx, contender.Options{
			Store: store.Name(), Addrs: store.Addrs(), Election: election, ID: id, Frequency: contender.StandAgain,
			Led: func() { p.led <- elected{i, time.Now()} },
		})
		if err != nil {
			return err
		}
		p.candidates = append(p.candidates, c)
		if i == 0 {
			if _, err := p.next(ctx, 0); err != nil {
				return err
			}
		}
	}
	return nil
}

// turn has the leader resign, and measures until the other one leads. It also returns what the resignation did.
func (p *pair) turn(ctx context.Context) (took time.Duration, confirmed, err error) {
	old, next := p.leader, 1-p.leader
	resigned := make(chan error, 1)
	began := time.Now()
	go func() { resigned <- p.candidates[old].Resign(ctx) }()
	at, err := p.next(ctx, next)
	confirmed = <-resigned
	if err != nil {
		return 0, confirmed, errors.Join(err, confirmed)
	}
	p.leader = next
	return at.Sub(began), confirmed, nil
}

// next waits until that candidate leads. That another one does is an error.
func (p *pair) next(ctx context.Context, candidate int) (time.Time, error) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	select {
	case e := <-p.led:
		if e.candidate != candidate {
			return time.Time{}, fmt.Errorf("candidate %d leads, and %d was to", e.candidate, candidate)
		}
		return e.at, nil
	case <-ctx.Done():
		return time.Time{}, fmt.Errorf("nobody leads: %w", context.Cause(ctx))
	}
}

// close ends both, the one that waits first. How they leave is not measured.
func (p *pair) close() {
	for i := range p.candidates {
		_ = p.candidates[(p.leader+1+i)%len(p.candidates)].Close()
	}
}
