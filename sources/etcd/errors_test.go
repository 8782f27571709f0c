package etcd

import (
	"context"
	"errors"
	"io"
	"testing"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/leadership-go/leadership"
)

func TestFailure(t *testing.T) {
	ended, cancel := context.WithCancelCause(context.Background())
	gone := errors.New("the caller has gone")
	cancel(gone)
	for _, c := range []struct {
		sentence  string
		ctx       context.Context //nolint:containedctx // a row of a table
		err       error
		refreshes bool
		is        []error
		not       []error
	}{
		{
			"an unknown lease is a lost session", t.Context(), rpctypes.ErrLeaseNotFound, true,
			[]error{leadership.ErrSessionLost, rpctypes.ErrLeaseNotFound},
			[]error{leadership.ErrDenied},
		},
		{
			"the same as the server sends it", t.Context(), rpctypes.ErrGRPCLeaseNotFound, true,
			[]error{leadership.ErrSessionLost, rpctypes.ErrLeaseNotFound},
			nil,
		},
		{
			"a refused key is denied", t.Context(), rpctypes.ErrPermissionDenied, true,
			[]error{leadership.ErrDenied, rpctypes.ErrPermissionDenied},
			[]error{leadership.ErrSessionLost},
		},
		{
			"a refused watch is denied, though it says so as text", t.Context(), errors.New(rpctypes.ErrGRPCPermissionDenied.Error()), true,
			[]error{leadership.ErrDenied, rpctypes.ErrPermissionDenied},
			nil,
		},
		{"a wrong password is denied", t.Context(), rpctypes.ErrAuthFailed, true, []error{leadership.ErrDenied, rpctypes.ErrAuthFailed}, nil},
		{"no user where one is asked for is denied", t.Context(), rpctypes.ErrUserEmpty, false, []error{leadership.ErrDenied}, nil},
		{
			"failure 17: a token that ran out heals with the next one", t.Context(), rpctypes.ErrInvalidAuthToken, true,
			[]error{rpctypes.ErrInvalidAuthToken},
			[]error{leadership.ErrDenied},
		},
		{"a fixed token that ran out is denied", t.Context(), rpctypes.ErrInvalidAuthToken, false, []error{leadership.ErrDenied}, nil},
		{
			"the same for a watch", t.Context(), errors.New(rpctypes.ErrGRPCInvalidAuthToken.Error()), true,
			[]error{rpctypes.ErrInvalidAuthToken},
			[]error{leadership.ErrDenied},
		},
		{
			"rules that changed meanwhile heal", t.Context(), rpctypes.ErrAuthOldRevision, false,
			[]error{rpctypes.ErrAuthOldRevision},
			[]error{leadership.ErrDenied},
		},
		{"a proxy's refusal is denied", t.Context(), status.Error(codes.Unauthenticated, "who are you"), true, []error{leadership.ErrDenied}, nil},
		{
			"failure 4: no leader is transient", t.Context(), rpctypes.ErrNoLeader, true,
			[]error{rpctypes.ErrNoLeader},
			[]error{leadership.ErrDenied, leadership.ErrSessionLost},
		},
		{
			"too many requests is transient", t.Context(), rpctypes.ErrTooManyRequests, true,
			[]error{rpctypes.ErrTooManyRequests},
			[]error{leadership.ErrDenied, leadership.ErrSessionLost},
		},
		{
			"a full store is transient", t.Context(), rpctypes.ErrNoSpace, true,
			[]error{rpctypes.ErrNoSpace},
			[]error{leadership.ErrDenied, leadership.ErrSessionLost},
		},
		{
			"a broken connection is transient", t.Context(), io.ErrUnexpectedEOF, true,
			[]error{io.ErrUnexpectedEOF},
			[]error{leadership.ErrDenied, leadership.ErrSessionLost},
		},
		{
			"an ended context shows its cause", ended, context.Canceled, true,
			[]error{gone, context.Canceled},
			[]error{leadership.ErrDenied, leadership.ErrSessionLost},
		},
		{"an ended context shows its cause, once", ended, gone, true, []error{gone}, nil},
		{"what the store said counts, though the context has ended", ended, rpctypes.ErrLeaseNotFound, true, []error{leadership.ErrSessionLost}, nil},
	} {
		err := failure(c.ctx, "try", c.err, c.refreshes)
		for _, want := range c.is {
			if !errors.Is(err, want) {
				t.Errorf("%s: %q does not wrap %q", c.sentence, err, want)
			}
		}
		for _, not := range c.not {
			if errors.Is(err, not) {
				t.Errorf("%s: %q wraps %q", c.sentence, err, not)
			}
		}
	}
}
