package replay

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/emostream/emostream/internal/text"
	"github.com/emostream/emostream/internal/wire"
)

// parser returns the reaction of a line. last is the time of the line before.
type parser func(line []byte, last int64) (Reaction, error)

// parserOf returns how the lines of a file are read, by the first of them, and whether
// that one only names columns. The error says what a file is that cannot be read, and
// what to give instead.
func parserOf(first []byte) (parse parser, isHeader bool, err error) {
	switch {
	case bytes.HasPrefix(first, []byte("PAR1")):
		return nil, false, errors.New("it is a Parquet file: want JSON lines or CSV, as emostream export --what reactions --out reactions.jsonl writes")
	case bytes.HasPrefix(first, []byte{0x1f, 0x8b}):
		return nil, false, errors.New("it is compressed by gzip: gunzip -c FILE | emostream replay - sends what is in it")
	case bytes.HasPrefix(first, []byte("[")):
		return nil, false, errors.New("it begins a JSON array: want a reaction in each line, as jq -c '.[]' FILE | emostream replay - sends them")
	}
	for _, separator := range ",;\t" { // spreadsheets write all of them
		t := table{separator: separator}
		names, err := t.cells(first)
		switch {
		case err != nil || !slices.Contains(names, "emoji_type"):
		case slices.Contains(names, "emoji_count"):
			return nil, false, errors.New("it is a table of windows, and they hold no single reactions: want what emostream export --what reactions writes")
		default:
			t.names = names
			return t.parse, true, nil
		}
	}
	return parseLine, false, nil
}

// table is a file of CSV, with the columns that export writes, in any order. Others are
// ignored. A line holds one row, since export writes no line ends into cells.
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
		case slices.Contains([]string{"time", "user_id", "emoji_type", "timestamp", "channel"}, name):
			fields[name] = text.OriginalCell(cells[i])
		}
	}
	object, err := json.Marshal(fields)
	if err != nil {
		return Reaction{}, err
	}
	return parseLine(object, last)
}
