package consulserver

import (
	"fmt"
	"io"
	"os"
	"strings"
)

// progressWriter is standard error and, under "go test" with several packages, which keeps a test's output until its end,
// also the standard error of the go command.
func progressWriter() (w io.Writer, closeIt func()) {
	nothing := func() {}
	parent := fmt.Sprintf("/proc/%d", os.Getppid())
	name, err := os.ReadFile(parent + "/comm")
	if err != nil || strings.TrimSpace(string(name)) != "go" {
		return os.Stderr, nothing
	}
	out, err := os.OpenFile(parent+"/fd/2", os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return os.Stderr, nothing
	}
	theirs, err1 := out.Stat()
	ours, err2 := os.Stderr.Stat()
	closeIt = func() { _ = out.Close() }
	if err1 == nil && err2 == nil && os.SameFile(theirs, ours) {
		closeIt()
		return os.Stderr, nothing
	}
	return io.MultiWriter(os.Stderr, out), closeIt
}
