package replay

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/emostream/emostream/internal/text"
	"github.com/emostream/emostream/internal/wire"
)

// parser returns the reaction of a line that is not empty. last is the time of the line
// before.
type parser func(line []byte, last int64) (Reaction, error)

// format is how the lines of a file are read.
type format struct {
	parse  parser // nil until a line has shown it
	header []byte // the line that names the columns, if there is one
}

// read returns the reaction of a line. A line that is none, since it is empty or says
// how the others are read, gives a zero reaction and no error. The header may come
// again, where a second file follows the first.
func (f *format) read(line []byte, last int64) (Reaction, error) {
	if f.parse == nil || len(line) == 0 || f.header != nil && (bytes.Equal(line, f.header) || separatorLine.Match(line)) {
		return Reaction{}, nil
	}
	return f.parse(line, last)
}

// separatorLine matches the line by which Excel knows what stands between cells.
var separatorLine = regexp.MustCompile(`^"?(?i:sep)=.?"?$`)

// learn learns how lines are read from the first of them. The error says what a file is
// that cannot be read, and what to give instead.
func (f *format) learn(first []byte) error {
	switch {
	case bytes.HasPrefix(first, []byte("PAR1")):
		return errors.New("it is a Parquet file: want JSON lines or CSV, as emostream export --what reactions --out reactions.jsonl writes")
	case bytes.HasPrefix(first, []byte{0x1f, 0x8b}):
		return errors.New("it is compressed by gzip: gunzip -c FILE | emostream replay - sends what is in it")
	case bytes.HasPrefix(first, []byte("[")):
		return errors.New("it begins a JSON array: want a reaction in each line, as jq -c '.[]' FILE | emostream replay - sends them")
	}
	if separatorLine.Match(first) {
		return nil // the next line is the first
	}
	for _, separator := range ",;\t" { // spreadsheets write all of them
		t := table{separator: separator}
		names, err := t.cells(first)
		var known []string
		for i := range names {
			names[i] = strings.ToLower(strings.TrimSpace(names[i]))
			if isColumn(names[i]) {
				known = append(known, names[i])
			}
		}
		switch {
		case err != nil || len(known) == 0:
		case slices.Contains(names, "emoji_count"):
			return errWindows
		case !slices.Contains(names, "emoji_type"):
			return fmt.Errorf("it names columns, like %s, and none is emoji_type: give this name to the one that holds the emojis", strings.Join(known, " and "))
		default:
			t.names = names
			f.parse, f.header = t.parse, bytes.Clone(first)
			return nil
		}
	}
	f.parse = parseLine
	if _, err := parseLine(first, 0); errors.Is(err, errWindows) {
		return errWindows
	}
	return nil
}

// errWindows says that a file or a line holds counts.
var errWindows = errors.New("it is a table of windows, and they hold no single reactions: want what emostream export --what reactions writes")

// isColumn says whether a column of this name is read.
func isColumn(name string) bool {
	return slices.Contains([]string{"time", "user_id", "emoji_type", "timestamp", "channel", "count"}, name)
}

// table is a file of CSV, with the columns that export writes, in any order and case.
// Others are ignored. A line holds one row, since export writes no line ends into cells.
type table struct {
	separator rune
	names     []string // of the columns
}

func (t table) cells(line []byte) ([]string, error) {
	r := csv.NewReader(bytes.NewReader(line))
	r.Comma = t.separator
	return r.Read()
}

func (t table) parse(line []byte, last int64) (Reaction, error) {
	cells, err := t.cells(line)
	if wrong, ok := errors.AsType[*csv.ParseError](err); ok {
		err = wrong.Err // without a line number, which would always be 1
	}
	if err != nil {
		return Reaction{}, fmt.Errorf("%w: %w", wire.ErrNotReaction, err)
	}
	for len(cells) > len(t.names) && cells[len(cells)-1] == "" {
		cells = cells[:len(cells)-1]
	}
	if len(cells) != len(t.names) {
		return Reaction{}, fmt.Errorf("%w: it has %s, and there are names of %d", wire.ErrNotReaction, text.Plural(int64(len(cells)), "cell"), len(t.names))
	}
	fields := map[string]any{}
	for i, name := range t.names {
		switch {
		case cells[i] == "":
		case name == "count":
			n, err := strconv.Atoi(cells[i])
			if err != nil {
				return Reaction{}, fmt.Errorf("its count is %.20q: want a number", cells[i])
			}
			fields[name] = n
		case isColumn(name):
			fields[name] = text.OriginalCell(cells[i])
		}
	}
	if len(fields) == 0 {
		return Reaction{}, nil // spreadsheets write rows without anything in them
	}
	object, err := json.Marshal(fields)
	if err != nil {
		return Reaction{}, err
	}
	return parseLine(object, last)
}
