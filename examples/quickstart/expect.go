package main

import (
	"context"
	"fmt"
	"time"

	"github.com/leadership-go/leadership"
)

// change is a message of a member that begins to lead, or has stopped.
type change struct {
	name string
	leadership.ElectionMessage
}

// term is how one member came to lead.
type term struct {
	name      string
	elected   time.Time
	relegated time.Time // when the leader before it stopped
}

// patience is how much longer than expected we wait, to tell what is slow from what never comes.
const patience = 10 * time.Second

// next waits until another member than old leads, and old, if there is one, has told that it leads no more. It fails
// where the new leader was elected too early, which is before the old one stopped, or too late: not within limit from since.
func next(ctx context.Context, changes <-chan change, old string, since time.Time, limit time.Duration) (term, error) {
	late := time.NewTimer(limit + patience)
	defer late.Stop()
	var found term
	for found.elected.IsZero() || old != "" && found.relegated.IsZero() {
		select {
		case c := <-changes:
			switch {
			case c.Status == leadership.StatusElectedFirst && found.elected.IsZero():
				found.name, found.elected = c.name, c.Time
			case c.Status == leadership.StatusRelegation && c.name == old && !c.Time.Before(since):
				found.relegated = c.Time
			default:
				return term{}, fmt.Errorf("not expected: %s tells %v", c.name, c.ElectionMessage)
			}
		case <-late.C:
			return term{}, fmt.Errorf("no handover within %v", limit+patience)
		case <-ctx.Done():
			return term{}, context.Cause(ctx)
		}
	}
	if found.elected.Before(found.relegated) {
		return term{}, fmt.Errorf("two leaders: %s was elected %v before %s was relegated", found.name, found.relegated.Sub(found.elected), old)
	}
	if took := found.elected.Sub(since); took > limit {
		return term{}, fmt.Errorf("too slow: %s was elected after %v, not within %v", found.name, short(took), limit)
	}
	return found, nil
}

// leadAWhile lets half a second pass.
func leadAWhile(ctx context.Context) {
	while := time.NewTimer(500 * time.Millisecond)
	defer while.Stop()
	select {
	case <-while.C:
	case <-ctx.Done():
	}
}

// awaitRenewalDue waits until the member's last proof is four tenths of a lease old: most of the way to its next renewal. Crashes
// come at any time; at this one the whole takeover stays within the time of a lease, although etcd looks for leases
// that are over only twice a second.
func awaitRenewalDue(ctx context.Context, member *leadership.Member) {
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for {
		left := time.Until(member.Term().Deadline())
		if left > lease*51/100 && left <= lease*56/100 { // of 95/100, since a leader stops a little before its lease does
			return
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return
		}
	}
}

// short leaves out the digits that nobody reads.
func short(d time.Duration) time.Duration {
	if d < time.Second {
		return d.Round(100 * time.Microsecond)
	}
	return d.Round(10 * time.Millisecond)
}
