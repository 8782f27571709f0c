package traffic

import (
	"net/http"
	"strconv"
	"strings"
)

// watchName is the name of a long poll.
const watchName = "kv.watch"

// Consul returns a transport that counts, and sends over next.
func (c *Counter) Consul(next *http.Transport) http.RoundTripper { return transport{next, c} }

// transport counts HTTP requests.
type transport struct {
	*http.Transport
	counter *Counter
}

func (t transport) RoundTrip(req *http.Request) (*http.Response, error) {
	return t.counter.roundTrip(req, t.Transport)
}

func (c *Counter) roundTrip(req *http.Request, next http.RoundTripper) (*http.Response, error) {
	kind := Request{Method: req.Method, Name: NameOf(req)}
	if kind.Name != watchName {
		c.count(kind)
		return next.RoundTrip(req)
	}
	index, _ := strconv.ParseUint(req.URL.Query().Get("index"), 10, 64)
	c.poll(kind, req.URL.Path, index)
	resp, err := next.RoundTrip(req)
	if err == nil && resp.Header.Get("X-Consul-Index") == strconv.FormatUint(index, 10) {
		c.timeOver(req.URL.Path, index)
	}
	return resp, err
}

// poll counts a long poll. It repeats another one if that waited from the same index on, and its time was over.
func (c *Counter) poll(kind Request, path string, index uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	last, over := c.polls[path]
	delete(c.polls, path)
	kind.Again = over && last == index
	c.add(kind)
}

// timeOver notes a long poll that has shown nothing new.
func (c *Counter) timeOver(path string, index uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.polls == nil {
		c.polls = make(map[string]uint64)
	}
	c.polls[path] = index
}

// NameOf names a request to Consul.
func NameOf(req *http.Request) string {
	path := strings.Split(strings.TrimPrefix(req.URL.Path, "/v1/"), "/")
	switch {
	case path[0] == "kv" && req.Method == http.MethodGet && req.URL.Query().Has("index"):
		return watchName
	case path[0] == "kv":
		return "kv." + strings.ToLower(req.Method)
	case path[0] == "session" && len(path) > 1:
		return "session." + path[1]
	}
	return path[0]
}
