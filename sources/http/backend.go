package http

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/leadership-go/leadership"
)

// maxAnswer bounds an answer.
const maxAnswer = 64 << 10

// backend is what the URL says, as a store.
type backend struct {
	url, where    string // where is the URL without what may be secret
	client        *http.Client
	name, service string
	ttl           time.Duration

	mu      sync.Mutex
	session string // the open one; "" for none
	leader  string // as the last answer said
	holder  string // the session that stands for it
	token   uint64
}

// Open makes a session without asking anybody: the URL knows of none.
func (b *backend) Open(_ context.Context, ttl time.Duration) (leadership.Session, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.session = rand.Text() // no other service is called that
	b.leader, b.holder = "", ""
	return &session{b, b.session, ttl}, nil
}

// Attach finds no session to attach.
func (b *backend) Attach(_ context.Context, id string, _ time.Duration) (leadership.Session, error) {
	return nil, fmt.Errorf("http: attach session %s: %w", id, leadership.ErrSessionLost)
}

// Observe asks the URL. The key is what the URL stands for.
func (b *backend) Observe(ctx context.Context, _ string) (leadership.Observation, error) {
	name, err := b.ask(ctx)
	if err != nil {
		return leadership.Observation{}, fmt.Errorf("http: ask %s: %w", b.where, err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if name != b.leader {
		b.leader, b.holder = name, name
		if name == b.name && b.session != "" {
			b.holder = b.session
		}
		b.token++
	}
	if name == "" {
		return leadership.Observation{}, nil
	}
	vote := leadership.Vote{SessionID: b.holder, ServiceName: b.service, ServiceID: name}
	return leadership.Observation{Holder: leadership.Holder{Session: b.holder, Token: b.token, Value: vote.Encode()}}, nil
}

// Lifetime says that who was named before may believe for a TTL.
func (b *backend) Lifetime(context.Context, string) (time.Duration, error) { return b.ttl, nil }

// Candidates is who leads: the URL tells of no others.
func (b *backend) Candidates(ctx context.Context, key string) ([]leadership.Candidate, error) {
	seen, err := b.Observe(ctx, key)
	if err != nil || seen.Holder.Session == "" {
		return nil, err
	}
	vote, err := leadership.ParseVote(seen.Holder.Value)
	return []leadership.Candidate{{Session: seen.Holder.Session, ServiceID: vote.ServiceID}}, err
}

// Watch waits until ctx ends: nothing tells of changes, and who asks reads by itself.
func (b *backend) Watch(ctx context.Context, _ string, _ leadership.Observation) error {
	<-ctx.Done()
	return context.Cause(ctx)
}

// Traits says that the URL is polled.
func (b *backend) Traits(leadership.Config) leadership.Traits {
	return leadership.Traits{
		Store: "check URL", TTL: b.ttl, Polls: true, ReadRequests: 1, CampaignRequests: 1,
		Assumes: []string{"the check URL names one leader at a time, and names another one no sooner than the former has stopped"},
	}
}

func (b *backend) Close() error { return nil }

// ask returns the name in the answer.
func (b *backend) ask(ctx context.Context) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, b.url, nil)
	if err != nil {
		return "", errors.New("no request for it can be made") // its text may repeat the URL
	}
	req.Header.Set("Accept", "application/json")
	resp, err := b.client.Do(req)
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			return "", fmt.Errorf("%w (%w)", cause, bare(err))
		}
		return "", bare(err)
	}
	defer resp.Body.Close() //nolint:errcheck // it was read, or is given up
	switch resp.StatusCode {
	case http.StatusOK:
	case http.StatusUnauthorized, http.StatusForbidden:
		return "", fmt.Errorf("%w: status %d", leadership.ErrDenied, resp.StatusCode)
	default:
		return "", fmt.Errorf("status %d", resp.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case err != nil:
		return "", fmt.Errorf("read the answer: %w", err)
	case len(body) > maxAnswer:
		return "", fmt.Errorf("the answer has more than %d bytes", maxAnswer)
	}
	return nameIn(body)
}

// bare is err without the URL that the client puts before it.
func bare(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}

// nameIn reads {"name": …}.
func nameIn(body []byte) (string, error) {
	var answer map[string]json.RawMessage
	if err := json.Unmarshal(body, &answer); err != nil {
		return "", fmt.Errorf("the answer is no JSON object: %w", err)
	}
	raw, ok := answer["name"]
	if !ok {
		return "", errors.New("the answer has no name")
	}
	var name *string
	if err := json.Unmarshal(raw, &name); err != nil {
		return "", errors.New("the name in the answer is no string")
	}
	if name == nil {
		return "", nil
	}
	return *name, nil
}

// session is a period of standing. It lives nowhere but here.
type session struct {
	backend *backend
	id      string
	ttl     time.Duration
}

func (s *session) ID() string { return s.id }

func (s *session) TTL() time.Duration { return s.ttl }

// Renew has nobody to ask: what counts as proof is the read that is sent with it.
func (s *session) Renew(context.Context) error { return nil }

// Campaign asks who leads: it does not compete.
func (s *session) Campaign(ctx context.Context, key string, _ []byte) (leadership.Observation, error) {
	return s.backend.Observe(ctx, key)
}

func (s *session) Watch(ctx context.Context, key string, seen leadership.Observation) error {
	return s.backend.Watch(ctx, key, seen)
}

// Resign has nothing to give back.
func (s *session) Resign(context.Context, string, []byte) error { return nil }

// Transfer has nothing to give.
func (s *session) Transfer(context.Context, string, []byte, leadership.Vote) error {
	return fmt.Errorf("http: transfer: %w: who leads is not decided here", errors.ErrUnsupported)
}

// Close ends the session.
func (s *session) Close(context.Context) error {
	s.backend.mu.Lock()
	defer s.backend.mu.Unlock()
	if s.backend.session == s.id {
		s.backend.session = ""
	}
	return nil
}
