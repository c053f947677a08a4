package report

import "strings"

// RequestOptions holds what a run was asked to put into its requests. It holds no value
// that may be secret.
type RequestOptions struct {
	Headers []string `json:"headers,omitempty"` // names
	OK      string   `json:"ok,omitempty"`      // condition of an answer that accepts
}

// IsZero returns whether nothing was asked.
func (o RequestOptions) IsZero() bool { return len(o.Headers) == 0 && o.OK == "" }

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
	return parts
}

// requestProperties returns the properties of RequestOptions.
func requestProperties() []runProperty {
	return []runProperty{
		{"headers", true, func(r Report) string { return strings.Join(r.Options.requests().Headers, ", ") }},
		{"ok", true, func(r Report) string { return r.Options.requests().OK }},
	}
}
