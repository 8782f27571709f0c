// Package traffic counts what a candidate asks of the store, in its own client, right above the connection.
package traffic

import (
	"cmp"
	"maps"
	"slices"
)

// Request is a kind of request.
type Request struct {
	// Method is that of HTTP. It is empty at etcd.
	Method string
	// Name says what is asked: at etcd it is that of the call, at Consul that of [NameOf].
	Name string
	// Again says that a long poll whose time was over is repeated.
	Again bool
}

// String is the kind in one word.
func (r Request) String() string {
	if r.Again {
		return r.Name + ".again"
	}
	return r.Name
}

// Renews says whether it does nothing but extend a session.
func (r Request) Renews() bool { return r.Name == "session.renew" || r.Name == "LeaseKeepAlive" }

// Watches says whether it waits for a change.
func (r Request) Watches() bool { return r.Name == watchName || r.Name == "Watch" }

// Requests are how often each kind was sent.
type Requests map[Request]int

// Since is what was sent after an earlier count.
func (r Requests) Since(before Requests) Requests {
	since := make(Requests)
	for kind, n := range r {
		if n -= before[kind]; n > 0 {
			since[kind] = n
		}
	}
	return since
}

// Of is how many there are of the kinds that are wanted.
func (r Requests) Of(wanted func(Request) bool) int {
	sum := 0
	for kind, n := range r {
		if wanted(kind) {
			sum += n
		}
	}
	return sum
}

// Total is how many there are.
func (r Requests) Total() int { return r.Of(func(Request) bool { return true }) }

// Kinds are in the order of their words.
func (r Requests) Kinds() []Request {
	return slices.SortedFunc(maps.Keys(r), func(a, b Request) int {
		return cmp.Or(cmp.Compare(a.String(), b.String()), cmp.Compare(a.Method, b.Method))
	})
}
