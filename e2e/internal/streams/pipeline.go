package streams

import (
	"context"
	"errors"
	"fmt"

	"github.com/reactivex/rxgo/v2"
	"github.com/samber/ro"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/operators"
)

// The contenders, by the names under which figures are printed.
const (
	Ours         = "leadership"
	Ro           = "ro"
	RoObserveOn  = "ro+observeon" // a hot source only
	Rxgo         = "rxgo"
	RxgoBuffered = "rxgo+buffer" // the same with buffered channels, which is not its default
	Channels     = "channels"
	Bare         = "bare" // a pipeline only
)

// Pipeline is one way to do the work: subscribe, have all values delivered, and return when the stream has completed.
type Pipeline[T comparable] struct {
	Name string
	run  func(Work[T], func(T)) error
}

// Pipelines are all the ways.
func Pipelines[T comparable]() []Pipeline[T] {
	return []Pipeline[T]{
		{Ours, oursPipeline[T]},
		{Bare, barePipeline[T]},
		{Channels, channelsPipeline[T]},
		{Ro, roPipeline[T]},
		{Rxgo, func(w Work[T], next func(T)) error { return rxgoPipeline(w, next) }},
		{RxgoBuffered, func(w Work[T], next func(T)) error { return rxgoPipeline(w, next, rxgo.WithBufferedChannel(buffer)) }},
	}
}

// Run does the work once.
func (p Pipeline[T]) Run(w Work[T]) (Result, error) {
	var r Result
	if err := p.run(w, w.Subscriber(&r)); err != nil {
		return r, fmt.Errorf("%s: %w", p.Name, err)
	}
	return r, nil
}

func oursPipeline[T comparable](w Work[T], next func(T)) error {
	kept := operators.Filter(leadership.FromSlice(w.Values), w.Keep)
	o := operators.DistinctUntilChanged(operators.Map(kept, w.Convert))
	sub := o.Subscribe(next)
	<-sub.Done()
	return sub.Err()
}

// roPipeline has no DistinctUntilChanged to call, as ro 0.3.0 has none (its Distinct remembers every value). Its Filter with a predicate that
// remembers the last value is the shortest way to one, and the quickest: one stage of the same kind as ro's own.
func roPipeline[T comparable](w Work[T], next func(T)) error {
	var (
		last T
		has  bool
		err  error
	)
	o := ro.Pipe3(ro.FromSlice(w.Values), ro.Filter(w.Keep), ro.Map(w.Convert), ro.Filter(func(v T) bool {
		if has && v == last {
			return false
		}
		last, has = v, true
		return true
	}))
	done := false
	// What has its values at hand delivers within Subscribe, as ours does.
	o.Subscribe(ro.NewObserver(next, func(e error) { err = e }, func() { done = true }))
	if err == nil && !done {
		err = errUnfinished
	}
	return err
}

// rxgoPipeline feeds a channel, which is quicker than Just: that looks at each value by reflection. Options that are
// given to Observe travel to all stages.
func rxgoPipeline[T comparable](w Work[T], next func(T), opts ...rxgo.Option) error {
	values := make(chan rxgo.Item, buffer)
	go func() {
		defer close(values)
		for _, v := range w.Values {
			values <- rxgo.Of(v)
		}
	}()
	items := rxgo.FromChannel(values).
		Filter(func(v any) bool { return w.Keep(v.(T)) }).
		Map(func(_ context.Context, v any) (any, error) { return w.Convert(v.(T)), nil }).
		DistinctUntilChanged(func(_ context.Context, v any) (any, error) { return v, nil }).
		Observe(opts...)
	for item := range items {
		if item.E != nil {
			return item.E
		}
		next(item.V.(T))
	}
	return nil
}

// channelsPipeline is a goroutine and a buffered channel for each stage; the subscriber ranges over the last one.
func channelsPipeline[T comparable](w Work[T], next func(T)) error {
	values, kept, converted, changed := make(chan T, buffer), make(chan T, buffer), make(chan T, buffer), make(chan T, buffer)
	go func() {
		defer close(values)
		for _, v := range w.Values {
			values <- v
		}
	}()
	go func() {
		defer close(kept)
		for v := range values {
			if w.Keep(v) {
				kept <- v
			}
		}
	}()
	go func() {
		defer close(converted)
		for v := range kept {
			converted <- w.Convert(v)
		}
	}()
	go func() {
		defer close(changed)
		var last T
		has := false
		for v := range converted {
			if has && v == last {
				continue
			}
			last, has = v, true
			changed <- v
		}
	}()
	for v := range changed {
		next(v)
	}
	return nil
}

// errUnfinished tells that a contender has returned without a terminal.
var errUnfinished = errors.New("the stream has not completed")

// buffer is the size of channels: what a mailbox holds by default.
const buffer = 256
