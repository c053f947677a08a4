package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/emostream/emostream/internal/text"
)

// WriteJSON writes the report in the form that schema/report.json describes.
func WriteJSON(w io.Writer, r Report) error {
	e := json.NewEncoder(text.JSONWriter(w))
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(withEmptyLists(r)); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}

// withEmptyLists replaces nil by empty lists and objects, so that readers need not
// handle null.
func withEmptyLists(r Report) Report {
	r.Notes = orEmpty(r.Notes)
	r.Windows = orEmpty(r.Windows)
	r.Series = orEmpty(r.Series)
	r.Thresholds = orEmpty(r.Thresholds)
	r.Search = slices.Clone(r.Search)
	for i := range r.Search {
		r.Search[i].Missed = orEmpty(r.Search[i].Missed)
	}
	if r.Errors == nil {
		r.Errors = map[string]int64{}
	}
	if r.Latency == nil {
		r.Latency = map[string]*Latency{}
	}
	return r
}

func orEmpty[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}

// ReadFile reads a report that WriteJSON wrote.
func ReadFile(path string) (Report, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return Report{}, err
	}
	r, err := ReadJSON(b)
	if err != nil {
		return Report{}, fmt.Errorf("%s: %w", path, err)
	}
	return r, nil
}

// IsReport says whether b, which may be the beginning of a file alone, is a report of any
// version.
func IsReport(b []byte) bool {
	return regexp.MustCompile(`"schema"\s*:\s*"emostream-bench/`).Match(b)
}

// ReadJSON reads a report. It returns an error that says what is wrong: another schema,
// a key that is missing or unknown, or a histogram that contradicts its count. It is
// strict, since a comparison with a damaged report would mislead.
func ReadJSON(b []byte) (Report, error) {
	b, err := text.TrimMark(b)
	if err != nil {
		return Report{}, err
	}
	var of struct {
		Schema string `json:"schema"`
	}
	if err := json.Unmarshal(b, &of); err != nil {
		return Report{}, jsonError(b, err)
	}
	switch {
	case of.Schema == "":
		return Report{}, errors.New("this is no report of emostream bench: it has no schema")
	case of.Schema != Schema:
		return Report{}, fmt.Errorf("its schema is %.40q and this version reads %q: use the emostream that wrote it", of.Schema, Schema)
	}
	var r Report
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&r); err != nil {
		return Report{}, jsonError(b, err)
	}
	if err := checkKeys(b, reflect.TypeFor[Report](), ""); err != nil {
		return Report{}, err
	}
	r.Options.Target = text.HideSecrets(r.Options.Target) // older versions wrote passwords, too
	return r, errors.Join(checkAllLatencies(r), r.Scenario.check())
}

// jsonError returns an error that names the line in which JSON is wrong, and how it is
// wrong.
func jsonError(b []byte, err error) error {
	at := int64(-1)
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		at = syntax.Offset
	}
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return fmt.Errorf("line %d: %s is %s and should be %s", lineOf(b, wrong.Offset), wrong.Field, wrong.Value, kindOf(wrong.Type))
	}
	switch {
	case len(bytes.TrimSpace(b)) == 0:
		return errors.New("it is empty")
	case at >= int64(len(b)):
		return fmt.Errorf("line %d: it ends too early, as if it had not been written to its end", lineOf(b, at))
	case at >= 0:
		return fmt.Errorf("line %d: it is no JSON: %w", lineOf(b, at), err)
	}
	return errors.New(strings.TrimPrefix(err.Error(), "json: "))
}

func lineOf(b []byte, offset int64) int {
	return 1 + bytes.Count(b[:min(int64(len(b)), max(0, offset))], []byte("\n"))
}

func kindOf(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.String:
		return "a string"
	case reflect.Int, reflect.Int64, reflect.Uint64:
		return "a whole number"
	case reflect.Float64:
		return "a number"
	case reflect.Slice:
		return "an array"
	}
	return "an object"
}

// checkKeys checks that an object and all objects in it have all keys of their types.
func checkKeys(b []byte, t reflect.Type, path string) error {
	if string(b) == "null" || t == reflect.TypeFor[json.RawMessage]() {
		return nil
	}
	switch t.Kind() {
	case reflect.Pointer:
		return checkKeys(b, t.Elem(), path)
	case reflect.Slice:
		var items []json.RawMessage
		if err := json.Unmarshal(b, &items); err != nil {
			return err
		}
		for i, item := range items {
			if err := checkKeys(item, t.Elem(), fmt.Sprintf("%s[%d]", path, i)); err != nil {
				return err
			}
		}
	case reflect.Map:
		var items map[string]json.RawMessage
		if err := json.Unmarshal(b, &items); err != nil {
			return err
		}
		for _, key := range slices.Sorted(maps.Keys(items)) {
			if err := checkKeys(items[key], t.Elem(), path+"."+key); err != nil {
				return err
			}
		}
	case reflect.Struct:
		if !strings.HasPrefix(t.PkgPath(), "time") {
			return checkObjectKeys(b, t, path)
		}
	}
	return nil
}

func checkObjectKeys(b []byte, t reflect.Type, path string) error {
	var keys map[string]json.RawMessage
	if err := json.Unmarshal(b, &keys); err != nil {
		return err
	}
	for field := range t.Fields() {
		key, option, _ := strings.Cut(field.Tag.Get("json"), ",")
		value, there := keys[key]
		switch {
		case field.Anonymous: // its fields are in the same object
			if err := checkObjectKeys(b, field.Type, path); err != nil {
				return err
			}
		case there:
			if err := checkKeys(value, field.Type, path+"."+key); err != nil {
				return err
			}
		case option != "omitempty" && option != "omitzero":
			return fmt.Errorf("%s is missing", strings.TrimPrefix(path+"."+key, "."))
		}
	}
	return nil
}

// checkAllLatencies checks the latencies of the whole load and of its parts.
func checkAllLatencies(r Report) error {
	if err := checkLatencies("latency", r.Latency); err != nil {
		return err
	}
	if r.WarmUp != nil {
		if err := checkLatencies("warm_up.latency", r.WarmUp.Latency); err != nil {
			return err
		}
	}
	for i, s := range r.Stages {
		if err := checkLatencies(fmt.Sprintf("stages[%d].latency", i), s.Latency); err != nil {
			return err
		}
	}
	return nil
}

// checkLatencies checks that the keys of latencies are known and that their histograms
// hold as many values as they say.
func checkLatencies(path string, latency map[string]*Latency) error {
	for _, key := range slices.Sorted(maps.Keys(latency)) {
		if !slices.Contains(LatencyKeys(), key) {
			return fmt.Errorf("%s.%.40s is not known: there are %s", path, key, strings.Join(LatencyKeys(), ", "))
		}
		l := latency[key]
		if l == nil {
			continue
		}
		h, err := l.Decode()
		if err != nil {
			return fmt.Errorf("%s.%s: %w", path, key, err)
		}
		if h.Count() != l.Count {
			return fmt.Errorf("%s.%s: its histogram holds %d values and its count says %d", path, key, h.Count(), l.Count)
		}
	}
	return nil
}
