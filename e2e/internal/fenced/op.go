package fenced

import (
	"fmt"
	"time"
)

// Kind says what an operation does.
type Kind string

// The kinds of operations.
const (
	Read  Kind = "read"
	Write Kind = "write"
	// Trail lists all writes that are in the register's history. It is read when no more will be written.
	Trail Kind = "trail"
)

// Outcome is what became of an operation.
type Outcome string

// The outcomes. A read that failed has none: it is left out of histories.
const (
	// Accepted: the write is in the register; the read has its value.
	Accepted Outcome = "accepted"
	// Refused: the store's guard did not let the write pass.
	Refused Outcome = "refused"
	// Unknown: there was no answer, or an error. The write may take effect at any time after its call, or never.
	Unknown Outcome = "unknown"
)

// Op is one operation on a register.
type Op struct {
	// Register is the election whose register it is.
	Register string
	// Client is who did it.
	Client string
	// Kind is what it did.
	Kind Kind
	// Call is right before it was sent.
	Call time.Duration
	// Return is right after its answer came. It means nothing where the outcome is unknown.
	Return time.Duration
	// Outcome is what became of it.
	Outcome Outcome
	// Value was written or read.
	Value Value
	// Revision is the store's number of the write that was made or seen, 0 if it is not known.
	Revision uint64
	// Held says that the write was held back between the check of the term and its sending.
	Held bool
	// Trail is what a trail showed.
	Trail []Entry
}

// String tells all that checks are about.
func (o Op) String() string {
	return fmt.Sprintf("%s of %s at %s: {token %d, seq %d, writer %s}, revision %d, %s [%d, %d]",
		o.Kind, o.Register, o.Client, o.Value.Token, o.Value.Seq, o.Value.Writer, o.Revision, o.Outcome, o.Call, o.Return)
}
