//go:build !linux

package consulserver

import "syscall"

// childAttributes is nothing special: only Linux can tie a child's life to ours.
func childAttributes() *syscall.SysProcAttr { return nil }
