//go:build !linux

package probe

import "time"

func pause(d time.Duration) { time.Sleep(d) }
