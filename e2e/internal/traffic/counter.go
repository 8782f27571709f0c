package traffic

import (
	"maps"
	"sync"
)

// Counter counts for the clients of one candidate. The zero value is ready for use. It is safe for concurrent use.
type Counter struct {
	mu     sync.Mutex
	sent   Requests
	events int
	polls  map[string]uint64 // by path: the index from which a long poll waited until its time was over
}

// Sent is what was sent so far.
func (c *Counter) Sent() Requests {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.sent)
}

// Events is how many answers with events the watches got so far. There are none at Consul, whose watches are long polls.
func (c *Counter) Events() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.events
}

func (c *Counter) count(r Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.add(r)
}

// add counts under the lock.
func (c *Counter) add(r Request) {
	if c.sent == nil {
		c.sent = make(Requests)
	}
	c.sent[r]++
}
