package drill

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestParseCommand(t *testing.T) {
	for _, c := range []struct {
		line string
		want Command
	}{
		{"resign", Command{Verb: Resign}},
		{"transfer ours-0-b", Command{Verb: Transfer, To: "ours-0-b"}},
		{"stand-down 1.5s", Command{Verb: StandDown, For: 1500 * time.Millisecond}},
		{"sicken", Command{Verb: Sicken}},
		{"recover", Command{Verb: Recover}},
		{"shut", Command{Verb: Shut}},
		{"reopen", Command{Verb: Reopen}},
	} {
		t.Run(c.line, func(t *testing.T) {
			got, err := ParseCommand(c.line)
			if err != nil || got != c.want {
				t.Errorf("%+v, %v", got, err)
			}
			if s := got.String(); s != c.line {
				t.Errorf("it is written as %q", s)
			}
		})
	}
}

func TestParseCommandRefuses(t *testing.T) {
	for _, line := range []string{
		"", " ", "resign ", "resign now", " resign", "RESIGN", "abdicate", "transfer", "transfer ", "transfer a b", "transfer  a", "transfer a\tb",
		"stand-down", "stand-down ", "stand-down 0s", "stand-down -1s", "stand-down soon", "stand-down 1000ms", "stand-down 1s ", "sicken 1s", "shut door",
	} {
		t.Run(line, func(t *testing.T) {
			if c, err := ParseCommand(line); err == nil {
				t.Errorf("it is %+v", c)
			}
		})
	}
}

// A line that is taken is one line, and it is written as it was read, whatever is changed about one that is right.
func TestParseCommandTakesNothingElse(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	right := []string{"resign", "transfer a-1", "stand-down 1m2.5s", "sicken", "recover", "shut", "reopen"}
	taken := 0
	for range 100_000 {
		line := []byte(right[rng.IntN(len(right))])
		for range rng.IntN(3) {
			at := rng.IntN(len(line))
			switch char := byte(rng.IntN(256)); rng.IntN(3) {
			case 0:
				line[at] = char
			case 1:
				line = slices.Insert(line, at, char)
			default:
				line = slices.Delete(line, at, at+1)
				line = append(line, '0') // it never gets empty
			}
		}
		c, err := ParseCommand(string(line))
		if err != nil {
			continue
		}
		taken++
		if c.String() != string(line) || strings.ContainsAny(string(line), "\r\n") {
			t.Fatalf("%q is %+v", line, c)
		}
	}
	if taken < 20_000 {
		t.Errorf("%d lines were taken: that shows little", taken)
	}
}
