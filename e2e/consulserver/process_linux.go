package consulserver

import "syscall"

// childAttributes has the kernel kill the child when the thread that started it ends, and so with our process, however that ends.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
