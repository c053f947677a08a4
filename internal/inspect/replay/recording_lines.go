package replay

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/emostream/emostream/internal/wire"
)

// maxLine is how many bytes a line of a recording may have.
const maxLine = 64 << 10

// Lines reads a recording of JSON lines: reactions as a main server takes them in,
// each with the "time" when it was accepted. A line without one goes by its own
// timestamp, and one without either by the line before. What `emostream consume -o
// json` prints of emoji-topic is read too.
func Lines(in io.Reader) Recording {
	return func(yield func(Reaction, error) bool) {
		buf := bufio.NewReaderSize(in, maxLine)
		last := int64(math.MinInt64)
		for n := 1; ; n++ {
			line, tooLong, err := readLine(buf)
			if err != nil && !errors.Is(err, io.EOF) {
				yield(Reaction{}, fmt.Errorf("line %d: %w", n, err))
				return
			}
			switch r, bad := parseLine(line, last); {
			case tooLong:
				bad = fmt.Errorf("it has more than %d bytes: want one reaction a line", maxLine)
				fallthrough
			case bad != nil:
				if !yield(Reaction{}, &BadError{fmt.Errorf("line %d: %w", n, bad)}) {
					return
				}
			case len(line) > 0:
				last = r.At
				if !yield(r, nil) {
					return
				}
			}
			if err != nil {
				return
			}
		}
	}
}

// readLine returns the next line without white space around it. Of one that is too
// long nothing is kept.
func readLine(in *bufio.Reader) (line []byte, tooLong bool, err error) {
	line, err = in.ReadSlice('\n')
	for errors.Is(err, bufio.ErrBufferFull) {
		tooLong = true
		_, err = in.ReadSlice('\n')
	}
	if tooLong {
		return nil, true, err
	}
	return bytes.TrimSpace(line), false, err
}

// written is what a line holds beside the reaction itself. Value is set in lines
// that `emostream consume -o json` printed; then it is the reaction.
type written struct {
	Time  json.RawMessage `json:"time"`
	Count *int            `json:"count"`
	Value json.RawMessage `json:"value"`
}

// parseLine reads a line; an empty one is nothing, and no error. Whether user and
// emoji are right is for the server to say.
func parseLine(line []byte, last int64) (Reaction, error) {
	if len(line) == 0 {
		return Reaction{}, nil
	}
	var w written
	if err := json.Unmarshal(line, &w); err != nil {
		return Reaction{}, fmt.Errorf("%w: %w", wire.ErrNotReaction, err)
	}
	if w.Value != nil {
		line = w.Value
	}
	told, err := wire.DecodeReactionFields(line)
	if err != nil {
		return Reaction{}, err
	}
	r := reactionOf(told)
	if w.Count != nil {
		r.Count = *w.Count
	}
	if r.Count < 1 || r.Count > maxCount {
		return Reaction{}, fmt.Errorf("its count is %d: 1 to %d are allowed", r.Count, maxCount)
	}
	r.At, err = w.at(r.Timestamp, last)
	return r, err
}

// at is when the reaction of a line was accepted, in ms: by its time, else by its
// timestamp, else as the line before.
func (w *written) at(timestamp string, last int64) (int64, error) {
	if len(w.Time) > 0 && string(w.Time) != "null" {
		var t time.Time
		if err := json.Unmarshal(w.Time, &t); err != nil {
			return 0, fmt.Errorf("its time is %.40s: want one like %q", w.Time, wire.TimeFormat)
		}
		return t.UnixMilli(), nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05"} { // the second is Python's
		if t, err := time.Parse(layout, timestamp); err == nil {
			return t.UnixMilli(), nil
		}
	}
	return last, nil
}
