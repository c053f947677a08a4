package replay

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/emostream/emostream/internal/text"
	"github.com/emostream/emostream/internal/wire"
)

// maxLine is the greatest length of a line of a recording, in bytes.
const maxLine = 64 << 10

// Lines reads a recording of JSON lines: reactions as people send them to a main
// server, each with the "time" at which it was accepted. A line without "time" has the
// time of its timestamp; a line without either has the time of the line before. Lines
// also reads what `emostream consume -o json` prints of emoji-topic, and the CSV of
// `emostream export --what reactions`. After an error that says that a file is of
// another form nothing follows.
func Lines(in io.Reader) Recording {
	return func(yield func(Reaction, error) bool) {
		buf := bufio.NewReaderSize(text.SkipMark(in), maxLine)
		last := int64(math.MinInt64)
		var f format
		for n := 1; ; n++ {
			line, tooLong, err := readLine(buf)
			if f.parse == nil && len(line) > 0 {
				err = cmp.Or(f.learn(line), err)
			}
			if err != nil && !errors.Is(err, io.EOF) {
				yield(Reaction{}, fmt.Errorf("line %d: %w", n, err))
				return
			}
			switch r, bad := f.read(line, last); {
			case tooLong:
				bad = fmt.Errorf("it has more than %d bytes: want one reaction a line", maxLine)
				fallthrough
			case bad != nil:
				if !yield(Reaction{}, &BadError{fmt.Errorf("line %d: %w", n, bad)}) {
					return
				}
			case r.Emoji != "":
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

// readLine returns the next line without the blanks around it, and without a byte order
// mark before it: files that are joined have one in front of each. Tabs may separate
// cells that are empty. It returns nothing of a line that is too long, or that is blank.
func readLine(in *bufio.Reader) (line []byte, tooLong bool, err error) {
	line, err = in.ReadSlice('\n')
	for errors.Is(err, bufio.ErrBufferFull) {
		tooLong = true
		_, err = in.ReadSlice('\n')
	}
	if tooLong {
		return nil, true, err
	}
	line = bytes.TrimPrefix(line, []byte(text.ByteOrderMark))
	if len(bytes.TrimSpace(line)) == 0 {
		return nil, false, err
	}
	return bytes.Trim(line, " \r\n"), false, err
}

// written is what a line may hold beside the reaction itself. Value is set in lines of
// `emostream consume -o json`; then it is the reaction.
type written struct {
	Time  json.RawMessage `json:"time"`
	Count *int            `json:"count"`
	Value json.RawMessage `json:"value"`
}

// isCounted says whether an object holds counts of a window: of one emoji, as export and
// the aggregator write them, or of all, as people are sent them.
func isCounted(object []byte) bool {
	var c struct {
		UserID json.RawMessage `json:"user_id"`
		Count  json.RawMessage `json:"emoji_count"`
		Emojis json.RawMessage `json:"emojis"`
	}
	err := json.Unmarshal(object, &c)
	return err == nil && c.UserID == nil && (c.Count != nil || c.Emojis != nil)
}

// errNoColumns says that a line looks like one of CSV, in a file that is read as JSON.
var errNoColumns = errors.New("it is no JSON object, and the first line does not name the columns of CSV: put one like time,user_id,emoji_type before all others")

// parseLine is the parser of JSON lines. The server checks user and emoji, not
// parseLine.
func parseLine(line []byte, last int64) (Reaction, error) {
	if bytes.TrimSpace(line)[0] != '{' && bytes.ContainsAny(line, ",;\t") {
		return Reaction{}, fmt.Errorf("%w: %w", wire.ErrNotReaction, errNoColumns)
	}
	var w written
	if err := json.Unmarshal(line, &w); err != nil {
		return Reaction{}, fmt.Errorf("%w: %w", wire.ErrNotReaction, err)
	}
	if w.Value != nil {
		line = w.Value
	}
	if bytes.Contains(line, []byte(`"emoji_count"`)) && isCounted(line) {
		return Reaction{}, errWindows
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

// at returns when the reaction of a line was accepted, in ms: the line's time, else its
// timestamp, else last, the time of the line before.
func (w *written) at(timestamp string, last int64) (int64, error) {
	if len(w.Time) > 0 && string(w.Time) != "null" {
		at, err := wire.ParseMoment(w.Time)
		if err != nil {
			return 0, fmt.Errorf("its time is %.40s: want one like %q", w.Time, wire.TimeFormat)
		}
		return at, nil
	}
	const year1973 = 1e11 // numbers that count something else than time are below
	if at, err := wire.ParseMoment([]byte(timestamp)); err == nil && at >= year1973 {
		return at, nil
	}
	return last, nil
}
