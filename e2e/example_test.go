package e2e_test

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/hashicorp/consul/api"

	"github.com/leadership-go/leadership/e2e/consulserver"
)

// The other programs of module examples need no server of ours; its own tests run them.
func TestExampleConsul(t *testing.T) {
	t.Parallel()
	server := consulserver.Run(t, consulserver.Options{})
	program := filepath.Join(t.TempDir(), "consul")
	if out, err := exec.CommandContext(t.Context(), "go", "-C", "../examples", "build", "-o", program, "./consul").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	show := exec.CommandContext(t.Context(), program, "-addr", server.Addr, "-ttl", "3s")
	var stderr bytes.Buffer
	show.Stderr = &stderr
	out, err := show.Output()
	if err != nil {
		t.Fatalf("%v\n%s%s", err, out, stderr.String())
	}
	for _, line := range []string{
		`(?m)^node-\d  ElectionMessage\(status=elected\.first, vote=Vote\{sessionId='[0-9a-f-]{36}', serviceName='example-\d+', serviceId='node-\d'\}, error=null\)$`,
		`(?m)^--- node-\d resigns$`,
		`(?m)^node-\d  ElectionMessage\(status=relegation, vote=.*, error=leadership: resigned\)$`,
		`(?m)^--- node-\d is cut off; Consul keeps its session for up to twice the TTL of 3s$`,
		`(?m)^node-\d  ElectionMessage\(status=relegation, vote=.*, error=leadership: lease expired: .*\)$`,
		`3 members, 3 leaders: node-\d, then node-\d after a resignation, then node-\d \d\.\d+s after a hard stop\n$`,
	} {
		if !regexp.MustCompile(line).Match(out) {
			t.Errorf("no line %s in\n%s", line, out)
		}
	}
	sessions, _, err := server.Client().Session().List(new(api.QueryOptions).WithContext(t.Context()))
	if err != nil || len(sessions) != 0 {
		t.Errorf("it left %d sessions, %v", len(sessions), err)
	}
}
