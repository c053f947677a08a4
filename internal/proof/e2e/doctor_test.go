package e2e_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/emostream/emostream/internal/proof/parallel"
)

// patient is what doctor examines: env and args are the environment and the arguments
// that it is run with.
type patient struct {
	env  []string
	args []string
}

// with returns a copy of p with more arguments.
func (p patient) with(args ...string) patient {
	return patient{p.env, slices.Concat(p.args, args)}
}

// examine runs doctor. It returns the findings that are wrong, as "area/check", and all
// findings as text. It fails if the exit code does not agree with them.
func (p patient) examine(t *testing.T) (wrong []string, said string) {
	t.Helper()
	return p.run(t, exec.Command(binary, slices.Concat([]string{"doctor", "-o", "json"}, p.args)...))
}

func (p patient) run(t *testing.T, cmd *exec.Cmd) (wrong []string, said string) {
	t.Helper()
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	cmd.Env = slices.Concat(os.Environ(), p.env)
	err := cmd.Run()
	if _, failed := errors.AsType[*exec.ExitError](err); err != nil && !failed {
		t.Fatal(err)
	}
	var report struct {
		Checks, Wrong, Notes, Skipped int
		Findings                      []struct{ Area, Check, Status, Found, Why, Do string }
	}
	if err := json.Unmarshal(out.Bytes(), &report); err != nil {
		t.Fatalf("doctor %q ended with %d and said %q, and on stderr %q", cmd.Args[2:], cmd.ProcessState.ExitCode(), out.String(), errs.String())
	}
	for _, f := range report.Findings {
		if f.Status == "wrong" {
			wrong = append(wrong, f.Area+"/"+f.Check)
		}
		if f.Found == "" || (f.Status == "wrong" || f.Status == "note") != (f.Why != "" && f.Do != "") {
			t.Errorf("a finding that does not say all: %+v", f)
		}
		said += fmt.Sprintf("%s\t%s/%s\t%s\n", f.Status, f.Area, f.Check, f.Found)
	}
	if code, want := cmd.ProcessState.ExitCode(), min(len(wrong), 1); code != want || report.Wrong != len(wrong) || errs.Len() > 0 {
		t.Errorf("exit code %d with %d wrong of %d, and on stderr %q", code, len(wrong), report.Wrong, errs.String())
	}
	return wrong, said
}

// check runs doctor and fails unless the findings that are wrong are exactly want.
func (p patient) check(t *testing.T, want ...string) {
	t.Helper()
	wrong, said := p.examine(t)
	if d := cmp.Diff(want, wrong); d != "" {
		t.Errorf("what is wrong (-want +got):\n%s\n%s", d, said)
	}
}

// waitFor runs doctor again and again until the findings that are wrong are exactly
// want: a fault that was planted may show only after a while.
func (p patient) waitFor(t *testing.T, want ...string) {
	t.Helper()
	until(t, "doctor finds "+strings.Join(want, ", "), func() error {
		wrong, said := p.examine(t)
		if d := cmp.Diff(want, wrong); d != "" {
			return fmt.Errorf("what is wrong (-want +got):\n%s\n%s", d, said)
		}
		return nil
	})
}

// patientOf returns a patient with the brokers and names of an installation, whose
// ports are not examined.
func patientOf(t *testing.T, in *installation) patient {
	t.Helper()
	args := []string{"--brokers", strings.Join(in.brokers, ","), "--port", "0", "--clients", "100", "--timeout", "30s"}
	if in.names.Prefix != "" {
		args = append(args, "--topic-prefix", in.names.Prefix, "--group-prefix", in.names.Prefix)
	}
	return patient{args: args, env: []string{"XDG_STATE_HOME=" + t.TempDir()}}
}

// Doctor finds nothing wrong with a running pipeline when it is given the pipeline's
// ports and data folder, neither before the first reactions nor after them. It finds
// each fault in the table.
func TestDoctorHealthy(t *testing.T) {
	sideBySide(t)
	first, dir := parallel.Ports(t, 3), t.TempDir()
	_, in := up(t, "--port", strconv.Itoa(first), "--subscribers", "2", "--clusters", "2", "--data-dir", dir, "--broker-listen", "localhost:0")
	p := patientOf(t, in).with("--port", strconv.Itoa(first), "--subscribers", "2", "--data-dir", dir)
	p.check(t)
	in.checkCounted(in.crowd(t.Context(), 200, 4, time.Second))
	p.check(t)
	p.with("--window", "2s", "--lateness", "10s").check(t)
	for name, tt := range map[string]struct {
		args []string
		want string
	}{
		"settings that are not those that are counted by": {[]string{"--window", "1s"}, "counting/settings"},
		"another process on a port":                       {[]string{"--port", strangersPort(t), "--subscribers", "0"}, ""},
		"more clients than files":                         {[]string{"--clients", "1000000000"}, "files/open files"},
	} {
		t.Run(name, func(t *testing.T) {
			if tt.want == "" {
				tt.want = "ports/127.0.0.1:" + tt.args[1]
			}
			p.with(tt.args...).check(t, tt.want)
		})
	}
}

// strangersPort returns the port of a server that is not Emostream's.
func strangersPort(t *testing.T) string {
	t.Helper()
	s := httptest.NewServer(nil)
	t.Cleanup(s.Close)
	return port(strings.TrimPrefix(s.URL, "http://"))
}

