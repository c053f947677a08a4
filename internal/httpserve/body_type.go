package httpserve

import (
	"net/http"
	"slices"
	"strings"

	"github.com/emostream/emostream/internal/text/quote"
)

// BodyType is what a request says of its body.
type BodyType int

// The types of bodies.
const (
	NotJSON   BodyType = iota // something else than JSON, or nothing
	JSON                      // a JSON text
	JSONLines                 // one JSON text a line
)

const jsonType = "application/json"

// maxContentType is how many bytes a content type may have. Those of programs have less
// than 100. It is parsed before anything bounds how many requests are in work, so a
// longer one is not looked at.
const maxContentType = 256

// TypeOfBody returns the type of a request's body. It refuses types other than those
// taken with 415, and also JSON that is compressed, or encoded otherwise than as UTF-8.
//
// Browsers let a page of any site send bodies of three content types without asking the
// server first: text/plain, and the two of forms. These and no content type are NotJSON,
// whatever parameters they have. Beyond that, content types are read generously: as long
// as a body is declared to be UTF-8 or ASCII, or nothing is said of it, it does not
// matter how that is written.
func TypeOfBody(r *http.Request, taken ...BodyType) (BodyType, *Refusal) {
	declared := r.Header.Get("Content-Type")
	if n := len(declared); n > maxContentType {
		return NotJSON, Refusalf(http.StatusUnsupportedMediaType, "unsupported_media_type", "the content type has %d bytes: at most %d are allowed; send JSON with Content-Type: "+jsonType, n, maxContentType)
	}
	body, charset := JSON, ""
	if declared != jsonType { // which is the most frequent one
		body, charset = parseContentType(declared)
	}
	encoding := r.Header.Get("Content-Encoding")
	switch {
	case !slices.Contains(taken, body):
		return body, unsupportedType("content type %s is not taken: send JSON with Content-Type: "+jsonType, declared)
	case body == NotJSON:
	case charset != "":
		return body, unsupportedType("charset %s is not taken: encode the JSON text as UTF-8, and send it with Content-Type: "+jsonType, charset)
	case encoding != "" && !strings.EqualFold(encoding, "identity"):
		return body, unsupportedType("content encoding %s is not taken: send it as it is", encoding)
	}
	return body, nil
}

func unsupportedType(format, given string) *Refusal {
	return Refusalf(http.StatusUnsupportedMediaType, "unsupported_media_type", format, quote.Text(given, 64))
}

// parseContentType returns the type of the bodies with a content type, and the first
// charset of its parameters that is neither UTF-8 nor ASCII. A parameter may be empty, but
// a value must have a name.
func parseContentType(declared string) (body BodyType, otherCharset string) {
	mediaType, parameters, _ := strings.Cut(declared, ";")
	for parameter := range strings.SplitSeq(parameters, ";") {
		name, value, isSet := strings.Cut(parameter, "=")
		name, value = strings.TrimSpace(name), strings.Trim(value, " \t\"'")
		if isSet && name == "" {
			return NotJSON, ""
		}
		if strings.EqualFold(name, "charset") && !isUTF8(value) {
			otherCharset = value
			break
		}
	}
	return typeOf(strings.ToLower(strings.TrimSpace(mediaType))), otherCharset
}

// typeOf returns the type of the bodies with a media type in lower case. As JSON it takes
// what browsers and Flask do: application/json, text/json, and types that end in +json.
func typeOf(mediaType string) BodyType {
	kind, name, _ := strings.Cut(mediaType, "/")
	if kind != "application" && kind != "text" {
		return NotJSON
	}
	switch strings.TrimPrefix(name, "x-") {
	case "json":
		return JSON
	case "ndjson", "jsonl", "jsonlines", "json-lines", "ldjson":
		return JSONLines
	}
	if strings.HasSuffix(name, "+json") {
		return JSON
	}
	return NotJSON
}

// isUTF8 says whether a charset is UTF-8 or ASCII, which is a part of UTF-8, or whether it
// says nothing.
func isUTF8(charset string) bool {
	if strings.EqualFold(charset, "utf-8") {
		return true // nearly always
	}
	switch strings.ToLower(strings.Map(withoutSeparators, charset)) {
	case "", "utf8", "csutf8", "utf8mb4", "utf8sig", "ascii", "usascii":
		return true
	}
	return false
}

// withoutSeparators drops what some spellings of a charset have between its parts.
func withoutSeparators(r rune) rune {
	if r == '-' || r == '_' || r == ' ' {
		return -1
	}
	return r
}
