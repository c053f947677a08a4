package wire

import (
	"encoding/json"
	"reflect"
)

// WithoutMark returns a text without the byte order marks of UTF-8 at its beginning,
// which editors and PowerShell put there. It does not copy the text.
func WithoutMark(text []byte) []byte {
	for len(text) >= len(mark) && string(text[:len(mark)]) == mark { // faster than bytes.HasPrefix
		text = text[len(mark):]
	}
	return text
}

const mark = "\uFEFF"

// Text is the content of a JSON string, or a JSON number as it is written: programs in
// Python send time.time() as a timestamp, and numbers of their own as user ids.
type Text string

// UnmarshalJSON fails with a *json.UnmarshalTypeError if b is neither a string nor a
// number.
func (t *Text) UnmarshalJSON(b []byte) error {
	switch b[0] {
	case '"':
		return json.Unmarshal(b, (*string)(t))
	case 'n': // null leaves everything as it is, by the rule of encoding/json
		return nil
	case '{':
		return wrongType("object")
	case '[':
		return wrongType("array")
	case 't', 'f':
		return wrongType("bool")
	}
	*t = Text(b)
	return nil
}

func wrongType(kind string) error {
	return &json.UnmarshalTypeError{Value: kind, Type: reflect.TypeFor[Text]()}
}
