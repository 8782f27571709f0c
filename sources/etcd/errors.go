package etcd

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/leadership-go/leadership"
)

// errClosed: the backend was closed.
var errClosed = errors.New("the backend is closed")

// failure says what failed and why, in the words of [leadership]. refreshes tells that the client can get itself a new
// authentication token.
func failure(ctx context.Context, what string, err error, refreshes bool) error {
	err = known(err)
	switch {
	case errors.Is(err, rpctypes.ErrLeaseNotFound):
		return fmt.Errorf("etcd: %s: %w (%w)", what, leadership.ErrSessionLost, err)
	case denied(err, refreshes):
		return fmt.Errorf("etcd: %s: %w (%w)", what, leadership.ErrDenied, err)
	case ctx.Err() != nil && !errors.Is(err, context.Cause(ctx)):
		return fmt.Errorf("etcd: %s: %w (%w)", what, context.Cause(ctx), err)
	default:
		return fmt.Errorf("etcd: %s: %w", what, err)
	}
}

// known turns the server's errors into those of package rpctypes. Watches carry them as mere text.
func known(err error) error {
	err = rpctypes.Error(err)
	if _, desc, ok := strings.Cut(err.Error(), " desc = "); ok {
		if named := rpctypes.Error(errors.New(desc)); isEtcd(named) {
			return named
		}
	}
	return err
}

func isEtcd(err error) bool {
	_, ok := errors.AsType[rpctypes.EtcdError](err)
	return ok
}

// denied reports whether the store refused a credential or a permission. A token that ran out, or one that is older
// than the store's rules, is no refusal where the next attempt gets a new one.
func denied(err error, refreshes bool) bool {
	switch {
	case errors.Is(err, rpctypes.ErrInvalidAuthToken):
		return !refreshes
	case errors.Is(err, rpctypes.ErrAuthOldRevision):
		return false
	case errors.Is(err, rpctypes.ErrAuthFailed), errors.Is(err, rpctypes.ErrUserEmpty), errors.Is(err, rpctypes.ErrUserNotFound):
		return true
	}
	if named, ok := errors.AsType[rpctypes.EtcdError](err); ok {
		return refusal(named.Code())
	}
	s, ok := status.FromError(err)
	return ok && refusal(s.Code())
}

func refusal(c codes.Code) bool { return c == codes.PermissionDenied || c == codes.Unauthenticated }
