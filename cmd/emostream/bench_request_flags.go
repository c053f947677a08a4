package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"sync"

	"github.com/spf13/pflag"

	"github.com/emostream/emostream/internal/inspect/replay"
	"github.com/emostream/emostream/internal/text"
	"github.com/emostream/emostream/loadgen"
)

// benchRequestFlags say what stands in the requests of a load test.
type benchRequestFlags struct {
	headers []string
	ok      string
	data    string
	replay  string
}

func (f *benchRequestFlags) addRequests(fl *pflag.FlagSet) {
	fl.StringArrayVar(&f.headers, "header", nil, "line like 'Authorization: Bearer ${TOKEN}' to send with every request, also of listeners; ${NAME} is a variable of the environment, @FILE at the end is what is in a file, and neither is ever shown; can be repeated")
	fl.StringVar(&f.ok, "ok", "", "condition of an answer that accepts, of its status and its body, as in 'status==200 && !body.error' (default: the status tells)")
	fl.StringVar(&f.data, "data", "", "file of lines that {{line}} stands for in turn, in --post-body, headers and URLs (default: each is a body)")
	fl.StringVar(&f.replay, "replay", "", "file of reactions to send, JSON lines or CSV as emostream replay reads them, as they were recorded, or by --stages, --burst or a --rate that is given, over and over")
}

// setRequests sets the part of a configuration that these flags make.
func (f *benchRequestFlags) setRequests(cfg *loadgen.Config) error {
	cfg.Headers, cfg.Variable, cfg.OK = f.headers, readOnce(readVariable), f.ok
	if p := cfg.Publish; p != nil && strings.HasPrefix(p.Body, "@") {
		body, err := readText(p.Body[1:])
		if err != nil {
			return usagef("--post-body: %w", err)
		}
		read := *p
		read.Body, cfg.Publish = body, &read
	}
	if f.data != "" {
		data, err := readText(f.data)
		if err != nil {
			return usagef("--data: %w", err)
		}
		for line := range strings.Lines(data) {
			if line = strings.TrimRight(line, "\r\n"); strings.TrimSpace(line) != "" {
				cfg.Lines = append(cfg.Lines, line)
			}
		}
	}
	if f.replay == "" {
		return nil
	}
	in, err := os.Open(f.replay)
	if err != nil {
		return usagef("--replay: %w", err)
	}
	defer in.Close()
	cfg.Replay, err = loadgen.NewRecording(func(yield func(loadgen.Reaction, error) bool) {
		for r, err := range replay.Lines(in) {
			if !yield(loadgen.Reaction{User: r.UserID, Emoji: r.Emoji, Count: r.Count, At: r.At}, err) {
				return
			}
		}
	})
	if err != nil {
		return usagef("--replay %s: %w", f.replay, err)
	}
	return nil
}

// readOnce makes each variable be read once, since a pipe cannot be read again.
func readOnce(read func(string) (string, error)) func(string) (string, error) {
	var known sync.Map // of functions, by name
	return func(name string) (string, error) {
		f, _ := known.LoadOrStore(name, sync.OnceValues(func() (string, error) { return read(name) }))
		return f.(func() (string, error))()
	}
}

// readVariable returns what is in a variable of the environment or, for @FILE, in a file,
// without the line end.
func readVariable(name string) (string, error) {
	path, isFile := strings.CutPrefix(name, "@")
	if !isFile {
		value, set := os.LookupEnv(name)
		switch {
		case name == "":
			return "", errors.New("it names no variable of the environment")
		case !set || value == "":
			return "", errors.New("the environment has no such variable, or it is empty")
		}
		return strings.TrimRight(value, "\r\n"), nil
	}
	content, err := readText(path)
	return strings.TrimRight(content, "\r\n"), err
}

// readText reads a file of text without the byte order mark before it.
func readText(path string) (string, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	if content, err = text.TrimMark(content); err == nil && len(bytes.TrimSpace(content)) == 0 {
		err = errors.New("it is empty")
	}
	if err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	return string(content), nil
}

// redactedHeader returns a header as it may be printed: its name, and its value if that
// only says where a secret is.
func redactedHeader(line string) string {
	parts := regexp.MustCompile(`^([\w-]+):\s*(((Basic|Bearer|Token) )?(@.+|\$\{\w+\}))?`).FindStringSubmatch(line)
	switch {
	case parts == nil:
		return "(hidden)"
	case parts[0] == line:
		return line
	}
	return parts[1] + ": (hidden)"
}
