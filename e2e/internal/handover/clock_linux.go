package handover

import (
	"os/exec"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// now reads CLOCK_MONOTONIC, which is the same for all processes of one host, and is never set.
func now() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &t); err != nil {
		return time.Duration(time.Now().UnixNano()) // no Linux is without that clock
	}
	return time.Duration(t.Nano())
}

// childOf has the kernel kill the child when the thread that starts it ends.
func childOf(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
