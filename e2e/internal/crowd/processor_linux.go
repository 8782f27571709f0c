package crowd

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// processorTime is what this process, and its children that run, have used so far.
func processorTime() (own, children time.Duration, err error) {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0, 0, err
	}
	lists, err := filepath.Glob("/proc/self/task/*/children")
	if err != nil {
		return 0, 0, err
	}
	for _, list := range lists {
		pids, err := os.ReadFile(list)
		if errors.Is(err, fs.ErrNotExist) {
			continue // the thread has ended
		}
		if err != nil {
			return 0, 0, err
		}
		for pid := range bytes.FieldsSeq(pids) {
			used, err := usedBy(string(pid))
			if err != nil {
				return 0, 0, err
			}
			children += used
		}
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), children, nil
}

// tick is the unit of /proc, the same on all of Linux's systems that Go knows.
const tick = 10 * time.Millisecond

// usedBy is the 14th and 15th number of stat: user and system time.
func usedBy(pid string) (time.Duration, error) {
	stat, err := os.ReadFile("/proc/" + pid + "/stat")
	if err != nil {
		return 0, err
	}
	// The second field, in parentheses, may hold anything.
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 13 {
		return 0, fmt.Errorf("crowd: the stat of process %s says %q", pid, stat)
	}
	var sum time.Duration
	for _, field := range fields[11:13] {
		n, err := strconv.ParseInt(string(field), 10, 64)
		if err != nil {
			return 0, err
		}
		sum += time.Duration(n) * tick
	}
	return sum, nil
}
