package leadershipotel_test

import (
	"os/exec"
	"strings"
	"testing"
)

func TestTheLibraryDoesNotLinkOpenTelemetry(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", "{{.ImportPath}}", "./...")
	cmd.Dir = ".."
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(out), "github.com/leadership-go/leadership/sources/consul") {
		t.Errorf("not the library: %s", out)
	}
	for name := range strings.FieldsSeq(string(out)) {
		if strings.HasPrefix(name, "go.opentelemetry.io/") || strings.HasPrefix(name, "github.com/prometheus/") {
			t.Errorf("the library links %s", name)
		}
	}
}
