package process

import (
	"os/exec"
	"syscall"
)

// ownGroup gives a process a process group of its own, and lets it die with the thread
// that starts it.
func ownGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
