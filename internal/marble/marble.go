// Package marble writes streams as diagrams in text, for tests under [testing/synctest]:
//
//	-a-b--(cd|)
//
// Each character is one [Frame] of virtual time:
//
//   - nothing happens
//     a       the value "a" (any other letter or digit too)
//     |       completion
//     #       error
//     (ab|)   all of these in one frame
//
// Blanks count for nothing, so diagrams can be aligned. Nothing but - may follow a terminal.
package marble

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
)

// Frame is the time that one character of a diagram stands for.
const Frame = time.Second

// hair is how much shorter the frames of a source are than a [Frame]. So where a value and a timer of an operator fall into
// the same frame, the value is always the first.
const hair = time.Microsecond

// maxFrames bounds a diagram, so that the hairs of all frames together stay far below half a frame.
const maxFrames = 100_000

// ErrMarble is the error that # stands for in a source.
var ErrMarble = errors.New("marble: #")

// ErrSyntax says what is wrong with a diagram.
var ErrSyntax = errors.New("marble: not a diagram")

// Event is one thing that happens in a diagram.
type Event struct {
	// Frame is when, counted from 0.
	Frame int
	// Mark is what: the value, or | or #.
	Mark rune
}

// Terminal reports whether the event ends the stream.
func (e Event) Terminal() bool { return e.Mark == '|' || e.Mark == '#' }

// Parse reads a diagram. What it does not understand is an [ErrSyntax].
func Parse(diagram string) ([]Event, error) {
	var events []Event
	frame, group, ended := 0, false, false
	for at, r := range diagram {
		bad := func(why string) error {
			return fmt.Errorf("%w: %q: %q at %d %s", ErrSyntax, diagram, r, at, why)
		}
		switch {
		case r == ' ':
			continue
		case r == '(' && !group:
			group = true
			continue
		case r == ')' && group:
			group = false
		case r == '-' && !group:
		case r == '|' || r == '#' || unicode.IsLetter(r) || unicode.IsDigit(r):
			if ended {
				return nil, bad("comes after the terminal")
			}
			events = append(events, Event{frame, r})
			ended = events[len(events)-1].Terminal()
		default:
			return nil, bad("means nothing here")
		}
		if !group {
			frame++
		}
		if frame > maxFrames {
			return nil, bad("is too late")
		}
	}
	if group {
		return nil, fmt.Errorf("%w: %q: ( without )", ErrSyntax, diagram)
	}
	return events, nil
}

// Format writes events, which must be in order of time, as the shortest diagram that says them.
func Format(events []Event) string {
	var b strings.Builder
	frame := 0
	for len(events) > 0 {
		n := slices.IndexFunc(events, func(e Event) bool { return e.Frame != events[0].Frame })
		if n < 0 {
			n = len(events)
		}
		same := events[:n]
		events = events[n:]
		b.WriteString(strings.Repeat("-", max(same[0].Frame-frame, 0)))
		frame = same[0].Frame + 1
		marks := make([]rune, len(same))
		for i, e := range same {
			marks[i] = e.Mark
		}
		if len(marks) == 1 {
			b.WriteRune(marks[0])
		} else {
			b.WriteString("(" + string(marks) + ")")
		}
	}
	return b.String()
}
