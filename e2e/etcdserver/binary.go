package etcdserver

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// buildWithin bounds the first build of a program on a slow machine.
const buildWithin = 10 * time.Minute

// packageOf names the package of a program that the module tools/etcd pins.
func packageOf(program string) string {
	if program == "etcdctl" {
		return "go.etcd.io/etcd/etcdctl/v3"
	}
	return "go.etcd.io/etcd/server/v3"
}

// Binary returns the path of the real etcd or etcdctl, in the version that the module tools/etcd pins. It is built the first time and kept
// in the user's cache directory, by the module's checksums and the version of Go.
func Binary(ctx context.Context, program string) (string, error) {
	root, err := goCommand(ctx, "", "list", "-m", "-f", "{{.Dir}}", "github.com/leadership-go/leadership")
	if err != nil {
		return "", err
	}
	module := filepath.Join(root, "tools", "etcd")
	sums, err := os.ReadFile(filepath.Join(module, "go.sum"))
	if err != nil {
		return "", err
	}
	version, err := goCommand(ctx, module, "env", "GOVERSION")
	if err != nil {
		return "", err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	path := filepath.Join(cache, "leadership-tools", fmt.Sprintf("%s-%x-%s", program, sha256.Sum256(sums), version))
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return "", err
	}
	unfinished, err := os.MkdirTemp(filepath.Dir(path), "build-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(unfinished) //nolint:errcheck // a leftover does no harm
	out := filepath.Join(unfinished, program)
	if _, err := goCommand(ctx, module, "build", "-trimpath", "-ldflags=-s -w", "-o", out, packageOf(program)); err != nil {
		return "", err
	}
	return path, os.Rename(out, path)
}

// goCommand runs the go command in dir, outside of any workspace where dir is set.
func goCommand(ctx context.Context, dir string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if dir != "" {
		cmd.Env = append(cmd.Env, "GOWORK=off", "GOFLAGS=")
	}
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("etcdserver: go %s: %w: %s", strings.Join(args, " "), err, stderr.String())
	}
	return strings.TrimSpace(string(out)), nil
}
