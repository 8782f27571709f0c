package fenced

import (
	"context"
	"sync/atomic"
)

// Client uses a register and has each operation recorded. It is safe for concurrent use.
type Client struct {
	name     string
	election string
	register Register
	recorder *Recorder
	seq      atomic.Uint64
}

// NewClient makes a client of the election's register. No other client of that register may have its name, unless it writes nothing.
func NewClient(name, election string, register Register, recorder *Recorder) *Client {
	return &Client{name: name, election: election, register: register, recorder: recorder}
}

// Write sets the register to a value that nothing else is set to, if the guard lets g pass. After an error nobody knows whether
// it was written.
func (c *Client) Write(ctx context.Context, guard Guard, g Grant) (accepted bool, err error) {
	return c.write(ctx, guard, g, c.seq.Add(1), false)
}

func (c *Client) write(ctx context.Context, guard Guard, g Grant, seq uint64, held bool) (bool, error) {
	v := Value{Token: g.Token, Seq: seq, Writer: c.name}
	id, err := c.recorder.begin(line{Register: c.election, Client: c.name, Kind: Write, Held: held, Value: &v})
	if err != nil {
		return false, err
	}
	accepted, revision, err := c.register.Write(ctx, guard, g, v)
	end := line{ID: id, Outcome: Refused}
	switch {
	case err != nil:
		end.Outcome = Unknown
	case accepted:
		end.Outcome, end.Revision = Accepted, revision
	}
	if noted := c.recorder.end(end); err == nil {
		err = noted
	}
	return accepted, err
}

// Read reads the register.
func (c *Client) Read(ctx context.Context) (Value, error) {
	id, err := c.recorder.begin(line{Register: c.election, Client: c.name, Kind: Read})
	if err != nil {
		return Value{}, err
	}
	v, revision, err := c.register.Read(ctx)
	end := line{ID: id, Outcome: Accepted, Value: &v, Revision: revision}
	if err != nil {
		end = line{ID: id, Outcome: Unknown}
	}
	if noted := c.recorder.end(end); err == nil {
		err = noted
	}
	return v, err
}

// Trail has all that was ever accepted recorded. No write may be under way.
func (c *Client) Trail(ctx context.Context) error {
	id, err := c.recorder.begin(line{Register: c.election, Client: c.name, Kind: Trail})
	if err != nil {
		return err
	}
	entries, err := c.register.Trail(ctx)
	if err != nil {
		return err
	}
	return c.recorder.end(line{ID: id, Outcome: Accepted, Trail: entries})
}

// Close closes the register.
func (c *Client) Close() error { return c.register.Close() }
