//go:build unix

package kafkatest

import (
	"os"
	"syscall"
)

// interrupt sends the whole group of a leashed process what Ctrl-C would.
func interrupt(p *os.Process) error {
	return syscall.Kill(-p.Pid, syscall.SIGINT)
}

// killGroup ends what is left of the group of a leashed process that has ended itself.
func killGroup(p *os.Process) {
	_ = syscall.Kill(-p.Pid, syscall.SIGKILL) // none left is the usual case, and an error
}
