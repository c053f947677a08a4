package contract

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/emostream/emostream/server"
)

// Variable is the variable of the environment with the folder in which programs note the
// faults that they find in their own answers. It has not the prefix of settings, since commands
// would warn that it sets nothing.
const Variable = "TEST_CONTRACT_FAULTS"

// maxNoted is how many bytes of faults a program notes.
const maxNoted = 64 << 10

// Process returns the context of a program whose servers note their faults in a folder.
func Process(folder string) context.Context {
	var mu sync.Mutex
	noted := 0
	note := func(fault error) {
		mu.Lock()
		defer mu.Unlock()
		text := fault.Error() + "\n\n"
		if noted += len(text); noted > maxNoted {
			return
		}
		f, err := os.OpenFile(filepath.Join(folder, fmt.Sprint(os.Getpid())), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err == nil {
			_, err = f.WriteString(text)
			_ = f.Close()
		}
		if err != nil {
			panic(fmt.Sprintf("%v (%v)", fault, err))
		}
	}
	document := sync.OnceValue(func() *HTTP { // most commands are no servers
		h, err := NewHTTP()
		if folder == "" || err != nil {
			panic(fmt.Sprintf("a program that checks its answers needs %s: %v", Variable, err))
		}
		return h
	})
	return server.WithWatch(context.Background(), func(kind string, next http.Handler) http.Handler {
		return document().Watch(Server(kind), next, note)
	})
}

// Processes runs the tests of a package, which start programs, and returns their exit code. It
// is 1 if a program has noted a fault, which Processes writes to out.
func Processes(out io.Writer, run func() int) int {
	folder, err := os.MkdirTemp("", "emostream-contract-")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(folder) }()
	if err := os.Setenv(Variable, folder); err != nil {
		panic(err)
	}
	code := run()
	var all strings.Builder
	notes, err := os.ReadDir(folder)
	for _, note := range notes {
		text, failed := os.ReadFile(filepath.Join(folder, note.Name()))
		if failed != nil {
			err = failed
		}
		all.Write(text)
	}
	if err != nil || all.Len() > 0 {
		_, _ = fmt.Fprintf(out, "FAIL: what servers answered is not what openapi.yaml says (%v):\n%s", err, all.String())
		return 1
	}
	return code
}
