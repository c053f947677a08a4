package main

import (
	"bufio"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// After the first signal, up waits for the window that is open. The second signal ends
// it at once.
func TestTheSecondSignalEndsAtOnce(t *testing.T) {
	t.Parallel()
	exe, err := exec.LookPath("emostream") // this test's program, see TestMain
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe, "up", "--ephemeral", "--port", "0", "--subscribers", "1", "--clusters", "1", "--window", "1m")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Process.Kill() }()
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	server := strings.TrimPrefix(strings.TrimSpace(line), "ready ")
	res, err := http.Post(server+"/send_emoji", "application/json", strings.NewReader(`{"user_id":"u","emoji_type":"🔥"}`))
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("send a reaction: %v, %v", res, err)
	}
	_ = res.Body.Close()

	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait() // its state is checked below
	}()
	again := time.NewTicker(200 * time.Millisecond)
	defer again.Stop()
	for began, n := time.Now(), 0; ; n++ {
		if err := cmd.Process.Signal(os.Interrupt); err != nil && n == 0 {
			t.Fatal(err)
		}
		select {
		case <-again.C:
			if time.Since(began) > 30*time.Second {
				t.Fatalf("it does not end, after %d signals", n)
			}
			continue
		case <-ended:
		}
		if how, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); n == 0 || !ok || !how.Signaled() {
			t.Errorf("it ended with %v after %d signals, want by the second", cmd.ProcessState, n+1)
		}
		return
	}
}
