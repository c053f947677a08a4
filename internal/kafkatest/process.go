package kafkatest

import (
	"os/exec"
	"runtime"
	"time"
)

// Run runs a command made by exec.CommandContext, like its own Run, and leaves nothing of it behind. When the context
// is cancelled the command is interrupted, as by Ctrl-C, together with all that it started; ten seconds later it is
// killed, and so is, whenever it ends, what it started and left running.
//
// It is not in the terminal's foreground group. So Ctrl-C reaches it only from here, and the brokers not at all: they
// are still there while it cleans up.
func Run(cmd *exec.Cmd) error {
	const patience = 10 * time.Second
	leash(cmd)
	cmd.Cancel = func() error { return interrupt(cmd.Process) }
	cmd.WaitDelay = patience
	// Linux ends the command with the thread that started it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := cmd.Start(); err != nil {
		return err
	}
	defer killGroup(cmd.Process)
	return cmd.Wait()
}
