package handover

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/leadership-go/leadership/e2e/internal/contender"
)

// variable is where a process finds its order if it is to be a candidate.
const variable = "LEADERSHIP_HANDOVER_CANDIDATE"

// order is what a process that is to be a candidate is told.
type order struct {
	Kind  string // of contender
	Stand contender.Options
}

// The words that a candidate writes to its standard output, each with the time of its clock.
const (
	wordLeads = "leads" // it has just got to know that it leads
	wordWaits = "waits" // it stands, and knows that another one leads
	wordOver  = "over"  // right before it was asked last whether it leads, and said so, while it closes
)

// closeWithin is how long a candidate may take to leave.
const closeWithin = 20 * time.Second

// Candidate makes this process the candidate that it was started as, until its standard input ends. In all other processes it does nothing. Programs
// that measure with this package call it first of all, since the candidates are the same program.
func Candidate() {
	text := os.Getenv(variable)
	if text == "" {
		return
	}
	if err := stand(text, os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "candidate:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

func stand(text string, in io.Reader, out io.Writer) error {
	var o order
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		return err
	}
	start, err := contender.Of(o.Kind)
	if err != nil {
		return err
	}
	var mu sync.Mutex // messages and the end may be told at the same time
	say := func(word string, at time.Duration) {
		mu.Lock()
		defer mu.Unlock()
		_, _ = fmt.Fprintln(out, word, int64(at)) // who does not listen any more has no use for it
	}
	o.Stand.Led = func() { say(wordLeads, now()) }
	o.Stand.Tell = func(status string, _ uint64, err error) {
		switch {
		case status == "notelected":
			say(wordWaits, now())
		case err != nil:
			fmt.Fprintln(os.Stderr, status, err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	c, err := start(ctx, o.Stand)
	if err != nil {
		return err
	}
	_, _ = io.Copy(io.Discard, in) // until the parent closes it

	_, leads := c.Leads()
	closed := make(chan error, 1)
	go func() { closed <- c.Close() }()
	for last := now(); leads; { // asked without a pause: it is over in no time
		asked := now()
		if _, yes := c.Leads(); !yes {
			say(wordOver, last)
			break
		}
		last = asked
	}
	timer := time.NewTimer(closeWithin)
	defer timer.Stop()
	select {
	case err := <-closed:
		return err
	case <-timer.C:
		return errors.New("it does not close")
	}
}
