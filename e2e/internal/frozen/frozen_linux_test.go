package frozen_test

import (
	"os/exec"
	"syscall"
	"testing"

	"github.com/leadership-go/leadership/e2e/internal/frozen"
)

func TestAwait(t *testing.T) {
	sleeper := exec.CommandContext(t.Context(), "sleep", "60")
	if err := sleeper.Start(); err != nil {
		t.Fatal(err)
	}
	pid := sleeper.Process.Pid
	if err := sleeper.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	if err := frozen.Await(pid); err != nil {
		t.Error(err)
	}
	if err := sleeper.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = sleeper.Wait()
	if err := frozen.Await(pid); err == nil {
		t.Error("a process that is gone has stopped")
	}
}
