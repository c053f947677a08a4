package wire

import (
	"encoding/json"
	"reflect"
)

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
