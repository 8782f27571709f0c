// Package examples checks the programs of this folder as a reader meets them: built, and started from README.md.
package examples

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// programs are the folders that hold one.
func programs(t *testing.T) (names []string) {
	t.Helper()
	files, err := filepath.Glob("*/main.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("no programs: %v", err)
	}
	for _, file := range files {
		names = append(names, filepath.Dir(file))
	}
	return names
}

func TestReadmeListsEveryProgram(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	var listed []string
	for _, found := range regexp.MustCompile("(?m)^\\| `go run ./examples/([a-z]+)` \\|").FindAllSubmatch(readme, -1) {
		listed = append(listed, string(found[1]))
	}
	slices.Sort(listed)
	if want := programs(t); !slices.Equal(listed, want) {
		t.Errorf("README.md lists %v, the folder holds %v", listed, want)
	}
}

// message is how a line with a message of a member reads, with its status.
const message = `ElectionMessage\(status=([a-z.]+), vote=(?:null|Vote\{sessionId='[^']+', serviceName='[^']+', serviceId='[^']+'\}), error=(?s:.*?)\)`

func TestPrograms(t *testing.T) {
	folder := t.TempDir()
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", folder, "./...").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	for _, tc := range []struct {
		program string
		env     []string
		code    int
		stdout  string // what all of it reads like
		stderr  string
	}{
		{
			program: "quickstart",
			stdout: `--- etcd is up, at 127\.0\.0\.1:\d+\n` +
				`(node-[123] +\d\.\d{3} s  ` + message + `\n)+--- node-[123] resigns\n` +
				`(node-[123] +\d\.\d{3} s  ` + message + `\n)+--- node-[123] is cut off: [^\n]+\n` +
				`(node-[123] +\d\.\d{3} s  ` + message + `\n)+3 members, 3 leaders, 0 moments with two [^\n]+\n`,
		},
		{program: "single", stdout: `(` + message + `\n){4}`},
		{program: "config", stdout: `stands for services/cluster-app/leader with a TTL of 15s\n(` + message + `\n){2}`},
		{
			program: "rolling",
			stdout: `--- etcd is up, at 127\.0\.0\.1:\d+\nnode-1 leads\n` +
				`(restart +\d+ of node-[123]: node-[123] leads \S+ after its work was done\n){10}10 restarts [^\n]+\n`,
		},
		{
			program: "shards",
			stdout: `--- etcd is up, at 127\.0\.0\.1:\d+\n(--- [^\n]+\n\d+ shards moved, [^\n]+\n){4}` +
				`(shard [ \d]\d  [.123]+\n){12}( +\^ [^\n]+\n){4}12 shards, [^\n]+\n`,
		},
		{program: "fencing", stdout: `(?:[^\n]+\n){3}node-1 goes on, and writes: refused: [^\n]+\nthe job is done by node-2\n`},
		{
			program: "consul",
			env:     []string{"CONSUL_HTTP_ADDR=127.0.0.1:1"}, // where nothing listens
			code:    1,
			stdout:  `(node-[123]  ` + message + `\n)*`,
			stderr:  `consul failed: (.|\n)+GOWORK=off go -C tools/consul tool consul agent -dev\n(.|\n)+`,
		},
	} {
		t.Run(tc.program, func(t *testing.T) {
			code, stdout, stderr := start(t, filepath.Join(folder, tc.program), tc.env)
			if code != tc.code {
				t.Errorf("exit status %d", code)
			}
			if !regexp.MustCompile(`^(?:` + tc.stdout + `)$`).MatchString(stdout) {
				t.Errorf("it printed\n%s", stdout)
			}
			if !regexp.MustCompile(`^(?:` + tc.stderr + `)$`).MatchString(stderr) {
				t.Errorf("it said\n%s", stderr)
			}
		})
	}
}

// start runs a program to its end. The bounds of the quickstart are for a machine that has nothing else to do: where it was too
// slow, it runs again, up to three times.
func start(t *testing.T, path string, env []string) (code int, stdout, stderr string) {
	t.Helper()
	for range 3 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		var out, fail bytes.Buffer
		cmd := exec.CommandContext(ctx, path)
		cmd.Env = append(os.Environ(), env...)
		cmd.Stdout, cmd.Stderr = &out, &fail
		if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
			t.Fatal(err)
		}
		code, stdout, stderr = cmd.ProcessState.ExitCode(), out.String(), fail.String()
		if !strings.Contains(stderr, "too slow: ") {
			break
		}
		t.Logf("%s", stderr)
	}
	return code, stdout, stderr
}
