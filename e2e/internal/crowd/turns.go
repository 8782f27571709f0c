package crowd

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/leadership-go/leadership/e2e/internal/stores"
)

// Fairness is what two smaller crowds showed.
type Fairness struct {
	// Options are those of the run, defaults filled in.
	Options
	// Once is how many of the Turns members led exactly once in a crowd in which each leader closes, and Took how long that took.
	Once int
	Took time.Duration
	// Handovers is how many there were in a crowd in which each of the Lottery leaders resigns and stands again, and All how many it took until
	// each member had led; 0 if that never came.
	Handovers, All int
	// Least and Most are how often the members led in all that.
	Least, Most int
	LotteryTook time.Duration
}

// standsAgainAfter is how soon a member that resigned is back. In the lottery that leaves it out of a few draws.
const standsAgainAfter = 50 * time.Millisecond

// draws is how many handovers there are in a lottery, for each member. Were the next leader drawn by chance alone, one of 20 members would be left
// out of all of them in fewer than one of a hundred thousand lotteries.
const draws = 15

// TakeTurns looks whether anybody starves. etcd's candidates wait in line. At Consul those who wait race for the key, and chance decides.
func TakeTurns(ctx context.Context, store stores.Store, o Options) (*Fairness, error) {
	f := &Fairness{Options: o.withDefaults()}
	if err := f.everybodyOnce(ctx, store); err != nil {
		return f, fmt.Errorf("each leader closes: %w", err)
	}
	if err := f.lottery(ctx, store); err != nil {
		return f, fmt.Errorf("each leader resigns: %w", err)
	}
	return f, nil
}

// everybodyOnce has each leader close, until nobody is left.
func (f *Fairness) everybodyOnce(ctx context.Context, store stores.Store) error {
	a := newAssembly(store, f.config("turns"))
	err := a.fill(ctx, f.Turns, f.Turns)
	began := time.Now()
	for range f.Turns - 1 {
		if err == nil {
			_, _, _, err = a.handOver(ctx, false)
		}
	}
	f.Took = time.Since(began)
	led := make(map[int]int)
	for _, t := range a.hall.all() {
		led[t.member]++
	}
	for _, n := range led {
		if n == 1 {
			f.Once++
		}
	}
	return errors.Join(err, a.end(ctx))
}

// lottery has each leader resign, again and again.
func (f *Fairness) lottery(ctx context.Context, store stores.Store) error {
	config := f.config("lottery")
	config.Election.Frequency = standsAgainAfter
	a := newAssembly(store, config)
	err := a.fill(ctx, f.Lottery, f.Lottery)
	began := time.Now()
	led := make(map[int]int)
	for err == nil && f.Handovers < draws*f.Lottery {
		var from turn
		if from, _, _, err = a.handOver(ctx, true); err == nil {
			f.Handovers++
			led[from.member]++
			if f.All == 0 && len(led) == f.Lottery {
				f.All = f.Handovers
			}
		}
	}
	f.LotteryTook = time.Since(began)
	for number := range f.Lottery {
		if number == 0 {
			f.Least = led[0]
		}
		f.Least, f.Most = min(f.Least, led[number]), max(f.Most, led[number])
	}
	return errors.Join(err, a.end(ctx))
}
