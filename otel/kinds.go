package leadershipotel

import (
	"context"
	"errors"

	"github.com/leadership-go/leadership"
)

// kind is what an error is called in an attribute.
type kind struct {
	err  error
	name string
}

// errorKinds are the errors that have a name of their own.
func errorKinds() []kind {
	return []kind{
		{leadership.ErrDenied, "denied"},
		{leadership.ErrSessionLost, sessionLost},
		{leadership.ErrKeyConflict, "key_conflict"},
		{leadership.ErrNoCandidate, noCandidate},
		{leadership.ErrMalformedVote, "malformed_vote"},
		{leadership.ErrUnhealthy, "unhealthy"},
		{leadership.ErrWorkOverran, workOverran},
	}
}

const (
	resigned    = "resigned"
	stoodDown   = "stood_down"
	closed      = "closed"
	otherReason = "other"
	sessionLost = "session_lost" // as a reason: there is nothing left to give back
	noCandidate = "no_candidate"
	workOverran = "work_overran"
	workFailed  = "work_failed"
	timeout     = "timeout"
	cancelled   = "cancelled"
	transient   = "transient" // whatever has no other name
)

// reasons are why a term may end.
func reasons() []kind {
	return []kind{
		{leadership.ErrLeaseExpired, "expired"},
		{leadership.ErrKeyLost, "key_lost"},
		{leadership.ErrSessionLost, sessionLost},
		{leadership.ErrResigned, resigned},
		{leadership.ErrStoodDown, stoodDown},
		{leadership.ErrUnhealthy, "unhealthy"},
		{leadership.ErrClosed, closed},
	}
}

// callKind names the error of a call to the store that was made with ctx; "" for none.
func callKind(ctx context.Context, err error) string {
	name := errorKind(err)
	if name != transient || ctx.Err() == nil {
		return name
	}
	if errors.Is(context.Cause(ctx), context.DeadlineExceeded) {
		return timeout
	}
	return cancelled // the member has no use for the answer any more
}

// errorKind names err; "" for nil.
func errorKind(err error) string {
	if err == nil {
		return ""
	}
	if name, _ := outermost(err, errorKinds()); name != "" {
		return name
	}
	var late interface{ Timeout() bool }
	switch {
	case errors.As(err, &late) && late.Timeout():
		return timeout
	case errors.Is(err, context.Canceled):
		return cancelled
	}
	return transient
}

// messageKind names the error of an error message. One that is about a term comes from the work that is done in it.
func messageKind(msg leadership.ElectionMessage) string {
	name := errorKind(msg.Err)
	if msg.Term != 0 && name != workOverran {
		return workFailed
	}
	return name
}

// reasonOf names why a term ended.
func reasonOf(err error) string {
	name, bare := outermost(err, reasons())
	switch {
	case name == "":
		return otherReason
	case name == resigned && !bare: // with a cause: the failure of the work
		return workFailed
	}
	return name
}

// outermost is the name of the first of kinds in the tree of err, from the outside, and whether it is all of err. What a store's, a probe's or a work's own
// error wraps comes after what the library says about it.
func outermost(err error, kinds []kind) (name string, bare bool) {
	for _, k := range kinds {
		if err == k.err { //nolint:errorlint // the tree is walked here
			return k.name, true
		}
	}
	switch e := err.(type) { //nolint:errorlint // the tree is walked here
	case interface{ Unwrap() error }:
		name, _ = outermost(e.Unwrap(), kinds)
	case interface{ Unwrap() []error }:
		for _, part := range e.Unwrap() {
			if name, _ = outermost(part, kinds); name != "" {
				break
			}
		}
	}
	return name, false
}
