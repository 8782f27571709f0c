package consul

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/leadership-go/leadership"
)

// requestTimeout bounds a request whose context allows for more. Consul itself holds a request for 7 s while it elects a leader.
const requestTimeout = 15 * time.Second

var (
	// errSilent: the agent did not answer within the bound that a request has beside its context.
	errSilent = errors.New("no answer in time")
	// errForeign: what answered is no Consul agent, or one of which the answer can't be trusted.
	errForeign = errors.New("not an answer of Consul's")
	// errFiltered: the store left out of an answer what the token may not read.
	errFiltered = errors.New("hidden by an ACL")
)

// bound gives one request its own time limit, with a cause that can be told from the caller's.
func bound(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, d, errSilent)
}

// fail maps the error of a request made under ctx to the sentinels. The store's own error stays wrapped.
func (b *backend) fail(ctx context.Context, what string, err error) error {
	if refused(err) {
		b.credentials.refused()
		return fmt.Errorf("consul: %s: %w (%w)", what, leadership.ErrDenied, err)
	}
	status, answered := errors.AsType[api.StatusError](err)
	_, link := errors.AsType[*url.Error](err)
	switch {
	case answered && status.Code >= 300 && status.Code < 400:
		return fmt.Errorf("consul: %s: redirects are not followed: %w", what, err)
	case answered || ctx.Err() == nil && link:
		return fmt.Errorf("consul: %s: %w", what, err)
	case ctx.Err() == nil:
		return fmt.Errorf("consul: %s: the answer can't be read: %w", what, err)
	}
	cause := context.Cause(ctx)
	if errors.Is(cause, errSilent) {
		// Its context error would look like the caller's.
		return fmt.Errorf("consul: %s: %w: %v", what, cause, err) //nolint:errorlint // hidden on purpose, see above
	}
	return fmt.Errorf("consul: %s: %w (%w)", what, cause, err)
}

// refused says whether err is about a credential or a permission. Requests that a server forwards may carry that in a 500.
func refused(err error) bool {
	if errors.Is(err, errFiltered) {
		return true
	}
	status, ok := errors.AsType[api.StatusError](err)
	if !ok { // of the answer to a transaction that only reads the client keeps the text alone
		text, ok := strings.CutPrefix(err.Error(), "Failed request: ")
		return ok && deniedText(strings.TrimPrefix(text, "rpc error making call: "))
	}
	switch status.Code {
	case http.StatusUnauthorized, http.StatusForbidden:
		return true
	case http.StatusInternalServerError:
		return deniedText(strings.TrimPrefix(status.Body, "rpc error making call: "))
	default:
		return false
	}
}

// deniedText says whether a text of Consul's is about a credential or a permission. It looks at the beginning
// only: what follows may quote a key.
func deniedText(text string) bool {
	return strings.HasPrefix(text, "Permission denied") || strings.HasPrefix(text, "ACL not found")
}

// hasStatus says whether err is the agent's answer with that HTTP status.
func hasStatus(err error, code int) bool {
	status, ok := errors.AsType[api.StatusError](err)
	return ok && status.Code == code
}

// verdict says whether a transaction was carried out, or why it was rolled back.
type verdict int

const (
	// verdictDone: it was carried out.
	verdictDone verdict = iota
	// verdictMoved: the key is no longer as it was read.
	verdictMoved
	// verdictNotHeld: the session does not hold the key that it wants to release.
	verdictNotHeld
	// verdictDelayed: nobody gets the key yet.
	verdictDelayed
	// verdictLost: the session is unknown.
	verdictLost
	// verdictDenied: the token may not.
	verdictDenied
	// verdictUnknown: something else.
	verdictUnknown
)

// judge reads the answer to a transaction that was rolled back, whose first operations are guards. Of several reasons the gravest counts.
func judge(status api.StatusError, guards int) verdict {
	var answer struct {
		Errors []struct {
			OpIndex int
			What    string
		}
	}
	if err := json.Unmarshal([]byte(status.Body), &answer); err != nil || len(answer.Errors) == 0 {
		return verdictUnknown
	}
	worst := verdictMoved
	for _, e := range answer.Errors {
		v := judgeText(e.What)
		if v == verdictUnknown && e.OpIndex >= 0 && e.OpIndex < guards {
			v = verdictMoved // in whatever words
		}
		worst = max(worst, v)
	}
	return worst
}

// judgeText reads one reason. Keys are quoted in the middle, and may contain anything: only the ends count.
func judgeText(what string) verdict {
	lock, unlock := strings.HasPrefix(what, "failed to lock key "), strings.HasPrefix(what, "failed to unlock key ")
	switch {
	case deniedText(what):
		return verdictDenied
	case strings.HasPrefix(what, "invalid session "):
		return verdictLost
	case lock && strings.HasSuffix(what, " due to lock delay"):
		return verdictDelayed
	case lock && strings.HasSuffix(what, ", lock is already held"):
		return verdictMoved
	case strings.HasPrefix(what, "failed to delete key ") && strings.HasSuffix(what, ", index is stale"):
		return verdictMoved
	case unlock && strings.HasSuffix(what, ", lock isn't held, or is held by another session"):
		return verdictNotHeld
	default:
		return verdictUnknown
	}
}
