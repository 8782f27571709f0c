package drill

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// now reads the clock that all processes share.
func now() Instant {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &t); err != nil {
		panic("drill: no monotonic clock: " + err.Error()) // cannot happen on Linux
	}
	return Instant(t.Nano())
}

// nap sleeps in the kernel: the runtime's own timers are no finer than a millisecond while nothing else runs. The runtime is not told, which
// would cost more than all the rest of a question: its monitor would look for the thread 50,000 times a second. A candidate has another processor
// to run on, see [launch].
func nap(d time.Duration) {
	t := syscall.NsecToTimespec(int64(d))
	_, _, _ = syscall.RawSyscall(syscall.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&t)), 0, 0) // an interrupted sleep is shorter, which is no harm
}

// openSheet maps the file, which is made if there is none. Writes reach it also when the writer is killed. unmap ends the use of it.
func openSheet(path string) (s *sheet, unmap func() error, err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close() //nolint:errcheck // the mapping stays
	const size = int(unsafe.Sizeof(sheet{}))
	if err := f.Truncate(int64(size)); err != nil {
		return nil, nil, err
	}
	memory, err := unix.Mmap(int(f.Fd()), 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, nil, fmt.Errorf("map %s: %w", path, err)
	}
	return (*sheet)(unsafe.Pointer(unsafe.SliceData(memory))), func() error { return unix.Munmap(memory) }, nil
}

// childOf has the kernel kill the child when the thread that starts it ends.
func childOf(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }

func freeze(p *os.Process) error { return p.Signal(syscall.SIGSTOP) }

func thaw(p *os.Process) error { return p.Signal(syscall.SIGCONT) }

// usage is how many files a process has open, and how much memory it occupies.
func usage(pid int) (fds int, rss int64, err error) {
	files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		return 0, 0, err
	}
	statm, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "statm"))
	if err != nil {
		return 0, 0, err
	}
	fields := strings.Fields(string(statm))
	if len(fields) < 2 {
		return 0, 0, fmt.Errorf("drill: statm of %d is %q", pid, statm)
	}
	pages, err := strconv.ParseInt(fields[1], 10, 64)
	return len(files), pages * int64(os.Getpagesize()), err
}
