package soak

import (
	"bytes"
	"runtime/pprof"
	"slices"
	"time"

	"github.com/leadership-go/leadership/e2e/internal/crowd"
	"github.com/leadership-go/leadership/e2e/internal/fault"
)

// Sample is what one look showed.
type Sample struct {
	// At is the time since the beginning.
	At time.Duration
	// Usage is this process's, the faults' own machinery included.
	crowd.Usage
	// Stores are in the order of the result's.
	Stores []Standing
}

// Standing is how things stand at one store.
type Standing struct {
	// Sessions and Keys are how many the store holds, below 0 while it does not answer.
	Sessions, Keys int
	// Messages and Terms are how many there have been.
	Messages, Terms int
	// Faults is how many of each kind there have been.
	Faults [kinds]int
}

// Total is the sum of all faults; subscribers are none.
func (s Standing) Total() int {
	sum := 0
	for _, n := range s.Faults[:Subscription] {
		sum += n
	}
	return sum
}

// use reads what the process uses, without goroutines that the fault proxy has abandoned, which it counts.
func use() (u crowd.Usage, abandoned int, err error) {
	if u, err = crowd.Use(); err != nil {
		return u, 0, err
	}
	var profile bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&profile, 2); err != nil {
		return u, 0, err
	}
	for trace := range bytes.SplitSeq(profile.Bytes(), []byte("\n\n")) {
		head, rest, _ := bytes.Cut(trace, []byte("\n"))
		if bytes.Contains(head, []byte("[chan send")) && slices.ContainsFunc(fault.Abandoned(), func(f string) bool { return bytes.HasPrefix(rest, []byte(f+"(")) }) {
			abandoned++
		}
	}
	u.Goroutines -= abandoned
	return u, abandoned, nil
}

// standing is how things stand here.
func (s *side) standing() Standing {
	st := Standing{
		Sessions: int(s.sessions.Load()), Keys: int(s.keys.Load()),
		Messages: int(s.messages.Load()), Terms: s.witness.Testimony().Terms,
	}
	for k := range s.happened {
		st.Faults[k] = int(s.happened[k].Load())
	}
	return st
}
