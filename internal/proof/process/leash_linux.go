package process

import (
	"os/exec"
	"syscall"
)

// leash gives a process a group of its own and lets it die with the thread that starts it.
func leash(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
