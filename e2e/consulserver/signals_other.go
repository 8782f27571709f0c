//go:build !unix

package consulserver

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"time"
)

// noSignal stands for a signal that the system does not have; sending it is an error.
type noSignal string

func (s noSignal) String() string { return string(s) }
func (s noSignal) Signal()        {}

// The signals that Pause, Resume and Stop send.
const (
	signalPause  = noSignal("pause")
	signalResume = noSignal("resume")
	signalStop   = noSignal("stop")
)

// lockFile creates path, and removes it again. After a crash it has to be removed by hand.
func lockFile(ctx context.Context, path string) (unlock func(), err error) {
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o644)
		if err == nil {
			return func() { _ = f.Close(); _ = os.Remove(path) }, nil
		}
		if !errors.Is(err, fs.ErrExist) {
			return nil, err
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}
