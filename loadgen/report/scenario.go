package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/emostream/emostream/internal/text"
)

// Scenario holds the settings of a run that were given, or differ from their defaults, by
// the names of bench's flags, so that the run can be repeated. The caller of a run fills it
// in, without secrets. It is nil if the settings are not known, and empty if there are none.
type Scenario map[string]json.RawMessage

// Set sets a setting to a value: a string, a number, true or false, or a list of strings.
func (s Scenario) Set(name string, value any) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // a condition has < and >
	if err := e.Encode(value); err != nil {
		return fmt.Errorf("setting %s: %w", name, err)
	}
	s[name] = bytes.TrimSpace(b.Bytes())
	return nil
}

// Values returns the value of a setting as its flag takes it: the values of a list, or
// one.
func (s Scenario) Values(name string) (values []string, list bool, err error) {
	raw := s[name]
	var one string
	switch {
	case json.Unmarshal(raw, &one) == nil && string(raw) != "null":
		return []string{one}, false, nil
	case json.Unmarshal(raw, &values) == nil && string(raw) != "null":
		return values, true, nil
	case len(raw) > 0 && !strings.ContainsAny(string(raw[:1]), "{[n"): // a number, true or false
		return []string{string(raw)}, false, nil
	}
	return nil, false, fmt.Errorf("scenario.%s should be a string, a number, true, false or an array of strings", text.Clean(name))
}

// check returns an error if a setting has a value of another kind.
func (s Scenario) check() error {
	for _, name := range slices.Sorted(maps.Keys(s)) {
		if _, _, err := s.Values(name); err != nil {
			return err
		}
	}
	return nil
}

// scenarioRows lists the settings in the order of their names.
func scenarioRows(s Scenario) []labelled {
	var rows []labelled
	for _, name := range slices.Sorted(maps.Keys(s)) {
		values, _, _ := s.Values(name) // was checked when the report was read
		rows = append(rows, labelled{text.Clean(name), clip(strings.Join(values, ", "), 1000)})
	}
	return rows
}
