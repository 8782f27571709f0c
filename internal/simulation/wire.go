package simulation

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"time"
)

// Wire is the network between one member and a server: connections through pipes, with what can happen to them. What is sent while a way is closed
// arrives when it is open again, as TCP has it, even from who hung up meanwhile.
type Wire struct {
	ctx     context.Context //nolint:containedctx // ends with the world
	end     context.CancelFunc
	relays  sync.WaitGroup
	latency time.Duration
	conns   chan net.Conn

	mu     sync.Mutex
	rng    *rand.Rand
	faults []Fault
	thaw   chan struct{} // closed when a fault ends
	open   map[net.Conn]bool
}

var errUnreachable = errors.New("simulation: unreachable")

// NewWire makes the network of a member.
func NewWire(p Plan, member int) *Wire {
	ctx, cancel := context.WithCancel(context.Background())
	return &Wire{
		ctx: ctx, end: cancel, latency: p.Latency, conns: make(chan net.Conn),
		rng: rand.New(rand.NewPCG(p.Seed, 77+uint64(member))), thaw: make(chan struct{}), open: make(map[net.Conn]bool),
	}
}

// Listen returns what a server listens at; another one after that was closed.
func (w *Wire) Listen() net.Listener { return &listening{wire: w, closed: make(chan struct{})} }

type listening struct {
	wire   *Wire
	closed chan struct{}
	once   sync.Once
}

func (l *listening) Accept() (net.Conn, error) {
	select {
	case c := <-l.wire.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *listening) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *listening) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "pipe"} }

// has reports whether a fault of one of these kinds lasts.
func (w *Wire) has(kinds ...Kind) (Fault, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, f := range w.faults {
		if slices.Contains(kinds, f.Kind) {
			return f, true
		}
	}
	return Fault{}, false
}

// Begin starts a fault.
func (w *Wire) Begin(f Fault) {
	w.mu.Lock()
	w.faults = append(w.faults, f)
	w.mu.Unlock()
	switch f.Kind { //nolint:exhaustive // the other faults are looked at on the way
	case Reset, Refuse, Crash, CrashReset:
		w.Cut()
	}
}

// Cut ends all connections.
func (w *Wire) Cut() {
	w.mu.Lock()
	open := w.open
	w.open = make(map[net.Conn]bool)
	w.mu.Unlock()
	for c := range open {
		_ = c.Close()
	}
}

// End ends a fault.
func (w *Wire) End(f Fault) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range w.faults {
		if w.faults[i] == f {
			w.faults = append(w.faults[:i:i], w.faults[i+1:]...)
			break
		}
	}
	w.release()
}

// Heal ends all faults.
func (w *Wire) Heal() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.faults = nil
	w.release()
}

func (w *Wire) release() {
	close(w.thaw)
	w.thaw = make(chan struct{})
}

// Shut ends the wire and waits for all that is on its way.
func (w *Wire) Shut() {
	w.Cut()
	w.end()
	w.relays.Wait()
}

// Dial makes a connection.
func (w *Wire) Dial(ctx context.Context) (net.Conn, error) {
	if err := w.pass(ctx, LoseRequests, LoseReplies, Cut, Freeze); err != nil {
		return nil, err
	}
	if _, down := w.has(Refuse, Crash, CrashReset); down {
		return nil, errUnreachable
	}
	ours, near := net.Pipe()
	far, theirs := net.Pipe()
	select {
	case w.conns <- theirs:
	case <-w.ctx.Done():
		return nil, errUnreachable
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	w.mu.Lock()
	w.open[ours], w.open[theirs] = true, true
	w.mu.Unlock()
	w.relays.Go(func() { w.relay(near, far, LoseRequests, Cut, Freeze) })
	w.relays.Go(func() { w.relay(far, near, LoseReplies, Cut, Freeze) })
	return ours, nil
}

// relay carries bytes from one pipe to the other until either ends.
func (w *Wire) relay(from, to net.Conn, shut ...Kind) {
	defer func() { _ = to.Close(); _ = from.Close() }()
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			if w.pass(w.ctx, shut...) != nil {
				return
			}
			if _, err := to.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// pass takes the time of one way, and waits while it is shut.
func (w *Wire) pass(ctx context.Context, shut ...Kind) error {
	w.mu.Lock()
	delay := chance(w.rng, w.latency)
	w.mu.Unlock()
	if f, slow := w.has(Slow); slow {
		delay += time.Duration(f.Arg) * 2 * time.Millisecond
	}
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	for {
		w.mu.Lock()
		thaw := w.thaw
		w.mu.Unlock()
		if _, still := w.has(shut...); !still {
			return nil
		}
		select {
		case <-thaw:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
