package drill

import "time"

// Instant is nanoseconds of CLOCK_MONOTONIC, which all processes of a host share; 0 is no instant.
type Instant int64

// Sub is how much later i is than earlier.
func (i Instant) Sub(earlier Instant) time.Duration { return time.Duration(i - earlier) }

// Add is the instant d later.
func (i Instant) Add(d time.Duration) Instant { return i + Instant(d) }

// Term is one period in which a candidate answered that it leads.
type Term struct {
	// Token is the fencing token, 0 where the library has none.
	Token uint64
	// First is right before the question that was answered with "yes" first.
	First Instant
	// Last is right after the last "yes".
	Last Instant
	// Over is right after the "no" that followed; 0 while there is none.
	Over Instant
}

// Edge is an elected.first or a relegation that a candidate was told.
type Edge struct {
	// Elected tells elected.first from relegation.
	Elected bool
	// Token is the message's.
	Token uint64
	// At is when the subscriber was called.
	At Instant
}

// Wake is the first question after a time in which none was asked: the process was stopped.
type Wake struct {
	// Slept is right after the last answer before.
	Slept Instant
	// Woke is right before the question.
	Woke Instant
	// Led is the answer.
	Led bool
}

// Order is a command that a candidate was given.
type Order struct {
	Command
	// Heir is the life that a transfer is to, where nothing keeps that one from leading; otherwise, and of other commands, -1.
	Heir int
	// Began is right before it was carried out, 0 if it never came to that; Returned is right after, 0 if that did not end.
	Began, Returned Instant
	// Answer is what came of it.
	Answer Answer
}

// Life is one process of one candidate.
type Life struct {
	// Candidate is who it was.
	Candidate string
	// Terms are what it believed, in order.
	Terms []Term
	// Edges are what it was told, in order; nil where its library tells nothing.
	Edges []Edge
	// Told says that its library tells edges.
	Told bool
	// Wakes are when it was found to have been stopped.
	Wakes []Wake
	// Orders are what it was told to do, in order.
	Orders []Order
	// Said is the end of what it wrote: what came of the orders that it did not carry out, line by line.
	Said string
	// Breach is how its messages broke the grammar first; "" if they did not.
	Breach string
	// Killed is when it was killed; 0 if it was closed in order.
	Killed Instant
	// Failure is why a process that was closed in order did not end well; "" if it did.
	Failure string
	// Unconfirmed says that it was closed in order while its store did not answer in time.
	Unconfirmed bool
	// Samples is how often it was asked.
	Samples int
	// Interrupted is how many of these questions took so long that nobody knows when the answer was made.
	Interrupted int
	// Apart is the longest pause between two questions that was no stop.
	Apart time.Duration
	// Full says that the file was too small for what happened.
	Full bool
}

// History is what all candidates of one election went through.
type History struct {
	// Lives are the processes, in the order of their start.
	Lives []Life
	// Faults are what was done to them, in order.
	Faults []Fault
	// Began is when the first candidate was started, Ended when the first was closed.
	Began, Ended Instant
}

// Fault is something that was done on purpose.
type Fault struct {
	// Kind is what.
	Kind Kind
	// Life is the index of the life that it befell; -1 where it befell a server.
	Life int
	// At is right before it was done.
	At Instant
	// Healed is right after it was undone; At where nothing is to be undone.
	Healed Instant
}
