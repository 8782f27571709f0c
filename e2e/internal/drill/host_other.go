//go:build !linux

package drill

import (
	"errors"
	"os"
	"os/exec"
	"time"
)

// errSystem: a drill stops processes, shares memory and a clock with them, and has them die with it.
var errSystem = errors.New("drill: needs Linux")

func now() Instant { return 0 }

func nap(time.Duration) {}

func openSheet(string) (*sheet, func() error, error) { return nil, nil, errSystem }

func childOf(*exec.Cmd) {}

func freeze(*os.Process) error { return errSystem }

func thaw(*os.Process) error { return errSystem }

func usage(int) (int, int64, error) { return 0, 0, errSystem }
