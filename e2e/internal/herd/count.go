package herd

import (
	"net/http"

	"github.com/leadership-go/leadership/e2e/internal/traffic"
)

// count is what one candidate asked, and was sent by its watches.
type count struct {
	sent   traffic.Requests
	events int
}

func read(c *traffic.Counter) count { return count{c.Sent(), c.Events()} }

func (c count) since(before count) count {
	return count{c.sent.Since(before.sent), c.events - before.events}
}

// stirs says whether a request is one that does not come by itself while nothing happens. A watch at etcd may be nothing but one that is made anew after a while.
func stirs(r traffic.Request) bool { return !r.Renews() && !r.Again && r.Name != "Watch" }

func puts(r traffic.Request) bool { return r.Method == http.MethodPut && stirs(r) }

func gets(r traffic.Request) bool { return r.Method == http.MethodGet && stirs(r) }

// cost sums up what all candidates did in a handover from the one with that number.
func cost(counts []count, from int) (h Handover) {
	for i, c := range counts {
		h.Puts += c.sent.Of(puts)
		h.Gets += c.sent.Of(gets)
		if i != from && (c.events > 0 || c.sent.Of(stirs) > 0) {
			h.Woken++
		}
	}
	return h
}

// stirred is how many requests of all are no matter of course.
func stirred(counts []count) int {
	sum := 0
	for _, c := range counts {
		sum += c.sent.Of(stirs)
	}
	return sum
}
