package httpserve

import (
	"net/http"
	"unicode/utf8"

	"github.com/emostream/emostream/internal/text"
)

// RefuseUTF16 refuses a JSON text that is encoded as UTF-16 or UTF-32, with a byte order
// mark or without. It returns nil for any other text. The refusal calls it by the part
// of a request that it is, such as body.
func RefuseUTF16(part string, b []byte) *Refusal {
	if name := text.WideEncoding(b); name != "" {
		return notUTF8(part, name)
	}
	return nil
}

// RefuseOtherThanUTF8 refuses a JSON text that is not UTF-8. It returns nil if it is.
func RefuseOtherThanUTF8(part string, b []byte) *Refusal {
	if refusal := RefuseUTF16(part, b); refusal != nil {
		return refusal
	}
	if !utf8.Valid(b) {
		return notUTF8(part, "not valid UTF-8")
	}
	return nil
}

func notUTF8(part, what string) *Refusal {
	return Refusalf(http.StatusBadRequest, "invalid_utf8", "the %s is %s: encode the JSON text as UTF-8", part, what)
}
