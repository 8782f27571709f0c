package drill

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/e2e/internal/contender"
)

// Answer is what came of a command.
type Answer int

const (
	// NoAnswer says that the candidate has not got to the end of it.
	NoAnswer Answer = iota
	// Done says that the library returned no error.
	Done
	// Refused says that it named a reason not to try: the candidate does not lead, or the heir does not stand.
	Refused
	// Failed says that it returned any other error: the store may or may not have done it.
	Failed
)

// obeyWithin is for how long a candidate tries to carry out one command.
func obeyWithin(ttl time.Duration) time.Duration { return 2 * ttl }

// probeEvery is how often our candidates' health probes are asked.
func probeEvery(ttl time.Duration) time.Duration { return ttl / 10 }

// errSick is why a candidate that was told to be sick is.
var errSick = errors.New("told to be sick")

// health is what a candidate's probe says.
type health struct{ sick atomic.Bool }

func (h *health) probe(context.Context) error {
	if h.sick.Load() {
		return errSick
	}
	return nil
}

// servant carries out commands.
type servant struct {
	candidate contender.Contender
	health    *health
	sheet     *sheet
	within    time.Duration
	clock     func() Instant
}

// obey carries out what in says, until its end. A line that is no command ends it with an error, since nobody but a drill writes them.
func (s *servant) obey(in io.Reader) error {
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		c, err := ParseCommand(lines.Text())
		if err != nil {
			return err
		}
		s.sheet.take(s.clock())
		answer, err := s.carryOut(c)
		s.sheet.answer(s.clock(), answer)
		if err != nil {
			fmt.Fprintf(os.Stderr, "%v: %v\n", c, strings.ReplaceAll(err.Error(), "\n", "; "))
		}
	}
	return lines.Err()
}

func (s *servant) carryOut(c Command) (Answer, error) {
	ctx, cancel := context.WithTimeout(context.Background(), s.within)
	defer cancel()
	err := s.do(ctx, c)
	switch {
	case err == nil:
		return Done, nil
	case errors.Is(err, leadership.ErrNotLeader), errors.Is(err, leadership.ErrNoCandidate):
		return Refused, err
	default:
		return Failed, err
	}
}

func (s *servant) do(ctx context.Context, c Command) error {
	governed, ok := s.candidate.(contender.Governed)
	if !ok {
		return fmt.Errorf("drill: a %T takes no commands", s.candidate)
	}
	switch c.Verb {
	case Resign:
		return governed.Resign(ctx)
	case Transfer:
		return governed.TransferTo(ctx, c.To)
	case StandDown:
		return governed.StandDown(ctx, c.For)
	case Sicken, Recover:
		s.health.sick.Store(c.Verb == Sicken)
		return nil
	case Shut, Reopen:
		return governed.ShowDoor(ctx, c.Verb == Reopen)
	}
	return fmt.Errorf("drill: nothing carries out %q", c.Verb)
}
