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

	"github.com/emostream/emostream/internal/text"
)

// Format is a file format for tables.
type Format string

// The formats.
const (
	// RFC 4180, with the names of the columns in the first line. Foreign text is cleaned,
	// since people open such files in spreadsheets; the other formats have it unchanged.
	CSV       Format = "csv"
	JSONLines Format = "jsonl"   // one JSON object in each line
	Parquet   Format = "parquet" // compressed with zstd; times are timestamps in UTC
)

// FormatOf returns the format that the ending of a file's name stands for. For an empty
// path it is JSON lines.
func FormatOf(path string) (Format, error) {
	switch end := strings.ToLower(filepath.Ext(path)); {
	case path == "", end == ".ndjson":
		return JSONLines, nil
	case end == ".csv", end == ".jsonl", end == ".parquet":
		return Format(end[1:]), nil
	}
	return "", fmt.Errorf("file %.60q: its ending is none of .csv, .jsonl, .ndjson and .parquet: say the format", path)
}

// Table writes rows in a format.
type Table[R Row] interface {
	Add(R) error
	// Close writes the rows that are still held. It does not close the underlying
	// writer.
	Close() error
}

// groupRows is how many rows of a Parquet file are held in memory, sorted by columns,
// before they are written.
const groupRows = 128 << 10

// NewTable returns a table that writes to w.
func NewTable[R Row](w io.Writer, f Format) Table[R] {
	switch f {
	case CSV:
		t := &csvTable[R]{csv.NewWriter(w)}
		_ = t.w.Write(R.names(*new(R))) // Close returns its error
		return t
	case Parquet:
		return &parquetTable[R]{w: parquet.NewGenericWriter[R](w,
			parquet.Compression(&parquet.Zstd), parquet.MaxRowsPerRowGroup(groupRows), parquet.CreatedBy("emostream", "", ""))}
	}
	buf := bufio.NewWriter(w)
	e := json.NewEncoder(text.JSONWriter(buf))
	e.SetEscapeHTML(false)
	return &jsonTable[R]{buf, e}
}

type csvTable[R Row] struct{ w *csv.Writer }

func (t *csvTable[R]) Add(row R) error {
	cells := row.values()
	for i, cell := range cells {
		cells[i] = text.CleanCell(cell)
	}
	return t.w.Write(cells)
}

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

// parquetTable collects rows and passes on many at once, since each passing on is slow.
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
