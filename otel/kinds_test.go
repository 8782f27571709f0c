package leadershipotel

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"

	"github.com/leadership-go/leadership"
)

func TestReasons(t *testing.T) {
	boom := errors.New("boom")
	for _, c := range []struct {
		name string
		err  error
		want string
	}{
		{"the deadline, with nothing known about it", leadership.ErrLeaseExpired, "expired"},
		{"the deadline, after a renewal that was denied", fmt.Errorf("%w: %w", leadership.ErrLeaseExpired, fmt.Errorf("renew: %w", leadership.ErrDenied)), "expired"},
		{"the deadline, after an error that wraps another reason", fmt.Errorf("%w: %w", leadership.ErrLeaseExpired, leadership.ErrClosed), "expired"},
		{"a key that another one holds", fmt.Errorf("%w: session x holds it", leadership.ErrKeyLost), "key_lost"},
		{"a session that is gone, in the store's words", fmt.Errorf("memory: renew: %w", fmt.Errorf("%w (%w)", leadership.ErrSessionLost, boom)), "session_lost"},
		{"Resign", leadership.ErrResigned, "resigned"},
		{"work that failed", fmt.Errorf("%w: %w", leadership.ErrResigned, boom), "work_failed"},
		{"work that failed with an error that sounds like another reason", fmt.Errorf("%w: %w", leadership.ErrResigned, leadership.ErrUnhealthy), "work_failed"},
		{"StandDown", leadership.ErrStoodDown, "stood_down"},
		{"a probe that failed with an error that sounds like another reason", fmt.Errorf("%w: %w", leadership.ErrUnhealthy, leadership.ErrResigned), "unhealthy"},
		{"Close", leadership.ErrClosed, "closed"},
		{"an error of a later version", boom, "other"},
		{"no error", nil, "other"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := reasonOf(c.err); got != c.want {
				t.Errorf("%v is %q, want %q", c.err, got, c.want)
			}
		})
	}
}

func TestErrorKinds(t *testing.T) {
	boom := errors.New("boom")
	for _, c := range []struct {
		name string
		err  error
		term uint64
		want string
	}{
		{"a refusal", fmt.Errorf("consul: renew: %w: %w", leadership.ErrDenied, boom), 0, "denied"},
		{"a session that is gone", fmt.Errorf("%w", leadership.ErrSessionLost), 0, "session_lost"},
		{"somebody else's data", fmt.Errorf("%w: key", leadership.ErrKeyConflict), 0, "key_conflict"},
		{"no vote", fmt.Errorf("%w: key", leadership.ErrMalformedVote), 0, "malformed_vote"},
		{"a probe that timed out", fmt.Errorf("%w: %w", leadership.ErrUnhealthy, context.DeadlineExceeded), 0, "unhealthy"},
		{"work that has not returned", leadership.ErrWorkOverran, 7, "work_overran"},
		{"work that failed because it was denied something", fmt.Errorf("work: %w", leadership.ErrDenied), 7, "work_failed"},
		{"a deadline", fmt.Errorf("etcd: %w", context.DeadlineExceeded), 0, "timeout"},
		{"a deadline of the network", fmt.Errorf("read: %w", os.ErrDeadlineExceeded), 0, "timeout"},
		{"a call that was called off", fmt.Errorf("etcd: %w", context.Canceled), 0, "cancelled"},
		{"anything else", boom, 0, "transient"},
	} {
		t.Run(c.name, func(t *testing.T) {
			msg := leadership.ElectionMessage{Status: leadership.StatusError, Err: c.err, Term: c.term}
			if got := messageKind(msg); got != c.want {
				t.Errorf("%v is %q, want %q", c.err, got, c.want)
			}
		})
	}
}

func TestKindsOfCalls(t *testing.T) {
	boom := errors.New("boom")
	ended := func(cause error) context.Context {
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(cause)
		return ctx
	}
	late, cancel := context.WithTimeout(t.Context(), -1)
	defer cancel()
	for _, c := range []struct {
		name string
		ctx  context.Context //nolint:containedctx // a row of the table
		err  error
		want string
	}{
		{"success", t.Context(), nil, ""},
		{"success although nobody waits any more", ended(boom), nil, ""},
		{"a failure", t.Context(), boom, "transient"},
		{"a failure after the call was called off", ended(boom), boom, "cancelled"},
		{"a failure after its time", late, boom, "timeout"},
		{"a refusal after its time", late, leadership.ErrDenied, "denied"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := callKind(c.ctx, c.err); got != c.want {
				t.Errorf("%v is %q, want %q", c.err, got, c.want)
			}
		})
	}
}
