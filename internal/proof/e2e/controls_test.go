package e2e_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// tapCode sends a reaction to a main server, and returns the code of the refusal; "": it
// was accepted.
func tapCode(server, user string) (string, error) {
	res, err := http.Post(server+"/send_emoji", "application/json", strings.NewReader(fmt.Sprintf(`{"user_id":%q,"emoji_type":"🔥"}`, user)))
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	var answer struct{ Code string }
	return answer.Code, json.NewDecoder(res.Body).Decode(&answer)
}

// Every main server obeys what is set, also what was set before it began, over a kill of
// all of them and of the broker. It is ready only when it does. What is limited in time
// ends by itself.
func TestControlsOfTwoServers(t *testing.T) {
	sideBySide(t)
	in := &installation{t: t}
	brokers := "localhost:" + port(free(t))
	dir := t.TempDir()
	in.brokers, in.main = []string{brokers}, []string{"http://" + free(t), "http://" + free(t)}
	begin := func() (all []*process) {
		all = append(all, start(t, "broker", "--listen", brokers, "--data-dir", dir))
		for _, url := range in.main {
			all = append(all, start(t, "serve", "--listen", strings.TrimPrefix(url, "http://"), "--brokers", brokers))
		}
		in.ready()
		return all
	}
	control := func(args ...string) {
		t.Helper()
		if out, err := exec.Command(binary, append(append([]string{"control"}, args...), "--brokers", brokers)...).CombinedOutput(); err != nil {
			t.Fatalf("control %v: %v\n%s", args, err, out)
		}
	}
	answered := func(user, want string) {
		t.Helper()
		for _, url := range in.main {
			if code, err := tapCode(url, user); code != want || err != nil {
				t.Errorf("%s: a reaction of %s is answered %q, %v, want %q", url, user, code, err, want)
			}
		}
	}
	soon := func(user, want string) {
		t.Helper()
		begun := time.Now()
		until(t, "each main server answers "+want, func() error {
			for _, url := range in.main {
				if code, err := tapCode(url, user); code != want || err != nil {
					return fmt.Errorf("%s: %q, %w", url, code, err)
				}
			}
			return nil
		})
		t.Logf("%q for %s after %v", want, user, time.Since(begun))
	}
	all := begin()
	answered("ann", "")
	control("ban", "mallory", "--reason", "spam")
	soon("mallory", "banned")
	answered("ann", "")
	control("pause", "--for", "1h")
	soon("ann", "paused")
	for range 2 {
		for _, p := range all {
			p.kill()
		}
		all = begin()
		answered("ann", "paused")
		answered("mallory", "banned")
	}
	control("resume")
	soon("ann", "")
	control("ban", "ann", "--for", "10s") // longer than it takes a busy machine to see it
	soon("ann", "banned")
	soon("ann", "")
	answered("mallory", "banned")
}
