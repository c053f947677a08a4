package e2e_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/emostream/emostream/internal/proof/kafkatest"
)

// buildWrong returns an emostream with a wrong clock: time.Now is off by as many seconds
// as EMOSTREAM_TEST_CLOCK says.
func buildWrong(t *testing.T) (path string) {
	t.Helper()
	if os.Getenv(kafkatest.BrokersVariable) == "" {
		t.Skip("it builds all of Go anew, which takes minutes: make test-kafka")
	}
	path, err := wrongProgram()
	if err != nil {
		t.Fatalf("build emostream with a wrong clock: %v", err)
	}
	return path
}

// wrongProgram builds the program once, with a copy of Go whose standard library is
// changed.
var wrongProgram = sync.OnceValues(func() (path string, err error) {
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return "", err
	}
	changed := filepath.Join(filepath.Dir(binary), "go") // TestMain removes it
	if err := os.CopyFS(changed, os.DirFS(strings.TrimSpace(string(root)))); err != nil {
		return "", err
	}
	source := filepath.Join(changed, "src", "time", "time.go")
	text, err := os.ReadFile(source)
	if err != nil {
		return "", err
	}
	const now = "sec, nsec, mono := runtimeNow()\n"
	if strings.Count(string(text), now) != 1 {
		return "", fmt.Errorf("time.Now is not what it was: this test must follow it to %s", runtime.Version())
	}
	wrong := strings.Replace(string(text), now, now+"\tsec += wrong()\n", 1)
	wrong = strings.Replace(wrong, "import (\n", "import (\n\t\"syscall\"\n", 1) + `
func wrong() int64 {
	s, _ := syscall.Getenv("EMOSTREAM_TEST_CLOCK")
	behind := len(s) > 0 && s[0] == '-'
	n := int64(0)
	for _, c := range s {
		if '0' <= c && c <= '9' {
			n = 10*n + int64(c-'0')
		}
	}
	if behind {
		return -n
	}
	return n
}
`
	if err := os.WriteFile(source, []byte(wrong), 0o600); err != nil {
		return "", err
	}
	path = filepath.Join(filepath.Dir(binary), "emostream-wrong")
	build := exec.Command(filepath.Join(changed, "bin", "go"), "build", "-o", path, "github.com/emostream/emostream/cmd/emostream")
	build.Env = append(os.Environ(), "GOROOT="+changed, "GOTOOLCHAIN=local")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return path, nil
})

// A main server whose clock is 30 s ahead or behind is not ready, and says why. Kafka
// refuses the reactions of the one that is ahead, and those that the one behind
// acknowledges are counted. The reactions of the other servers are counted as ever.
func TestWrongClocks(t *testing.T) {
	program := buildWrong(t)
	_, in := stages(t)
	wrong := func(seconds, says string) (url string) {
		addr := free(t)
		url = "http://" + addr
		startProgram(t, program, []string{"EMOSTREAM_TEST_CLOCK=" + seconds}, "serve", "--listen", addr,
			"--brokers", strings.Join(in.brokers, ","), "--topic-prefix", in.names.Prefix, "--group-prefix", in.names.Prefix)
		until(t, "a server whose clock is wrong says so", func() error {
			res, err := http.Get(url + "/readyz")
			if err != nil {
				return err
			}
			defer res.Body.Close()
			b, err := io.ReadAll(res.Body)
			if err != nil {
				return err
			}
			if res.StatusCode != http.StatusServiceUnavailable || !strings.Contains(string(b), says) {
				return fmt.Errorf("%d %s", res.StatusCode, b)
			}
			return nil
		})
		return url
	}
	ahead, behind := wrong("30", "ahead of kafka's"), wrong("-30", "behind kafka's")

	led := in.crowd(t.Context(), 200, 4, 0)
	for i, emoji := range kinds[:10] {
		body := fmt.Sprintf(`{"user_id":"wrong","emoji_type":%q}`, emoji)
		late, err := post(behind+"/send_emoji", "application/json", body)
		if err != nil || late.status != http.StatusOK {
			t.Fatalf("the server behind answered %+v, %v: its reactions are late and no more", late, err)
		}
		led.accepted[emoji]++
		led.total++
		early, err := post(ahead+"/send_emoji", "application/json", body)
		if err != nil || early.status != http.StatusServiceUnavailable || early.code != "not_written" {
			t.Fatalf("the server ahead answered %+v, %v: kafka refuses its reactions", early, err)
		}
		if i == 5 {
			more := in.crowd(t.Context(), 200, 4, 0)
			led.add(more)
		}
	}
	led.add(in.crowd(t.Context(), 200, 4, 0))
	if led.total != 610 || led.inDoubt > 0 {
		t.Fatalf("%d of 610 were acknowledged, %d are in doubt", led.total, led.inDoubt)
	}
	in.checkCounted(led)
}

// add adds the numbers of o to l.
func (l *outcomeCounts) add(o *outcomeCounts) {
	for e, n := range o.accepted {
		l.accepted[e] += n
	}
	l.total += o.total
	l.inDoubt += o.inDoubt
	l.refused += o.refused
	l.failed = errors.Join(l.failed, o.failed)
}
