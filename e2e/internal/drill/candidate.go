package drill

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/leadership-go/leadership/e2e/internal/contender"
	"github.com/leadership-go/leadership/internal/grammar"
)

// variable is where a process finds its order if it is to be a candidate.
const variable = "LEADERSHIP_DRILL_CANDIDATE"

// closeWithin is how long a candidate may take to leave.
const closeWithin = 20 * time.Second

// unconfirmed is how a candidate exits whose store has not answered its farewell in time. It is the store's, or the machine's, doing.
const unconfirmed = 3

// order is what a process that is to be a candidate is told.
type order struct {
	Kind  string            // of contender
	Sheet string            // the path of the file to note beliefs in
	Stand contender.Options // Tell is left out
}

// Candidate makes this process the candidate that [Run] has started it as, which obeys the commands at its standard input, and ends it when that does. In all other processes
// it does nothing. Programs and tests that run drills call it first of all, since the candidates are the same program.
func Candidate() {
	text := os.Getenv(variable)
	if text == "" {
		return
	}
	err := stand(text)
	if err != nil {
		fmt.Fprintln(os.Stderr, "candidate:", err)
	}
	switch {
	case err == nil:
		os.Exit(0)
	case errors.Is(err, context.DeadlineExceeded):
		os.Exit(unconfirmed)
	default:
		os.Exit(1)
	}
}

func stand(text string) (err error) {
	var o order
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		return err
	}
	start, err := contender.Of(o.Kind)
	if err != nil {
		return err
	}
	sheet, unmap, err := openSheet(o.Sheet)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unmap()) }()
	condition := new(health)
	if ours(o.Kind) {
		sheet.told.Store(1)
		o.Stand.Tell = tell(sheet)
		o.Stand.Probe, o.Stand.ProbeEvery = condition.probe, probeEvery(o.Stand.TTL)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	c, err := start(ctx, o.Stand)
	if err != nil {
		return err
	}
	var asking sync.WaitGroup
	stop := make(chan struct{})
	asking.Go(func() { (&sampler{sheet: sheet, clock: now}).run(c, stop) })
	asking.Go(func() { writeOn(c, o.Stand.TTL, stop) })
	disobeyed := (&servant{c, condition, sheet, obeyWithin(o.Stand.TTL), now}).obey(os.Stdin) // until the parent closes it

	closed := make(chan error, 1)
	go func() { closed <- c.Close() }()
	timer := time.NewTimer(closeWithin)
	defer timer.Stop()
	select {
	case err = <-closed:
	case <-timer.C:
		err = fmt.Errorf("it has not closed within %v", closeWithin)
	}
	nap(10 * sampleEvery) // so that the last answer is the one after Close
	close(stop)
	asking.Wait()
	if disobeyed != nil {
		return disobeyed
	}
	return err
}

// tell notes edges and checks the grammar of a stream.
func tell(s *sheet) func(status string, token uint64, err error) {
	var checker grammar.Checker
	return func(status string, token uint64, err error) {
		at := now()
		if breach := checker.Next(status, token, err); breach != nil {
			s.addBreach(breach.Error())
		}
		switch status {
		case "elected.first":
			s.addEdge(Edge{Elected: true, Token: token, At: at})
		case "relegation":
			s.addEdge(Edge{Elected: false, Token: token, At: at})
		}
	}
}
