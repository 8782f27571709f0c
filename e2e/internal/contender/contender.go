// Package contender gives candidates of several libraries one face, so that one drill can be run with each of them.
package contender

import (
	"context"
	"time"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/e2e/internal/traffic"
)

// Contender is one candidate as the drill sees it, whichever library it uses.
type Contender interface {
	// Leads asks whether the candidate leads now, and under which fencing token; 0 where its library has none. It is asked several
	// hundred times a second, by one goroutine, and does not block.
	Leads() (token uint64, yes bool)
	// Resign gives leadership, or candidacy, up once. The candidate stands again afterwards.
	Resign(ctx context.Context) error
	// Close ends the candidacy.
	Close() error
}

// FencedWriter is a contender that can write a number to the election's register: one value at the store that only the leader may
// write, checked by the store itself.
type FencedWriter interface {
	// Write sets the register to value under the term that Leads last said yes to. It is accepted or refused by the store; on an
	// error nobody knows.
	Write(ctx context.Context, value uint64) (accepted bool, err error)
}

// Governed is a contender that takes more orders while it runs than to resign, as those of this library do.
type Governed interface {
	Contender
	// TransferTo resigns in favour of the candidate with that ID.
	TransferTo(ctx context.Context, id string) error
	// StandDown gives leadership, or candidacy, up for d.
	StandDown(ctx context.Context, d time.Duration) error
	// ShowDoor opens the port that a session check looks at, or shuts it, as a process that dies does. It is an error where there is no such check.
	ShowDoor(ctx context.Context, open bool) error
}

// Options say where and how to stand.
type Options struct {
	// Store is "etcd" or "consul".
	Store string
	// Addrs are the host and port of each server's client API. Consul's clients use the first.
	Addrs []string
	// Election names what is stood for. Its key is [Key].
	Election string
	// ID is the candidate's name in its vote.
	ID string
	// Process tells this candidate, in its log, from others of that ID; "" for the ID.
	Process string
	// Door is the address that a session check looks at, where the kind has one; "" for any free port of loopback.
	Door string
	// Probe is asked every ProbeEvery whether our own candidate is fit to lead; one failure is enough that it is not. Nil: it always is.
	Probe func(context.Context) error `json:"-"`
	// ProbeEvery is how often Probe is asked; 0 for the default of health.interval.
	ProbeEvery time.Duration
	// TTL is the session's; 0 for the library's default.
	TTL time.Duration
	// Frequency is that of our own candidates' votes, and how long they wait after a resignation before they stand again; 0 for the TTL. The other
	// libraries' candidates wait for [StandAgain].
	Frequency time.Duration
	// TakeoverDelay is that of our own candidates; the other libraries have none.
	TakeoverDelay time.Duration
	// Strategy is that of our own candidates; "" for the default.
	Strategy leadership.StrategyName
	// Work has our own candidates lead for work, which takes a while to return; Close tells what was wrong with it.
	Work bool
	// Log is the file in which the fenced writes of a contender that can make them are recorded; "" for none, and no such writes.
	Log string
	// Count counts what the candidate asks of the store, which it has a client of its own for; nil for nobody. Candidates with a session check are not counted.
	Count *traffic.Counter `json:"-"`
	// Tell is called with each message of the candidate's stream, where its library has one: in order, never concurrently. Nil
	// is fine.
	Tell func(status string, token uint64, err error) `json:"-"`
	// Led is called whenever the candidate begins to lead, as soon as whoever uses its library can know: with elected.first, or when the call
	// that waits returns. Never concurrently. Nil is fine.
	Led func() `json:"-"`
}

// Start starts a candidate, which stands until it is closed or ctx ends. It does not wait for the election.
type Start func(ctx context.Context, o Options) (Contender, error)

// Key is the key of an election at its store: the default of the library.
func Key(election string) string { return "services/" + election + "/leader" }
