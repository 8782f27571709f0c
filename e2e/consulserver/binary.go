package consulserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"time"
)

const (
	// buildTimeout bounds the build; it takes about three minutes on two cores.
	buildTimeout = 30 * time.Minute
	// progressInterval is how often a build says that it goes on.
	progressInterval = 15 * time.Second
	// toolModule is where the version of the server is set.
	toolModule = "tools/consul"
	consulPath = "github.com/hashicorp/consul"
)

// Binary returns the path of the Consul server, which it builds when the cache has none that works. Concurrent
// calls, also of other processes, wait for one another. Progress goes to standard error.
func Binary(ctx context.Context) (string, error) {
	module, err := findModule()
	if err != nil {
		return "", err
	}
	version, err := serverVersion(module)
	if err != nil {
		return "", err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("consulserver: %w", err)
	}
	dir := filepath.Join(cache, "leadership")
	path := filepath.Join(dir, fmt.Sprintf("consul-%s-%s", version, strings.ReplaceAll(runtime.Version(), " ", "_")))
	if answers(ctx, path, version) {
		return path, nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("consulserver: %w", err)
	}
	unlock, err := lockFile(ctx, path+".lock")
	if err != nil {
		return "", fmt.Errorf("consulserver: %w", err)
	}
	defer unlock()
	if answers(ctx, path, version) { // somebody else built it meanwhile
		return path, nil
	}
	if err := build(ctx, module, version, path); err != nil {
		return "", fmt.Errorf("consulserver: build Consul %s: %w", version, err)
	}
	if !answers(ctx, path, version) {
		return "", fmt.Errorf("consulserver: %s does not answer as Consul %s", path, version)
	}
	return path, nil
}

// findModule is the directory of tools/consul: upwards from the working directory, else from where this file was compiled.
func findModule() (string, error) {
	var starts []string
	if wd, err := os.Getwd(); err == nil {
		starts = append(starts, wd)
	}
	if _, file, _, ok := runtime.Caller(0); ok {
		starts = append(starts, filepath.Dir(file))
	}
	for _, dir := range starts {
		for {
			module := filepath.Join(dir, filepath.FromSlash(toolModule))
			if _, err := os.Stat(filepath.Join(module, "go.mod")); err == nil {
				return module, nil
			}
			parent := filepath.Dir(dir)
			if parent == dir {
				break
			}
			dir = parent
		}
	}
	return "", fmt.Errorf("consulserver: no folder %s above %s", toolModule, strings.Join(starts, " or "))
}

// serverVersion reads the version that tools/consul requires.
func serverVersion(module string) (string, error) {
	data, err := os.ReadFile(filepath.Join(module, "go.mod"))
	if err != nil {
		return "", fmt.Errorf("consulserver: %w", err)
	}
	found := regexp.MustCompile(`(?m)^\s*(?:require\s+)?` + regexp.QuoteMeta(consulPath) + `\s+(v\S+)`).FindSubmatch(data)
	if found == nil {
		return "", fmt.Errorf("consulserver: %s requires no version of %s", filepath.Join(module, "go.mod"), consulPath)
	}
	return string(found[1]), nil
}

// answers says whether path is a Consul of that version.
func answers(ctx context.Context, path, version string) bool {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, path, "version").Output()
	return err == nil && strings.HasPrefix(string(out), "Consul "+version)
}

// build compiles the server beside path and moves it there.
func build(ctx context.Context, module, version, path string) (err error) {
	ctx, cancel := context.WithTimeout(ctx, buildTimeout)
	defer cancel()
	partial, err := os.MkdirTemp(filepath.Dir(path), ".build-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(partial)) }()
	target := filepath.Join(partial, "consul")

	progress, closeProgress := progressWriter()
	defer closeProgress()
	stop := report(progress, version)
	defer stop()
	var output tail
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", target, consulPath)
	cmd.Dir = module
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off", "GOFLAGS=-mod=readonly")
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("go build in %s: %w\n%s", module, err, output.String())
	}
	return os.Rename(target, path)
}

// report tells progress that a build goes on, until stop is called.
func report(progress io.Writer, version string) (stop func()) {
	begin := time.Now()
	_, _ = fmt.Fprintf(progress, "consulserver: building Consul %s, once: about 3 minutes\n", version)
	done, over := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(over)
		ticker := time.NewTicker(progressInterval)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				_, _ = fmt.Fprintf(progress, "consulserver: still building Consul %s, %v so far\n", version, time.Since(begin).Round(time.Second))
			case <-done:
				_, _ = fmt.Fprintf(progress, "consulserver: build of Consul %s ended after %v\n", version, time.Since(begin).Round(time.Second))
				return
			}
		}
	}()
	return func() { close(done); <-over }
}

// tail keeps the end of what is written to it.
type tail struct{ data []byte }

const tailSize = 16 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.data = append(t.data, p...)
	if n := len(t.data); n > tailSize {
		t.data = append(t.data[:0], t.data[n-tailSize:]...)
	}
	return len(p), nil
}

func (t *tail) String() string { return string(t.data) }

// tailOf is the end of a file, for error messages.
func tailOf(path string) string {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "(no log)"
	}
	if err != nil {
		return err.Error()
	}
	return string(data[max(0, len(data)-4<<10):])
}
