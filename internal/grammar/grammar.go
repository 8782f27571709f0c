// Package grammar checks, for tests, that the messages of one member follow the grammar
//
//	( notelected | elected elected.first elected* notelected relegation )* complete
//
// where error may stand anywhere, and that fencing tokens grow. It knows statuses by their text, so that tests inside the root package can use it, too.
package grammar

import "fmt"

// Checker follows one stream. The zero value is at its start.
type Checker struct {
	last  string // status of the last message but errors
	leads bool
	token uint64
}

// Leads reports whether the messages so far say that the member leads.
func (c *Checker) Leads() bool { return c.leads }

// Next takes the next message: its status, its term and its error. It returns an error if the message may not stand here.
func (c *Checker) Next(status string, term uint64, err error) error {
	last := c.last
	if status != "error" {
		c.last = status
	}
	bad := func(why string) error { return fmt.Errorf("%q after %q: %s", status, last, why) }
	switch status {
	case "error":
		if err == nil {
			return bad("no error in it")
		}
	case "elected":
		switch {
		case last == "elected" && !c.leads:
			return bad("elected.first is missing")
		case last == "notelected" && c.leads:
			return bad("relegation is missing")
		case c.leads && term != c.token:
			return bad(fmt.Sprintf("token %d inside term %d", term, c.token))
		}
	case "elected.first":
		switch {
		case last != "elected" || c.leads:
			return bad("it opens no term")
		case term <= c.token:
			return bad(fmt.Sprintf("token %d does not grow from %d", term, c.token))
		}
		c.leads, c.token = true, term
	case "notelected":
		switch {
		case last == "notelected" && c.leads:
			return bad("relegation is missing")
		case last == "elected" && !c.leads:
			return bad("elected.first is missing")
		}
	case "relegation":
		switch {
		case last != "notelected" || !c.leads:
			return bad("it closes no term")
		case term != c.token:
			return bad(fmt.Sprintf("token %d closes term %d", term, c.token))
		case err == nil:
			return bad("no reason")
		}
		c.leads = false
	default:
		return bad("no such status")
	}
	return nil
}

// End checks that the stream may complete here.
func (c *Checker) End() error {
	if c.leads || c.last == "elected" {
		return fmt.Errorf("complete after %q inside a term", c.last)
	}
	return nil
}