// When no broker can be used, Doctor finds that and nothing else wrong: if nobody
// listens there, if the name does not exist, or if another kind of server answers.
func TestDoctorFindsNoBroker(t *testing.T) {
	sideBySide(t)
	main, broker := free(t), free(t)
	start(t, "serve", "--listen", main, "--brokers", broker)
	alone := patient{env: []string{"XDG_STATE_HOME=" + t.TempDir()}, args: []string{"--clients", "100", "--subscribers", "0", "--port", port(main)}}
	alone.with("--brokers", broker).waitFor(t, "brokers/"+broker)
	alone = alone.with("--port", port(free(t)))
	for name, address := range map[string]string{
		"nobody listens":         broker,
		"no such name":           "no-such-host.invalid:9092",
		"it speaks another tone": "127.0.0.1:" + strangersPort(t),
	} {
		t.Run(name, func(t *testing.T) {
			alone.with("--timeout", "2s", "--brokers", address).check(t, "brokers/"+address)
		})
	}
}

// Doctor finds what is wrong with this machine: data folder, limit of open files,
// settings and clock.
func TestDoctorFindsFaultsOfTheMachine(t *testing.T) {
	sideBySide(t)
	_, in := up(t, "--ephemeral", "--subscribers", "1", "--clusters", "1")
	p := patientOf(t, in)
	file := filepath.Join(t.TempDir(), "file")
	write := func(path, text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(file, "")
	t.Run("a data folder that cannot be made", func(t *testing.T) {
		p.with("--data-dir", filepath.Join(file, "data")).check(t, "data/data folder")
	})
	t.Run("a data folder of a newer format", func(t *testing.T) {
		dir := t.TempDir()
		write(filepath.Join(dir, "format"), "99\n")
		p.with("--data-dir", dir).check(t, "data/data folder")
	})
	t.Run("a data folder that another broker holds", func(t *testing.T) {
		dir, addr := t.TempDir(), free(t)
		b := start(t, "broker", "--listen", addr, "--data-dir", dir)
		p.with("--data-dir", dir).waitFor(t, "data/data folder")
		patient{p.env, []string{"--data-dir", dir, "--brokers", addr, "--clients", "100", "--port", "0"}}.check(t)
		b.stop()
		p.with("--data-dir", dir).check(t)
	})
	t.Run("few open files", func(t *testing.T) {
		sh, err := exec.LookPath("sh")
		if err != nil {
			t.Skip("needs sh, whose ulimit lowers the limit")
		}
		few := p.with("--clients", "1000")
		few.check(t)
		cmd := exec.Command(sh, slices.Concat([]string{"-c", `ulimit -n 300 && exec "$0" "$@"`, binary, "doctor", "-o", "json"}, few.args)...)
		if wrong, said := few.run(t, cmd); !slices.Equal(wrong, []string{"files/open files"}) {
			t.Errorf("what is wrong is %q\n%s", wrong, said)
		}
	})
	t.Run("a settings file with a slip", func(t *testing.T) {
		write(file, "serve:\n  lingr: 2ms\n")
		p.with("--config", file).check(t, "settings/settings")
	})
	t.Run("a settings file that is none", func(t *testing.T) {
		write(file, "serve: [")
		p.with("--config", file).check(t, "settings/settings")
	})
	t.Run("a settings file that is not there", func(t *testing.T) {
		p.with("--config", file+".yaml").check(t, "settings/settings")
	})
	t.Run("a variable with a wrong value", func(t *testing.T) {
		patient{slices.Concat(p.env, []string{"EMOSTREAM_WINDOW=soon"}), p.args}.check(t, "settings/settings")
	})
	t.Run("a variable that is none is worth a note", func(t *testing.T) {
		slip := patient{slices.Concat(p.env, []string{"EMOSTREAM_BROKER=here:1"}), p.args}
		wrong, said := slip.examine(t)
		if len(wrong) > 0 || !strings.Contains(said, "note\tsettings/environment\tEMOSTREAM_BROKER sets nothing: did you mean EMOSTREAM_BROKERS?") {
			t.Errorf("wrong are %q\n%s", wrong, said)
		}
	})
	t.Run("a clock that is wrong", func(t *testing.T) {
		if in.names.Prefix == "" {
			t.Skip("needs Apache Kafka, whose brokers have a clock of their own: make test-kafka")
		}
		wrongly := patient{slices.Concat(p.env, []string{"EMOSTREAM_TEST_CLOCK=-30"}), p.args}
		cmd := exec.Command(buildWrong(t), slices.Concat([]string{"doctor", "-o", "json"}, p.args)...)
		if wrong, said := wrongly.run(t, cmd); !slices.Equal(wrong, []string{"clock/clock"}) {
			t.Errorf("what is wrong is %q\n%s", wrong, said)
		}
	})
}

// Doctor finds a broker that advertises an address on which nobody listens.
func TestDoctorFindsAdvertisedNowhere(t *testing.T) {
	sideBySide(t)
	addr := free(t)
	start(t, "broker", "--listen", addr, "--ephemeral", "--advertise", free(t))
	p := patient{env: []string{"XDG_STATE_HOME=" + t.TempDir()}, args: []string{"--clients", "100", "--port", "0", "--brokers", addr}}
	p.waitFor(t, "brokers/broker 0")
}

// When it is interrupted, Doctor ends at once with exit code 130, even while a broker
// keeps it waiting.
func TestDoctorInterrupted(t *testing.T) {
	sideBySide(t)
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	p := start(t, "doctor", "--brokers", silent.Addr().String(), "--port", "0", "--timeout", "1m")
	for range 2 { // doctor uses the first connection only to see whether somebody listens
		conn, err := silent.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
	}
	if code := p.stop(); code != 130 {
		t.Errorf("exit code %d, want 130", code)
	}
}
