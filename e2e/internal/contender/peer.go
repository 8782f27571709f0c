package contender

import (
	"cmp"
	"context"
	"errors"
	"sync/atomic"
	"time"
)

// peer is what candidates of the stores' own clients have in common: they stand, lead until they hear of a loss, and stand anew.
type peer struct {
	current atomic.Pointer[reign] // nil while it does not lead
	stop    context.CancelFunc
	done    chan struct{}
	led     func() // nil for nobody to tell
	grace   time.Duration
	err     error // of leaving in the end; set before done is closed
}

// reign is one period of a peer's leadership.
type reign struct {
	token  uint64
	lost   <-chan struct{}             // closed by the client when it finds leadership lost
	resign func(context.Context) error // nil where leaving does it
	leave  func() error                // frees all that belongs to it; lost or not

	resigns chan resignation
	over    chan struct{}
}

// resignation is one call of Resign.
type resignation struct {
	ctx    context.Context //nolint:containedctx // of the call
	answer chan error
}

const (
	// StandAgain is how long a peer that resigned, or that could not stand, waits before it stands again: so that another one is elected.
	StandAgain = time.Second
	// maxGrace bounds how long a peer may take to leave before its connections are broken.
	maxGrace = 5 * time.Second
)

// startPeer has a peer stand until ctx ends. stand blocks until it leads.
func startPeer(ctx context.Context, o Options, stand func(ctx context.Context) (*reign, error)) *peer {
	ctx, stop := context.WithCancel(ctx)
	p := &peer{stop: stop, done: make(chan struct{}), led: o.Led, grace: min(cmp.Or(o.TTL, maxGrace), maxGrace)}
	go func() {
		defer close(p.done)
		for ctx.Err() == nil {
			r, err := stand(ctx)
			if err != nil {
				pause(ctx, StandAgain)
				continue
			}
			p.lead(ctx, r)
		}
	}()
	return p
}

// lead leads until the end of r.
func (p *peer) lead(ctx context.Context, r *reign) {
	r.resigns, r.over = make(chan resignation), make(chan struct{})
	p.current.Store(r)
	if p.led != nil {
		p.led()
	}
	var resigned *resignation
	select {
	case <-r.lost:
	case <-ctx.Done():
	case call := <-r.resigns:
		resigned = &call
	}
	p.current.Store(nil)
	close(r.over)
	switch {
	case resigned != nil:
		resigned.answer <- r.end(resigned.ctx) //nolint:contextcheck // that of the call
		pause(ctx, StandAgain)
	case ctx.Err() != nil:
		p.err = r.leave()
	default:
		_ = r.leave() // what is lost is mostly gone already
	}
}

func (r *reign) end(ctx context.Context) error {
	var err error
	if r.resign != nil {
		err = r.resign(ctx)
	}
	return errors.Join(err, r.leave())
}

// Leads asks whether the client has said that leadership is lost.
func (p *peer) Leads() (token uint64, yes bool) {
	r := p.current.Load()
	if r == nil {
		return 0, false
	}
	select {
	case <-r.lost:
		return r.token, false
	default:
		return r.token, true
	}
}

// Resign gives leadership up; a peer that does not lead goes on waiting. The clients' calls may take longer than ctx: then they go on.
func (p *peer) Resign(ctx context.Context) error {
	r := p.current.Load()
	if r == nil {
		return nil
	}
	call := resignation{ctx, make(chan error, 1)}
	select {
	case r.resigns <- call:
	case <-r.over:
		return nil
	}
	select {
	case err := <-call.answer:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// end has the peer leave. What still hangs after a while is broken off by abort.
func (p *peer) end(abort func()) error {
	p.stop()
	timer := time.NewTimer(p.grace)
	defer timer.Stop()
	select {
	case <-p.done:
	case <-timer.C:
		abort()
		<-p.done
	}
	return p.err
}

// pause waits, or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
