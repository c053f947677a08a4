package wire_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/emostream/emostream/internal/wire"
)

// at is 2026-01-02T03:04:05Z.
const at = 1767323045000

func TestAppendTime(t *testing.T) {
	local := time.Local
	defer func() { time.Local = local }()
	time.Local = time.FixedZone("far away", 5*3600+1800) // the local time zone must make no difference
	for ms, want := range map[int64]string{
		0:        "1970-01-01T00:00:00.000Z",
		-1:       "1969-12-31T23:59:59.999Z",
		at:       "2026-01-02T03:04:05.000Z",
		at + 678: "2026-01-02T03:04:05.678Z",
	} {
		if got := string(wire.AppendTime(nil, ms)); got != want {
			t.Errorf("AppendTime(%d) = %s, want %s", ms, got, want)
		}
	}
}

func TestWindowJSON(t *testing.T) {
	want := wire.Window{Start: at - 2000, End: at}
	b, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := string(b), `{"start":"2026-01-02T03:04:03.000Z","end":"2026-01-02T03:04:05.000Z"}`; got != want {
		t.Errorf("written as %s, want %s", got, want)
	}
	for name, text := range map[string]string{
		"as we write it":                 string(b),
		"without milliseconds":           `{"start":"2026-01-02T03:04:03Z","end":"2026-01-02T03:04:05Z"}`,
		"with an offset, as Spark does":  `{"start":"2026-01-02T08:34:03.000+05:30","end":"2026-01-02T08:34:05.000+05:30"}`,
		"with an offset of zero":         `{"start":"2026-01-02T03:04:03.000+00:00","end":"2026-01-02T03:04:05.000-00:00"}`,
		"with two offsets, over a day":   `{"start":"2026-01-01T19:04:03-08:00","end":"2026-01-02T04:04:05+01:00"}`,
		"with digits below milliseconds": `{"start":"2026-01-02T03:04:03.000999Z","end":"2026-01-02T03:04:05.000000001Z"}`,
		"Spark's text of timestamps":     `{"start":"2026-01-02 03:04:03","end":"2026-01-02 03:04:05"}`,
		"the same with fractions":        `{"start":"2026-01-02 03:04:03.0","end":"2026-01-02 03:04:05.0009"}`,
		"the same with an offset":        `{"start":"2026-01-02 08:34:03+05:30","end":"2026-01-02 03:04:05Z"}`,
		"no offset":                      `{"start":"2026-01-02T03:04:03","end":"2026-01-02T03:04:05.000"}`,
		"an offset without a colon":      `{"start":"2026-01-02T08:34:03.000+0530","end":"2026-01-02T04:04:05+01"}`,
		"milliseconds":                   `{"start":1767323043000,"end":1767323045000}`,
		"milliseconds with a fraction":   `{"start":1767323043000.0,"end":1.767323045e12}`,
		"milliseconds as text":           `{"start":"1767323043000","end":"1767323045000"}`,
		"seconds":                        `{"start":1767323043,"end":1767323045}`,
		"seconds with a fraction":        `{"start":1767323043.0,"end":1767323045.0004}`,
		"one of each":                    `{"start":1767323043,"end":"2026-01-02 03:04:05"}`,
		"more fields, other order":       `{"end":"2026-01-02T03:04:05Z","length":2,"start":"2026-01-02T03:04:03Z"}`,
	} {
		t.Run(name, func(t *testing.T) {
			var got wire.Window
			if err := json.Unmarshal([]byte(text), &got); err != nil {
				t.Fatal(err)
			}
			if got != want {
				t.Errorf("read as %+v, want %+v", got, want)
			}
		})
	}
}

func TestWindowJSONRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"null":                   `null`,
		"nothing":                `{}`,
		"no end":                 `{"start":"2026-01-02T03:04:03Z"}`,
		"an end before it":       `{"start":"2026-01-02T03:04:05Z","end":"2026-01-02T03:04:03Z"}`,
		"an end at its start":    `{"start":"2026-01-02T03:04:05Z","end":"2026-01-02T03:04:05Z"}`,
		"less than a ms":         `{"start":"2026-01-02T03:04:05.0001Z","end":"2026-01-02T03:04:05.0009Z"}`,
		"microseconds":           `{"start":1767323043000000,"end":1767323045000000}`,
		"no numbers":             `{"start":"NaN","end":"Inf"}`,
		"no start":               `{"end":"1970-01-01T00:00:02Z"}`,
		"a start that is null":   `{"start":null,"end":"1970-01-01T00:00:02Z"}`,
		"times that are objects": `{"start":{"seconds":1},"end":{"seconds":2}}`,
		"times that are true":    `{"start":false,"end":true}`,
		"times that are empty":   `{"start":"","end":""}`,
		"two blanks":             `{"start":"2026-01-02  03:04:03","end":"2026-01-02  03:04:05"}`,
		"a blank before":         `{"start":" 2026-01-02 03:04:03","end":" 2026-01-02 03:04:05"}`,
		"dates":                  `{"start":"2026-01-02","end":"2026-01-03"}`,
		"a zone with a name":     `{"start":"2026-01-02 03:04:03 UTC","end":"2026-01-02 03:04:05 UTC"}`,
		"Spark's text of both":   `"{2026-01-02 03:04:03, 2026-01-02 03:04:05}"`,
		"a list":                 `["2026-01-02T03:04:03Z","2026-01-02T03:04:05Z"]`,
		"a day that is not":      `{"start":"2026-02-30T03:04:03Z","end":"2026-03-02T03:04:05Z"}`,
		"a string for an object": `"2026-01-02T03:04:03Z"`,
	} {
		t.Run(name, func(t *testing.T) {
			var got wire.Window
			if err := json.Unmarshal([]byte(text), &got); err == nil {
				t.Errorf("read as %+v, want an error", got)
			}
		})
	}
}

// A window that can be decoded ends after its start. If it is encoded and decoded
// again, it is the same, except for years that RFC 3339 does not have.
func FuzzWindow(f *testing.F) {
	f.Add([]byte(`{"start":"2026-01-02T03:04:03.000Z","end":"2026-01-02T03:04:05.000Z"}`))
	f.Add([]byte(`{"start":"2026-01-02T08:34:03.000999+05:30","end":"2026-01-02T08:34:05+05:30"}`))
	f.Add([]byte(`{"start":"0001-01-01T00:00:00Z","end":"9999-12-31T23:59:59.999Z"}`))
	f.Add([]byte(`{"start":"1969-12-31T23:59:59.9999Z","end":"1970-01-01T00:00:00Z"}`))
	f.Add([]byte(`{"start":1767323043.5,"end":"1767323045"}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var w wire.Window
		if json.Unmarshal(text, &w) != nil {
			return
		}
		if w.End <= w.Start {
			t.Fatalf("%s: read as %+v", text, w)
		}
		if time.UnixMilli(w.Start).UTC().Year() < 0 || time.UnixMilli(w.End).UTC().Year() > 9999 {
			return
		}
		b, err := json.Marshal(w)
		if err != nil {
			t.Fatal(err)
		}
		var again wire.Window
		if err := json.Unmarshal(b, &again); err != nil || again != w {
			t.Errorf("%+v is written as %s and read as %+v, %v", w, b, again, err)
		}
	})
}
