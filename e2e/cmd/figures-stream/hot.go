package main

import (
	"fmt"
	"time"

	"github.com/leadership-go/leadership/e2e/internal/streams"
)

const (
	mailbox     = 256     // what our subscribers have by default, and the channels in their place
	deliveries  = 400_000 // of a turn, or a burst when that is more
	fromChannel = 1.0     // at least so many times as many events in a second as over channels

	slowAmong    = 100
	slowEvents   = 200
	slowSleep    = time.Millisecond
	slowerOthers = 20.0 // at least so many times as long have the others to wait in ro and in rxgo

	idleSubscribers = 10_000
	idleBytes       = 400.0
)

// fanOuts measures one hot source and many subscribers.
func fanOuts(r *report) error {
	for _, f := range []streams.FanOut{
		{Subscribers: 1, Burst: mailbox},
		{Subscribers: 1, Burst: 1},
		{Subscribers: 100, Burst: mailbox},
		{Subscribers: 100, Burst: 1},
		{Subscribers: 10_000, Burst: mailbox},
		{Subscribers: 10_000, Burst: 1},
	} {
		f.Bursts = max(1, deliveries/(f.Subscribers*f.Burst))
		if err := fanOut(r, f); err != nil {
			return err
		}
	}
	return nil
}

func fanOut(r *report, f streams.FanOut) error {
	took := best{}
	for i := range r.rounds.fanOut {
		for _, h := range streams.Hots() {
			if i > 0 && h.Name != streams.Ours && h.Name != streams.Channels {
				continue // no limit hangs on these, and some are slow
			}
			fresh()
			d, err := h.Run(f)
			if err != nil {
				return err
			}
			took.add(h.Name, d)
		}
	}
	name := func(what string) string { return fmt.Sprintf("fanout.%d.burst%d.%s", f.Subscribers, f.Burst, what) }
	for _, h := range streams.Hots() {
		r.number(name(h.Name), float64(f.Burst*f.Bursts)/took[h.Name].Seconds(), 0, "events/s")
	}
	limit := fromChannel
	if f.Subscribers == 1 {
		limit = 0 // information
	}
	r.atLeast(name("faster.than.channels"), took.ratio(streams.Channels), limit)
	return nil
}

// slowOnes measures how long the others wait where one of many subscribers is slow. Each contender is as it comes: ro has nothing between
// the source and a subscriber, rxgo an unbuffered channel. What they do with room for all events is printed, too.
func slowOnes(r *report) error {
	took := best{}
	for range r.rounds.slow {
		for _, h := range streams.Hots() {
			fresh()
			d, err := h.RunWithSlowOne(slowAmong, slowEvents, slowSleep)
			if err != nil {
				return err
			}
			took.add(h.Name, d)
		}
	}
	for _, h := range streams.Hots() {
		r.Seconds("slow.others."+h.Name, took[h.Name])
	}
	r.atLeast("slow.others.sooner.than.ro", took.ratio(streams.Ro), slowerOthers)
	r.atLeast("slow.others.sooner.than.rxgo", took.ratio(streams.Rxgo), slowerOthers)
	return nil
}

// idleOnes measures what a subscriber costs while nothing happens.
func idleOnes(r *report) error {
	for _, h := range streams.Hots() {
		fresh()
		idle, err := h.Idle(idleSubscribers)
		if err != nil {
			return err
		}
		bytes, goroutines := idleBytes, 0.0
		if h.Name != streams.Ours {
			bytes, goroutines = idle.Bytes, idle.Goroutines // no limit
		}
		r.atMost("idle."+h.Name+".memory", idle.Bytes, 0, "B/subscriber", bytes)
		r.atMost("idle."+h.Name+".goroutines", idle.Goroutines, 3, "goroutines/subscriber", goroutines)
	}
	return nil
}
