//go:build !linux

package etcdserver

import "os/exec"

// dieWithParent needs Linux; elsewhere a test that is killed leaves its servers running.
func dieWithParent(*exec.Cmd) {}
