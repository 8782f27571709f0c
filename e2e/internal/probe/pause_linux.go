package probe

import (
	"syscall"
	"time"
)

// pause sleeps in the kernel: the runtime's own timers are no finer than a millisecond while nothing else runs.
func pause(d time.Duration) {
	t := syscall.NsecToTimespec(int64(d))
	_ = syscall.Nanosleep(&t, nil) // an interrupted sleep is shorter, which is no harm
}
