package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"

	"github.com/emostream/emostream/internal/text"
	"github.com/emostream/emostream/loadgen/report"
)

// tellJob tells the job of GitHub Actions that runs this what became of a load test, if
// one does: the summary is appended to that of the step, and what is missed becomes
// annotations. summary may be nil. A summary that cannot be written does not decide how
// the test ends.
//
// Annotations go to stderr, which GitHub reads too, so that stdout holds the report alone.
func tellJob(to streams, checks []report.Check, summary func(io.Writer) error) {
	stderr := to.err
	if quiet, ok := stderr.(*quietWriter); ok { // what is missed is told with --quiet, too
		stderr = quiet.Writer
	}
	if os.Getenv("GITHUB_ACTIONS") == "true" {
		for _, c := range report.Misses(checks) {
			_, _ = io.WriteString(stderr, annotation("Load test: "+c.Name, c.Says))
		}
	}
	path := os.Getenv("GITHUB_STEP_SUMMARY")
	if path == "" || summary == nil {
		return
	}
	if err := appendTo(path, summary); err != nil {
		_, _ = fmt.Fprintf(stderr, "emostream: the summary of the job was not written: %s\n", text.Clean(err.Error()))
	}
}

// forJob returns where to print a report. In a job of GitHub Actions foreign text in it
// must not look like a command to GitHub: a line that begins with :: or holds ##[. JSON
// stays the same JSON.
func forJob(out io.Writer, asJSON bool) io.Writer {
	switch {
	case os.Getenv("GITHUB_ACTIONS") != "true":
		return out
	case asJSON:
		return &commandless{out, regexp.MustCompile(`#(#\[)`), `\u0023$1`}
	}
	return &commandless{out, regexp.MustCompile(`(?m)(^[ \t]*:)(:)|(#)(#\[)`), "$1$3 $2$4"}
}

// commandless changes what looks like a command. Each Write must hold whole lines.
type commandless struct {
	io.Writer
	command *regexp.Regexp
	by      string
}

func (c *commandless) Write(b []byte) (int, error) {
	if _, err := c.Writer.Write(c.command.ReplaceAll(b, []byte(c.by))); err != nil {
		return 0, err
	}
	return len(b), nil
}

// appendTo appends what write writes to a file.
func appendTo(path string, write func(io.Writer) error) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	_, err = io.WriteString(f, "\n") // what stands there may not end with an empty line
	return errors.Join(err, write(f), f.Close())
}

// annotation returns the line with which a step of GitHub Actions reports an error.
func annotation(title, message string) string {
	data := strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	property := strings.NewReplacer(":", "%3A", ",", "%2C")
	return fmt.Sprintf("::error title=%s::%s\n", property.Replace(data.Replace(text.Clean(title))), data.Replace(text.Clean(message)))
}
