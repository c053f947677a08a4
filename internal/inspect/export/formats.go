package export

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/parquet-go/parquet-go"
)

// Format is how a table is written.
type Format string

// The formats.
const (
	CSV       Format = "csv"     // RFC 4180, with a line of names
	JSONLines Format = "jsonl"   // an object a line
	Parquet   Format = "parquet" // zstd, times as timestamps in UTC
)

// FormatOf is the format that a file's ending names; where there is no file it is
// JSON lines.
func FormatOf(path string) (Format, error) {
	switch end := strings.ToLower(filepath.Ext(path)); {
	case path == "", end == ".ndjson":
		return JSONLines, nil
	case end == ".csv", end == ".jsonl", end == ".parquet":
		return Format(end[1:]), nil
	}
	return "", fmt.Errorf("file %.60q: its ending is none of .csv, .jsonl, .ndjson and .parquet: say the format", path)
}

// Table takes rows.
type Table[R Row] interface {
	Add(R) error
	// Close writes what is held. It does not close what it writes to.
	Close() error
}

// groupRows is how many rows of a Parquet file are held until they are written,
// sorted by columns.
const groupRows = 128 << 10

// NewTable returns a table that is written to w.
func NewTable[R Row](w io.Writer, f Format) Table[R] {
	switch f {
	case CSV:
		t := &csvTable[R]{csv.NewWriter(w)}
		_ = t.w.Write(R.names(*new(R))) // its error is kept for the end
		return t
	case Parquet:
		return &parquetTable[R]{w: parquet.NewGenericWriter[R](w,
			parquet.Compression(&parquet.Zstd), parquet.MaxRowsPerRowGroup(groupRows), parquet.CreatedBy("emostream", "", ""))}
	}
	buf := bufio.NewWriter(w)
	e := json.NewEncoder(buf)
	e.SetEscapeHTML(false)
	return &jsonTable[R]{buf, e}
}

type csvTable[R Row] struct{ w *csv.Writer }

func (t *csvTable[R]) Add(row R) error { return t.w.Write(row.values()) }

func (t *csvTable[R]) Close() error {
	t.w.Flush()
	return t.w.Error()
}

type jsonTable[R Row] struct {
	w *bufio.Writer
	e *json.Encoder
}

func (t *jsonTable[R]) Add(row R) error { return t.e.Encode(row) }

func (t *jsonTable[R]) Close() error { return t.w.Flush() }

// parquetTable hands over many rows at once, since each handing over costs.
type parquetTable[R Row] struct {
	w    *parquet.GenericWriter[R]
	rows []R
}

func (t *parquetTable[R]) Add(row R) error {
	if t.rows = append(t.rows, row); len(t.rows) < 1000 {
		return nil
	}
	return t.flush()
}

func (t *parquetTable[R]) flush() error {
	_, err := t.w.Write(t.rows)
	clear(t.rows)
	t.rows = t.rows[:0]
	return err
}

func (t *parquetTable[R]) Close() error { return errors.Join(t.flush(), t.w.Close()) }
