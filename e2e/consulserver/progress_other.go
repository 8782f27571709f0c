//go:build !linux

package consulserver

import (
	"io"
	"os"
)

// progressWriter is standard error.
func progressWriter() (w io.Writer, closeIt func()) { return os.Stderr, func() {} }
