package grammar_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/leadership-go/leadership/internal/grammar"
)

// Streams in short: E elected, F elected.first, N notelected, R relegation, ! error. Terms are counted by F.
func TestGrammar(t *testing.T) {
	names := map[rune]string{'E': "elected", 'F': "elected.first", 'N': "notelected", 'R': "relegation", '!': "error", '?': "other"}
	for stream, want := range map[string]bool{
		"":                  true,
		"N N N":             true,
		"E F":               false, // complete inside a term
		"E F N R":           true,
		"E F E E N R":       true,
		"E F N R E F N R":   true,
		"N ! N E ! F N ! R": true,
		"F":                 false,
		"R":                 false,
		"N R":               false,
		"E E":               false,
		"E N":               false,
		"E F F":             false,
		"E F N N":           false,
		"E F N E":           false,
		"E F R":             false,
		"E":                 false,
		"?":                 false,
	} {
		t.Run(stream, func(t *testing.T) {
			var c grammar.Checker
			var term uint64
			var err error
			for _, r := range strings.ReplaceAll(stream, " ", "") {
				if r == 'F' {
					term++
				}
				this := term
				if r == 'E' && !c.Leads() {
					this++
				}
				if err = c.Next(names[r], this, errors.New("why")); err != nil {
					break
				}
			}
			if err == nil {
				err = c.End()
			}
			if (err == nil) != want {
				t.Errorf("%v", err)
			}
		})
	}
	t.Run("a token that does not grow", func(t *testing.T) {
		var c grammar.Checker
		for _, s := range []string{"elected", "elected.first", "notelected", "relegation", "elected"} {
			if err := c.Next(s, 5, errors.New("why")); err != nil {
				t.Fatal(err)
			}
		}
		if c.Next("elected.first", 5, nil) == nil {
			t.Error("it passed")
		}
	})
	t.Run("a relegation without a reason", func(t *testing.T) {
		var c grammar.Checker
		for _, s := range []string{"elected", "elected.first", "notelected"} {
			if err := c.Next(s, 5, nil); err != nil {
				t.Fatal(err)
			}
		}
		if c.Next("relegation", 5, nil) == nil {
			t.Error("it passed")
		}
	})
}
