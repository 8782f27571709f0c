//go:build unix

package consulserver

import (
	"context"
	"os"
	"syscall"
	"time"
)

// The signals that Pause, Resume and Stop send.
const (
	signalPause  = syscall.SIGSTOP
	signalResume = syscall.SIGCONT
	signalStop   = syscall.SIGTERM
)

// lockFile takes the file lock at path, which the kernel frees when our process ends.
func lockFile(ctx context.Context, path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { _ = f.Close() }, nil
		}
		if err != syscall.EWOULDBLOCK && err != syscall.EINTR {
			_ = f.Close()
			return nil, err
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			_ = f.Close()
			return nil, context.Cause(ctx)
		}
	}
}
