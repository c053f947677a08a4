package process

import (
	"os/exec"
	"syscall"
)

// ownGroup gives a process a process group of its own. Linux kills the process when the
// thread that started it ends.
func ownGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
