// Package http lets a service follow an election that others hold: its member asks a URL who leads, and leads itself while the answer names it. It is the
// HTTP member of the Java library, as a stream.
//
// The answer is JSON, {"name": "node-1"}, where the name is the service id of who leads; an empty name, or null, says that nobody does. [Handler]
// serves it from a member of a real election. [Ready] answers load balancers.
//
// The URL decides: this member does not compete, and nothing that it does moves the leadership. It reads the URL every election.frequency while another one leads, every
// session.refresh while it leads itself, and at once after a failure, with back-off. It believes for session.ttl less session.drift from when it sent the last read that named
// it, and, where another one was named before, only after that one's belief is over in its turn: session.ttl later. So of those who follow one URL, with one TTL, at most one believes.
//
// The tokens are this member's own counter: they grow, but mean nothing to other processes. They are no fencing tokens.
package http
