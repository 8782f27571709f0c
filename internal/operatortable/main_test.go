package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"
)

const root = "../.."

func TestTheTableInREADMEIsTheOneOfTheDocComments(t *testing.T) {
	now, want, err := update(root)
	if err != nil {
		t.Fatal(err)
	}
	if string(now) != string(want) {
		t.Error("README.md is not up to date: make docs")
	}
}

func TestEveryOperatorHasADiagramAndAnExample(t *testing.T) {
	all, err := operators(filepath.Join(root, "operators"))
	if err != nil || len(all) == 0 {
		t.Fatalf("%d operators, %v", len(all), err)
	}
	examples := examples(t)
	for _, o := range all {
		if !strings.HasPrefix(o.text, o.name+" ") {
			t.Errorf("the comment of %s in %s does not begin with its name", o.name, o.file)
		}
		if !strings.Contains(o.text, "\n\t") {
			t.Errorf("%s in %s has no marble diagram", o.name, o.file)
		}
		if length := len(sentence(o)); length == 0 || length > 300 {
			t.Errorf("the first sentence on %s in %s has %d characters", o.name, o.file, length)
		}
		if !examples["Example"+o.name] {
			t.Errorf("%s in %s has no Example%s with an output", o.name, o.file, o.name)
		}
	}
}

// examples are the runnable examples of package operators.
func examples(t *testing.T) map[string]bool {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(root, "operators", "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	fset := token.NewFileSet()
	for _, name := range names {
		file, err := parser.ParseFile(fset, name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		for _, decl := range file.Decls {
			f, ok := decl.(*ast.FuncDecl)
			if !ok || !strings.HasPrefix(f.Name.Name, "Example") {
				continue
			}
			for _, c := range file.Comments {
				if f.Body.Pos() < c.Pos() && c.End() < f.Body.End() && strings.HasPrefix(c.Text(), "Output:") {
					found[f.Name.Name] = true
				}
			}
		}
	}
	return found
}

func TestFill(t *testing.T) {
	got, err := fill([]byte("a\n"+begin+"old\n"+end+"b\n"), "new\n")
	if want := "a\n" + begin + "\nnew\n\n" + end + "b\n"; err != nil || string(got) != want {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := fill([]byte("a\n"+end), ""); err == nil {
		t.Error("a README without the place for the table is no error")
	}
}

func TestSentence(t *testing.T) {
	for text, want := range map[string]string{
		"A does it. Or not.\n":              "does it.",
		"A joins [B] and [*leadership.C]s.": "joins `B` and `leadership.C`s.",
		"A or a | b.":                       `or a \| b.`,
	} {
		if got := sentence(operator{name: "A", text: text}); got != want {
			t.Errorf("%q gives %q, want %q", text, got, want)
		}
	}
}

func TestAnOperatorInNoFamilyIsAnError(t *testing.T) {
	if _, err := table([]operator{{name: "A", file: "elsewhere.go"}}); err == nil {
		t.Error("no error")
	}
}
