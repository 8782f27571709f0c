package main

import (
	"sync"
	"time"

	"github.com/leadership-go/leadership"
)

// witness asks all members a thousand times a second whether they lead.
type witness struct {
	// stop ends the asking and returns how often it asked, and how often two members led. It may be called again.
	stop func() (asked, two int)
}

func watch(nodes map[string]*node) witness {
	var members []*leadership.Member
	for _, n := range nodes {
		members = append(members, n.member)
	}
	var asked, two int
	var running sync.WaitGroup
	over := make(chan struct{})
	running.Go(func() {
		every := time.NewTicker(time.Millisecond)
		defer every.Stop()
		for {
			asked++
			if twoLead(members) {
				two++
			}
			select {
			case <-every.C:
			case <-over:
				return
			}
		}
	})
	return witness{stop: sync.OnceValues(func() (int, int) {
		close(over)
		running.Wait()
		return asked, two
	})}
}

// twoLead reports whether two members lead at one moment. Answers come one after another. But a term that holds both before and
// after another member has answered has held at that moment too: a term that is over never comes back.
func twoLead(members []*leadership.Member) bool {
	for i, one := range members {
		term := one.Term()
		for _, other := range members[i+1:] {
			if term.Valid() && other.IsLeader() && term.Valid() {
				return true
			}
		}
	}
	return false
}
