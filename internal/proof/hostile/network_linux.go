package hostile

import (
	"context"
	"fmt"
	"os/exec"
	"syscall"
)

// Isolate makes a command run in a network namespace of its own, which goes away with it.
// This needs root, or a system that lets users make namespaces.
func Isolate(cmd *exec.Cmd, root bool, uid, gid int) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	if !root {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: uid, Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: gid, Size: 1}}
	}
}

// SetUp gives the loopback device of this process's network namespace the addresses of
// Network. On that device every address of a network is the machine's own.
func SetUp(ctx context.Context) error {
	for _, args := range [][]string{{"link", "set", "lo", "up"}, {"addr", "add", prefix, "dev", "lo"}} {
		if out, err := exec.CommandContext(ctx, "ip", args...).CombinedOutput(); err != nil {
			return fmt.Errorf("ip %v: %w: %s", args, err, out)
		}
	}
	return nil
}
