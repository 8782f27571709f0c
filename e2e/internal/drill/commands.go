package drill

import (
	"fmt"
	"strings"
	"time"
)

// Verb is what a candidate is told to do.
type Verb string

// The verbs. A candidate reads commands from its standard input, one in a line: the verb and, after one space, its argument where it has one. It
// carries out one after the other. The end of the input tells it to close.
const (
	// Resign has it resign.
	Resign Verb = "resign"
	// Transfer has it resign in favour of the candidate whose ID is the argument.
	Transfer Verb = "transfer"
	// StandDown has it stand down for the duration that is the argument.
	StandDown Verb = "stand-down"
	// Sicken has its health probe fail from then on.
	Sicken Verb = "sicken"
	// Recover has its health probe succeed again.
	Recover Verb = "recover"
	// Shut closes the port that its session check looks at.
	Shut Verb = "shut"
	// Reopen opens that port again.
	Reopen Verb = "reopen"
)

// Command is one line of what a candidate is told.
type Command struct {
	Verb Verb
	// To is the argument of Transfer.
	To string
	// For is the argument of StandDown.
	For time.Duration
}

// String is the line, without its end.
func (c Command) String() string {
	switch c.Verb {
	case Transfer:
		return string(c.Verb) + " " + c.To
	case StandDown:
		return string(c.Verb) + " " + c.For.String()
	case Resign, Sicken, Recover, Shut, Reopen:
	}
	return string(c.Verb)
}

// ParseCommand reads a line. It takes what String writes, and nothing else.
func ParseCommand(line string) (Command, error) {
	verb, argument, given := strings.Cut(line, " ")
	c := Command{Verb: Verb(verb)}
	wrong := func(why string) (Command, error) {
		return Command{}, fmt.Errorf("drill: command %.200q: %s", line, why)
	}
	switch c.Verb {
	case Resign, Sicken, Recover, Shut, Reopen:
		if given {
			return wrong("takes no argument")
		}
	case Transfer:
		if argument == "" || strings.ContainsAny(argument, " \t\r\n") {
			return wrong("needs the ID of one candidate")
		}
		c.To = argument
	case StandDown:
		d, err := time.ParseDuration(argument)
		if err != nil || d <= 0 {
			return wrong("needs a duration above 0")
		}
		if c.For = d; d.String() != argument {
			return wrong("the duration is not written as " + d.String())
		}
	default:
		return wrong("there is no such verb")
	}
	return c, nil
}
