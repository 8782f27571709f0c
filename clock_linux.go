package leadership

import (
	"syscall"
	"time"
	"unsafe"
)

// clockBoottime is CLOCK_BOOTTIME: the monotonic clock that also counts suspended time (clock_gettime(2)).
const clockBoottime = 7

// bootClock reads CLOCK_BOOTTIME, since Go's monotonic clock stands still while a Linux machine is suspended.
func bootClock() time.Duration {
	var ts syscall.Timespec
	if _, _, errno := syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, clockBoottime, uintptr(unsafe.Pointer(&ts)), 0); errno != 0 {
		return time.Duration(time.Now().UnixNano()) // a kernel before 2.6.39: the wall clock counts suspended time, too
	}
	return time.Duration(ts.Nano())
}
