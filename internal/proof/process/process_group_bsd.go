//go:build unix && !linux

package process

import (
	"os/exec"
	"syscall"
)

// ownGroup gives a process a process group of its own. The process goes on when this
// one is killed: only Linux can prevent that.
func ownGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
}
