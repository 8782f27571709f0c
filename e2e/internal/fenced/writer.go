package fenced

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/leadership-go/leadership"
)

// Writer writes under the terms of one member, also under one that is over by then: that is for the fence to refuse. Its methods are safe for
// concurrent use.
type Writer struct {
	member *leadership.Member
	grants *Grants
	client *Client
	guard  Guard
	token  atomic.Uint64 // of the term that Leads said yes to last
}

// NewWriter makes a writer for a member that has just been built.
func NewWriter(m *leadership.Member, c *Client) *Writer {
	return &Writer{member: m, grants: Follow(m), client: c, guard: Fence}
}

// Leads asks the member whether it leads now, and under which token. Writes go by the last yes.
func (w *Writer) Leads() (token uint64, yes bool) {
	term := w.member.Term()
	token, yes = term.Token(), term.Valid()
	if yes {
		w.token.Store(token)
	}
	return token, yes
}

// Write sets the election's register to value, under the term that Leads last said yes to and through the store's fence. After an error nobody
// knows whether it was written. No two writes of one client may have the same value.
func (w *Writer) Write(ctx context.Context, value uint64) (accepted bool, err error) {
	grant, err := w.grant(ctx)
	if err != nil {
		return false, err
	}
	return w.client.write(ctx, w.guard, grant, value, false)
}

// grant is the term that Leads last said yes to.
func (w *Writer) grant(ctx context.Context) (Grant, error) {
	token := w.token.Load()
	if token == 0 {
		return Grant{}, errors.New("fenced: write: the member has not led yet")
	}
	return w.grants.Of(ctx, token)
}

// Close closes the client.
func (w *Writer) Close() error { return w.client.Close() }
