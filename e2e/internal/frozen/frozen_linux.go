// Package frozen tells when a process that was sent SIGSTOP has really stopped: the signal returns before the last thread has.
package frozen

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// patience is how long a process may take to stop.
const patience = 5 * time.Second

// Await blocks until all threads of the process have stopped.
func Await(pid int) error {
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		stopped, err := stopped(pid)
		if err != nil || stopped {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("process %d has not stopped within %v", pid, patience)
		}
	}
}

func stopped(pid int) (bool, error) {
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	if err != nil {
		return false, err
	}
	if len(threads) == 0 {
		return false, fmt.Errorf("process %d: %w", pid, os.ErrProcessDone)
	}
	for _, t := range threads {
		stat, err := os.ReadFile(t)
		if err != nil {
			return false, nil //nolint:nilerr // the thread ended meanwhile: look again
		}
		// pid (name) state …; the name may hold anything, so the state follows the last parenthesis.
		if i := bytes.LastIndexByte(stat, ')'); i < 0 || i+2 >= len(stat) || stat[i+2] != 'T' {
			return false, nil
		}
	}
	return true, nil
}
