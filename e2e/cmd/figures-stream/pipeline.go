package main

import (
	"fmt"
	"runtime"
	"time"

	"github.com/leadership-go/leadership/e2e/internal/streams"
)

const (
	values  = 1 << 14               // of one subscription
	atATime = 10 * time.Millisecond // a turn takes at least so long
)

// limits of a pipeline, in times of what ours takes.
type limits struct {
	overBare    float64 // ours takes at most so many times what bare functions take
	ro, rxgo    float64 // they take at least so many times what ours takes
	allocations float64 // an event
}

// pipelines measures filter, map and distinct-until-changed on values at hand.
func pipelines[T comparable](r *report, kind string, w streams.Work[T], least limits) error {
	name := func(what string) string { return fmt.Sprintf("pipeline.%s.%s", kind, what) }
	contenders, took, want := streams.Pipelines[T](), best{}, w.Expected()
	for round := range r.rounds.pipeline {
		for i := range contenders {
			c := contenders[(i+round)%len(contenders)] // each comes after each: what one leaves behind, the runtime tidies up in the next one's time
			fresh()
			d, err := apart(func() (time.Duration, error) { return turn(c, w, want) })
			if err != nil {
				return err
			}
			took.add(c.Name, d)
		}
	}
	for _, c := range contenders {
		r.number(name(c.Name), float64(took[c.Name].Nanoseconds())/values, 2, "ns/event")
	}
	r.atMost(name("over.bare"), 1/took.ratio(streams.Bare), 2, "times", least.overBare)
	r.atLeast(name("faster.than.ro"), took.ratio(streams.Ro), least.ro)
	r.atLeast(name("faster.than.rxgo"), took.ratio(streams.Rxgo), least.rxgo)
	r.atLeast(name("faster.than.rxgo+buffer"), took.ratio(streams.RxgoBuffered), 0)
	r.atLeast(name("faster.than.channels"), took.ratio(streams.Channels), 0)
	// What each adds to the bare functions: the values' own cost, which all have, is not in it.
	for _, theirs := range []string{streams.Ro, streams.RxgoBuffered} {
		r.number(name("adds.less.than."+theirs), float64(took[theirs]-took[streams.Bare])/float64(took[streams.Ours]-took[streams.Bare]), 2, "times")
	}
	perEvent, err := mallocs(contenders[0], w)
	if err != nil {
		return err
	}
	r.atMost(name("allocations"), perEvent, 3, "allocs/event", least.allocations)
	return nil
}

// apart runs f on a goroutine of its own, so that how large a stack the others have left, and where, counts for nothing.
func apart(f func() (time.Duration, error)) (took time.Duration, err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		took, err = f()
	}()
	<-done
	return took, err
}

// turn returns how long one subscription took, the mean of as many as it takes for [atATime].
func turn[T comparable](p streams.Pipeline[T], w streams.Work[T], want streams.Result) (time.Duration, error) {
	start := time.Now()
	for n := 1; ; n++ {
		got, err := p.Run(w)
		if err != nil {
			return 0, err
		}
		if got != want {
			return 0, fmt.Errorf("%s: %+v, expected %+v", p.Name, got, want)
		}
		if took := time.Since(start); took >= atATime {
			return took / time.Duration(n), nil
		}
	}
}

// mallocs is how many allocations an event has, over those of a subscription without any.
func mallocs[T comparable](p streams.Pipeline[T], w streams.Work[T]) (float64, error) {
	none := w
	none.Values = nil
	count := func(w streams.Work[T]) (uint64, error) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := p.Run(w)
		runtime.ReadMemStats(&after)
		return after.Mallocs - before.Mallocs, err
	}
	var least [2]uint64 // the runtime allocates, too, now and then
	for i := range 10 {
		for j, w := range []streams.Work[T]{none, w} {
			n, err := count(w)
			if err != nil {
				return 0, err
			}
			if i == 0 || n < least[j] {
				least[j] = n
			}
		}
	}
	return (float64(least[1]) - float64(least[0])) / float64(len(w.Values)), nil
}
