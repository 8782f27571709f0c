package differential

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("differential.update", false, "write the tables of docs/differences.md instead of comparing them")

const document = "../../docs/differences.md"

// TestDocument holds docs/differences.md to the code: the tables between its markers are written by this test.
func TestDocument(t *testing.T) {
	read, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	want := string(read)
	for name, table := range map[string]string{"differences": differenceTable(), "compared": comparedTable(), "alone": aloneList(t)} {
		begin, end := "<!-- "+name+": begin -->\n", "<!-- "+name+": end -->"
		before, rest, found := strings.Cut(want, begin)
		_, after, closed := strings.Cut(rest, end)
		if !found || !closed {
			t.Fatalf("%s has no place for %s", document, name)
		}
		want = before + begin + "\n" + table + "\n" + end + after
	}
	if want == string(read) {
		return
	}
	if !*update {
		t.Fatalf("%s does not say what the tables here do: go test ./e2e/differential -differential.update", document)
	}
	if err := os.WriteFile(document, []byte(want), 0o600); err != nil {
		t.Fatal(err)
	}
}

// differenceTable has a row for each difference.
func differenceTable() string {
	var b strings.Builder
	b.WriteString("| Operator | rxgo | samber/ro | reactivex.io | here |\n|---|---|---|---|---|\n")
	rows := differences()
	slices.SortStableFunc(rows, func(a, b difference) int { return strings.Compare(a.operator, b.operator) })
	for _, d := range rows {
		operator := "`" + d.operator + "`"
		if d.operator == everything {
			operator = "every operator"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", operator, d.cell(inRxgo), d.cell(inRo), d.standard, d.here)
	}
	return b.String()
}

// cell is what the table says of p.
func (d difference) cell(p peer) string {
	if deviates := d.in(p); deviates != nil {
		return deviates.does
	}
	if d.operator == everything {
		return "as here"
	}
	for name, c := range comparisons() {
		if c.name(name) == d.operator && c.peers()[p] != nil {
			return "as here"
		}
	}
	return "–"
}

// name is that of the operator.
func (c comparison) name(comparison string) string {
	if c.operator != "" {
		return c.operator
	}
	return comparison
}

// comparedTable has a row for each operator that is compared, with its names in the peers.
func comparedTable() string {
	names := map[string]map[peer][]string{}
	all := comparisons()
	for _, key := range slices.Sorted(maps.Keys(all)) {
		c := all[key]
		operator := c.name(key)
		if names[operator] == nil {
			names[operator] = map[peer][]string{}
		}
		for p := range c.peers() {
			called := c.called[p]
			if called == "" {
				called = operator
			}
			names[operator][p] = append(names[operator][p], called)
		}
	}
	var b strings.Builder
	b.WriteString("| Operator | rxgo | samber/ro |\n|---|---|---|\n")
	for _, operator := range slices.Sorted(maps.Keys(names)) {
		cell := func(p peer) string {
			if len(names[operator][p]) == 0 {
				return "–"
			}
			return strings.Join(names[operator][p], "; ")
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", operator, cell(inRxgo), cell(inRo))
	}
	return b.String()
}

// aloneList is a list of the operators that neither peer has, with the reason.
func aloneList(t *testing.T) string {
	t.Helper()
	compared := map[string]bool{}
	for key, c := range comparisons() {
		compared[c.name(key)] = true
	}
	alone := withoutPeer()
	var b strings.Builder
	for _, operator := range exported(t) {
		why := alone[operator]
		switch {
		case compared[operator] && why != "":
			t.Errorf("%s is compared, and said to have no peer", operator)
		case compared[operator]:
		case why == "":
			t.Errorf("%s is not compared: add it to the comparisons, or to withoutPeer if neither peer has it", operator)
		default:
			fmt.Fprintf(&b, "- `%s`: %s\n", operator, why)
		}
		delete(alone, operator)
		delete(compared, operator)
	}
	for operator := range alone {
		t.Errorf("there is no operator %s", operator)
	}
	for operator := range compared {
		t.Errorf("there is no operator %s", operator)
	}
	return b.String()
}

// exported are the functions of package operators that return an Observable.
func exported(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("../../operators/*.go")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, declaration := range parsed.Decls {
			f, ok := declaration.(*ast.FuncDecl)
			if ok && f.Recv == nil && f.Name.IsExported() && f.Type.Results != nil && len(f.Type.Results.List) == 1 && isObservable(f.Type.Results.List[0].Type) {
				names = append(names, f.Name.Name)
			}
		}
	}
	if len(names) == 0 {
		t.Fatal("no operators found")
	}
	slices.Sort(names)
	return names
}

func isObservable(result ast.Expr) bool {
	generic, ok := result.(*ast.IndexExpr)
	if !ok {
		return false
	}
	selector, ok := generic.X.(*ast.SelectorExpr)
	return ok && selector.Sel.Name == "Observable"
}

// withoutPeer says why an operator has none.
func withoutPeer() map[string]string {
	const elections = "it is about elections"
	return map[string]string{
		"OfStatus":         elections,
		"Edges":            elections,
		"LeaderChanges":    elections,
		"WhileLeading":     elections,
		"DebounceEdges":    elections,
		"ErrorsAsTerminal": elections,
		"SwitchMap":        "neither has one",
		"WithLatestFrom":   "neither has one",
		"Log":              "neither has one; samber/ro has plugins for loggers",
	}
}
