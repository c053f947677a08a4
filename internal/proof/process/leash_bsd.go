//go:build unix && !linux

package process

import (
	"os/exec"
	"syscall"
)

// leash gives a process a group of its own. It outlives this one if that is killed: only Linux can prevent it.
func leash(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
}
