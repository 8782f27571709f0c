package operators_test

import (
	"fmt"
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/operators"
)

// Operators are chained from the inside out, or from left to right by Pipe where they keep the type.
func Example() {
	messages := leadership.Just(
		leadership.ElectionMessage{Status: leadership.StatusNotElected, Vote: &leadership.Vote{ServiceID: "node-1"}},
		leadership.ElectionMessage{Status: leadership.StatusError, Err: leadership.ErrDenied},
		leadership.ElectionMessage{Status: leadership.StatusElected, Vote: &leadership.Vote{ServiceID: "node-2"}, Term: 8},
		leadership.ElectionMessage{Status: leadership.StatusElectedFirst, Vote: &leadership.Vote{ServiceID: "node-2"}, Term: 8},
	)
	failures := 0
	leaders := operators.LeaderChanges(operators.Tap(messages, func(m leadership.ElectionMessage) {
		if m.Status == leadership.StatusError {
			failures++
		}
	}))
	names := operators.Map(leaders, func(v *leadership.Vote) string {
		if v == nil {
			return "nobody"
		}
		return v.ServiceID
	})
	latest := func(names leadership.Observable[string]) leadership.Observable[string] {
		return operators.Skip(names, 1)
	}
	names.Pipe(latest, operators.DistinctUntilChanged).Subscribe(func(name string) { fmt.Println("leader:", name) })
	fmt.Println("failures:", failures)
	// Output:
	// leader: node-2
	// failures: 1
}

func TestEveryOperatorHasAnExampleThatIsChecked(t *testing.T) {
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	var operators []string
	var tests []*ast.File
	for _, name := range names {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(name, "_test.go") {
			tests = append(tests, file)
			continue
		}
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.IsExported() {
				operators = append(operators, f.Name.Name)
			}
		}
	}
	checked := map[string]bool{}
	for _, e := range doc.Examples(tests...) {
		checked[e.Name] = e.Output != "" || e.EmptyOutput
	}
	if len(operators) == 0 {
		t.Fatal("no operators found")
	}
	for _, name := range operators {
		if !checked[name] {
			t.Errorf("%s has no Example with an Output", name)
		}
	}
}
