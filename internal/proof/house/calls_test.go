package house_test

import (
	"strings"
	"testing"
)

func TestForbiddenCallsAreReported(t *testing.T) {
	const (
		exit   = "import \"os\"\nfunc f() { os.Exit(1) }\n"
		env    = "import \"os\"\nfunc f() string { return os.Getenv(\"X\") }\n"
		stdout = "import \"os\"\nvar w = os.Stdout\n"
		prints = "import \"fmt\"\nfunc f() { fmt.Println() }\n"
		signal = "import (\n\t\"os\"\n\t\"os/signal\"\n)\nfunc f(c chan os.Signal) { signal.Notify(c) }\n"
		sleep  = "import \"time\"\nfunc f() { time.Sleep(1) }\n"
		logger = "import \"log/slog\"\nfunc f() *slog.Logger { return slog.Default() }\n"
		listen = "import \"net/http\"\nfunc f() error { return http.ListenAndServe(\"\", nil) }\n"
	)
	tests := []struct {
		file, body string
		call       string // the call that is reported; empty if it is allowed
	}{
		{"server/x.go", exit, "os.Exit"},
		{"cmd/emostream/x.go", exit, "os.Exit"},
		{"cmd/emostream/main.go", exit, ""},
		{"internal/proof/kafkatest/x.go", exit, "os.Exit"},
		{"internal/proof/kafkatest/cmd/kafkatest/main.go", exit, ""},
		{"internal/proof/chaos/x.go", exit, "os.Exit"},
		{"internal/proof/chaos/cmd/chaos/main.go", exit, ""},
		{"internal/emoji/gen/main.go", exit, ""},
		{"internal/proof/e2e/x_test.go", exit, ""},

		{"internal/httpserve/x.go", env, "os.Getenv"},
		{"cmd/emostream/x.go", env, ""},
		{"internal/proof/kafkatest/x.go", env, ""},
		{"internal/proof/chaos/x.go", env, "os.Getenv"},
		{"internal/proof/chaos/cmd/chaos/x.go", env, ""},
		{"internal/proof/e2e/x_test.go", env, ""},

		{"tui/x.go", stdout, "os.Stdout"},
		{"cmd/emostream/x.go", stdout, ""},

		{"loadgen/x.go", prints, "fmt.Println"},
		{"cmd/emostream/x.go", prints, ""},
		{"internal/emoji/x.go", prints, "fmt.Println"},
		{"internal/emoji/gen/main.go", prints, ""},

		{"publisher/x.go", signal, "signal.Notify"},
		{"cmd/emostream/x.go", signal, ""},

		{"aggregator/x.go", sleep, "time.Sleep"},
		{"cmd/emostream/x.go", sleep, "time.Sleep"},
		{"internal/proof/kafkatest/x.go", sleep, "time.Sleep"},

		{"server/x.go", logger, "slog.Default"},
		{"cmd/emostream/x.go", listen, "http.ListenAndServe"},
	}
	stub := newModule(t, "github.com/emostream/emostream/")
	files := make([]string, len(tests))
	for i, test := range tests {
		files[i] = stub.add(test.file, test.body)
	}
	reports := stub.lint("forbidigo")
	for i, test := range tests {
		got := strings.Join(reports[files[i]], "\n")
		switch {
		case test.call == "" && got != "":
			t.Errorf("%s may do so, but: %s", files[i], got)
		case !strings.Contains(got, test.call):
			t.Errorf("%s calls %s, and it is not reported; reported: %q", files[i], test.call, got)
		}
	}
}
