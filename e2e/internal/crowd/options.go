// Package crowd has very many members stand for one key at a real store, and measures what that costs and whether all have their turn.
package crowd

import (
	"cmp"
	"time"

	"github.com/leadership-go/leadership"
)

// Options set up a crowd. The zero value is 1,000 members and a chain of 50 handovers.
type Options struct {
	// Members stand for the key, each with a client, and so with connections, of its own, as if it were a process of its own. Default 1,000.
	Members int
	// AtOnce is how many of them come at a time: the next ones come when these know who leads. Default 100.
	AtOnce int
	// Chain is how many handovers follow one another. Leaders close and resign by turns. Default 50.
	Chain int
	// TTL of the sessions, in whole seconds. Default 15 s.
	TTL time.Duration
	// Idle is for how long requests are counted while nothing happens. Default 30 s.
	Idle time.Duration
	// Rest is the pause after each handover, once the store is asked no more than usual. Default 100 ms.
	Rest time.Duration
	// Turns are the members of the smaller crowd in which each leader closes, so that everybody has one turn. Default 60.
	Turns int
	// Lottery are the members of the one in which each leader resigns and stands again, until everybody has led. Default 20.
	Lottery int
	// Alone says that nothing else runs in this process, so that what is left behind in it can be counted.
	Alone bool
}

func (o Options) withDefaults() Options {
	o.Members = cmp.Or(o.Members, 1000)
	o.AtOnce = cmp.Or(o.AtOnce, 100)
	o.Chain = cmp.Or(o.Chain, 50)
	o.TTL = cmp.Or(o.TTL, 15*time.Second)
	o.Idle = cmp.Or(o.Idle, 30*time.Second)
	o.Rest = cmp.Or(o.Rest, 100*time.Millisecond)
	o.Turns = cmp.Or(o.Turns, 60)
	o.Lottery = cmp.Or(o.Lottery, 20)
	return o
}

// config is the members' own.
func (o Options) config(service string) leadership.Config {
	return leadership.Config{ServiceName: service, Session: leadership.SessionConfig{TTL: o.TTL}}
}
