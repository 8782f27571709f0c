package simulation

import (
	"log/slog"
	"time"

	"github.com/leadership-go/leadership"
)

// World is a store, and the links of members to it, with their faults. It is made and ended within one bubble. None of its methods
// takes virtual time but Close.
type World interface {
	// Connect makes the backend of a member. It is called again for each new one in the place of another.
	Connect(member int, cfg leadership.Config) (leadership.Backend, error)
	// Begin starts a fault of a link or of the store, End ends it. Those of an operator only begin.
	Begin(f Fault)
	End(f Fault)
	// Heal ends all faults, and delivers at once what they held back.
	Heal()
	// Left lists sessions and keys at the store.
	Left() []string
	// Close ends the world.
	Close()
}

// Giver is a world that can give a member a session.
type Giver interface {
	// Give opens a session at the store, as somebody else than a member.
	Give(ttl time.Duration) (id string)
}

// Options change how a plan is played.
type Options struct {
	// Stream is how the listeners get at the messages of a member; nil for the stream as it is. Tests of this package break it.
	Stream func(*leadership.Member) leadership.Observable[leadership.ElectionMessage]
	// Logger gets the debug log of all members, and the faults.
	Logger *slog.Logger
}
