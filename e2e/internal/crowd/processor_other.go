//go:build !linux

package crowd

import (
	"errors"
	"time"
)

func processorTime() (own, children time.Duration, err error) { return 0, 0, errors.ErrUnsupported }
