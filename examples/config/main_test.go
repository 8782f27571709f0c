package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestRun(t *testing.T) {
	for _, tc := range []struct {
		name   string
		file   string // "": the program's own
		env    map[string]string
		code   int
		stdout string
		stderr string // a part
	}{
		{
			name: "the program's own file",
			stdout: `stands for services/cluster-app/leader with a TTL of 15s
ElectionMessage(status=elected, vote=Vote{sessionId='session-1', serviceName='cluster-app', serviceId='node-1'}, error=null)
ElectionMessage(status=elected.first, vote=Vote{sessionId='session-1', serviceName='cluster-app', serviceId='node-1'}, error=null)
`,
		},
		{
			name: "the environment stands above a file",
			file: "cluster: { leader: { serviceName: billing, serviceId: a, session: { ttl: 20 } } }",
			env:  map[string]string{"CLUSTER_LEADER_SERVICE_ID": "b"},
			stdout: `stands for services/billing/leader with a TTL of 20s
ElectionMessage(status=elected, vote=Vote{sessionId='session-1', serviceName='billing', serviceId='b'}, error=null)
ElectionMessage(status=elected.first, vote=Vote{sessionId='session-1', serviceName='billing', serviceId='b'}, error=null)
`,
		},
		{
			name:   "a setting that breaks a rule is named",
			file:   "cluster: { leader: { session: { ttl: 5s, refresh: 7s } } }",
			code:   1,
			stderr: "cluster.leader.session.refresh 7s must be below session.ttl 5s",
		},
		{
			name:   "an unknown setting is named",
			file:   "cluster: { leader: { sessoin: { ttl: 5s } } }",
			code:   1,
			stderr: "cluster.leader.sessoin",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var args []string
			if tc.file != "" {
				path := filepath.Join(t.TempDir(), "leader.yaml")
				if err := os.WriteFile(path, []byte(tc.file), 0o600); err != nil {
					t.Fatal(err)
				}
				args = []string{path}
			}
			for name, value := range tc.env {
				t.Setenv(name, value)
			}
			var stdout, stderr bytes.Buffer
			if code := run(t.Context(), args, &stdout, &stderr); code != tc.code {
				t.Errorf("exit status %d", code)
			}
			if got := stdout.String(); got != tc.stdout {
				t.Errorf("it printed\n%swant\n%s", got, tc.stdout)
			}
			if got := stderr.String(); !strings.Contains(got, tc.stderr) || tc.stderr == "" && got != "" {
				t.Errorf("it said %q, want %q", got, tc.stderr)
			}
		})
	}

	t.Run("a file that is not there is named", func(t *testing.T) {
		var stdout, stderr bytes.Buffer
		if code := run(t.Context(), []string{"no-such.yaml"}, &stdout, &stderr); code != 1 || !strings.Contains(stderr.String(), "no-such.yaml") {
			t.Errorf("exit status %d: %s%s", code, &stdout, &stderr)
		}
	})
}
