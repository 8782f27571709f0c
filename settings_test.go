package leadership_test

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/leadership-go/leadership"
)

// README lists all settings in one table, each with its unit, its default and its effect, and no others.
func TestSettingsTable(t *testing.T) {
	want := settingsOf(reflect.TypeFor[leadership.Config](), "")
	factory := reflect.TypeFor[*leadership.ClusterFactory]()
	for m := range factory.Methods() {
		if m.Type.NumOut() == 1 && m.Type.Out(0) == factory {
			want = append(want, m.Name)
		}
	}
	for _, source := range []string{"consul", "etcd", "http"} {
		files, err := filepath.Glob(filepath.Join("sources", source, "*.go"))
		if err != nil || len(files) == 0 {
			t.Fatal(files, err)
		}
		for _, file := range files {
			code, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range regexp.MustCompile(`(?m)^func (With\w+)\(`).FindAllStringSubmatch(string(code), -1) {
				want = append(want, source+"."+f[1])
			}
		}
	}

	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(readme), "\n## Settings\n")
	_, section, _ = strings.Cut(section, "\n|---|---|---|---|\n")
	section, _, _ = strings.Cut(section, "\n\n")
	var listed []string
	for row := range strings.Lines(section) {
		cells := strings.Split(strings.TrimSpace(row), "|")
		if len(cells) != 6 {
			t.Errorf("a row of %d cells: %s", len(cells)-2, row)
			continue
		}
		name := strings.TrimSpace(cells[1])
		if strings.HasPrefix(name, "**") || strings.HasPrefix(name, "–") { // a heading, or a part of the setting above
			continue
		}
		for _, cell := range cells[2:5] {
			if strings.TrimSpace(cell) == "" {
				t.Errorf("an empty cell: %s", row)
			}
		}
		for _, quoted := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(name, -1) {
			listed = append(listed, quoted[1])
		}
	}
	slices.Sort(want)
	slices.Sort(listed)
	if !slices.Equal(want, listed) {
		t.Errorf("README lists\n%q\nwant\n%q", listed, want)
	}
}

// settingsOf are the paths of a configuration's fields.
func settingsOf(of reflect.Type, path string) []string {
	if of.Kind() != reflect.Struct {
		return []string{strings.TrimSuffix(path, ".")}
	}
	var all []string
	for f := range of.Fields() {
		all = append(all, settingsOf(f.Type, path+f.Tag.Get("mapstructure")+".")...)
	}
	return all
}
