package kafkatest

import (
	"os"
	"os/exec"
)

// leash does nothing: Windows has neither groups nor parents' deaths in this sense.
func leash(*exec.Cmd) {}

// interrupt ends a process, since Windows cannot send it a signal.
func interrupt(p *os.Process) error {
	return p.Kill()
}

// killGroup does nothing: there is no group.
func killGroup(*os.Process) {}
