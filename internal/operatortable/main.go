// Command operatortable writes the table of operators in README.md from their doc comments:
//
//	go run ./internal/operatortable
package main

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// The lines of README.md between which the table stands.
const (
	begin = "<!-- operators: written by `make docs` from the doc comments -->\n"
	end   = "<!-- end of operators -->\n"
)

// family is a heading of the table and the files whose operators stand under it.
type family struct {
	name  string
	files []string
}

// families is the order of the table.
func families() []family {
	return []family{
		{"Elections", []string{"election.go"}},
		{"Filtering", []string{"filter.go", "take.go"}},
		{"Time", []string{"time.go", "rate.go", "delay.go"}},
		{"Transforming", []string{"map.go", "transform.go", "flat.go", "buffer.go", "window.go", "group.go"}},
		{"Combining", []string{"combine.go", "share.go"}},
		{"Recovery", []string{"recover.go", "catch.go", "repeat.go"}},
		{"Side effects and delivery", []string{"tap.go", "log.go", "observeon.go"}},
	}
}

// operator is an exported function of package operators.
type operator struct {
	name string
	call string // how it is called: Take(src, n)
	text string // its doc comment
	file string
}

// operators reads the source files in folder.
func operators(folder string) ([]operator, error) {
	names, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil {
		return nil, err
	}
	var found []operator
	fset := token.NewFileSet()
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(fset, name, nil, parser.ParseComments)
		if err != nil {
			return nil, err
		}
		for _, decl := range file.Decls {
			f, ok := decl.(*ast.FuncDecl)
			if ok && f.Recv == nil && f.Name.IsExported() {
				found = append(found, operator{f.Name.Name, call(f), f.Doc.Text(), filepath.Base(name)})
			}
		}
	}
	return found, nil
}

func call(f *ast.FuncDecl) string {
	var names []string
	for _, field := range f.Type.Params.List {
		_, variadic := field.Type.(*ast.Ellipsis)
		for _, name := range field.Names {
			if variadic {
				name.Name += "…"
			}
			names = append(names, name.Name)
		}
	}
	return f.Name.Name + "(" + strings.Join(names, ", ") + ")"
}

// table is the Markdown for all of them.
func table(all []operator) (string, error) {
	var b strings.Builder
	b.WriteString("| | |\n|---|---|\n")
	for _, f := range families() {
		fmt.Fprintf(&b, "| **%s** | |\n", f.name)
		for _, file := range f.files {
			for _, o := range all {
				if o.file == file {
					fmt.Fprintf(&b, "| `%s` | %s |\n", o.call, sentence(o))
				}
			}
		}
	}
	for _, o := range all {
		if !slices.ContainsFunc(families(), func(f family) bool { return slices.Contains(f.files, o.file) }) {
			return "", fmt.Errorf("%s is in %s, which belongs to no family", o.name, o.file)
		}
	}
	return b.String(), nil
}

// sentence is the first one of the doc comment, as Markdown and without the name that it begins with.
func sentence(o operator) string {
	s := strings.TrimPrefix(new(doc.Package).Synopsis(o.text), o.name+" ")
	s = regexp.MustCompile(`\[\*?([\w.]+)\]`).ReplaceAllString(s, "`$1`")
	return strings.ReplaceAll(s, "|", `\|`)
}

// fill puts the table into readme.
func fill(readme []byte, table string) ([]byte, error) {
	before, rest, ok := bytes.Cut(readme, []byte(begin))
	_, after, ok2 := bytes.Cut(rest, []byte(end))
	if !ok || !ok2 {
		return nil, fmt.Errorf("README.md lacks %q or %q", begin, end)
	}
	return slices.Concat(before, []byte(begin+"\n"+table+"\n"+end), after), nil
}

// update is README.md, the text it has now and the one it should have.
func update(root string) (now, want []byte, err error) {
	all, err := operators(filepath.Join(root, "operators"))
	if err != nil {
		return nil, nil, err
	}
	rows, err := table(all)
	if err != nil {
		return nil, nil, err
	}
	now, err = os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		return nil, nil, err
	}
	want, err = fill(now, rows)
	return now, want, err
}

func main() {
	if len(os.Args) > 1 {
		fmt.Fprintln(os.Stderr, "operatortable takes no arguments: it writes README.md of the folder that it runs in")
		os.Exit(2)
	}
	_, want, err := update(".")
	if err == nil {
		err = os.WriteFile("README.md", want, 0o644)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "operatortable:", err)
		os.Exit(1)
	}
}
