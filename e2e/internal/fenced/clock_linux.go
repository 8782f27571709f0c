package fenced

import (
	"time"

	"golang.org/x/sys/unix"
)

// now is the time that operations are recorded with: CLOCK_MONOTONIC, which is the same for all processes of one host, and is never set.
func now() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &t); err != nil {
		return time.Duration(time.Now().UnixNano()) // no Linux is without that clock
	}
	return time.Duration(t.Nano())
}
