package report

import "strings"

// RequestOptions holds what a run was asked to put into its requests. It holds no value
// that may be secret.
type RequestOptions struct {
	Headers []string `json:"headers,omitempty"` // names
	OK      string   `json:"ok,omitempty"`      // condition of an answer that accepts
	Data    string   `json:"data,omitempty"`    // how many lines of data, and the beginning of their hash
	Replay  string   `json:"replay,omitempty"`  // how many recorded reactions, and the beginning of their hash
	// AsRecorded says that there was the time between them that was recorded.
	AsRecorded bool `json:"as_recorded,omitempty"`
}

// IsZero returns whether nothing was asked.
func (o RequestOptions) IsZero() bool {
	return len(o.Headers) == 0 && o.OK+o.Data+o.Replay == "" && !o.AsRecorded
}

// requests returns what was asked of the requests of a run.
func (o Options) requests() RequestOptions {
	if o.Requests == nil {
		return RequestOptions{}
	}
	return *o.Requests
}

// asked returns the options in words.
func (o RequestOptions) asked() []string {
	var parts []string
	if len(o.Headers) > 0 {
		parts = append(parts, "with "+strings.Join(o.Headers, ", "))
	}
	if o.OK != "" {
		parts = append(parts, "ok is "+o.OK)
	}
	if o.Data != "" {
		parts = append(parts, "data of "+o.Data)
	}
	if o.Replay != "" {
		parts = append(parts, "replay of "+o.Replay)
	}
	return parts
}

// requestProperties returns the properties of RequestOptions.
func requestProperties() []runProperty {
	return []runProperty{
		{"headers", true, func(r Report) string { return strings.Join(r.Options.requests().Headers, ", ") }},
		{"ok", true, func(r Report) string { return r.Options.requests().OK }},
		{"data", true, func(r Report) string { return r.Options.requests().Data }},
		{"replay", true, func(r Report) string { return r.Options.requests().Replay }},
	}
}
