package ingest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/emostream/emostream/internal/httpserve"
	"github.com/emostream/emostream/internal/text/quote"
)

// oneALine says how to send a stream of lines. Files whose lines run together are most
// often sent by curl -d, which leaves line breaks out.
const oneALine = "send one reaction a line (curl keeps line breaks with --data-binary, and not with -d)"

// badJSON returns the refusal of a part of a request that could not be decoded. It says
// why.
func badJSON(p part, b []byte, err error) *httpserve.Refusal {
	if typ, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return badType(p, typ)
	}
	if refusal := httpserve.RefuseUTF16(string(p), b); refusal != nil {
		return refusal
	}
	syntax, ok := errors.AsType[*json.SyntaxError](err)
	if !ok {
		return httpserve.Refusalf(http.StatusBadRequest, "invalid_json", "the %s is not JSON: %v", p, err)
	}
	at := min(max(0, int(syntax.Offset)-1), len(b)) // the offset is that after the wrong character
	said := complaint(syntax, b[at:])
	message := fmt.Sprintf("the %s is not JSON: %s, at byte %d of %d", p, said, syntax.Offset, len(b))
	if advice := adviceFor(p, b, at, said); advice != "" {
		message += ": " + advice
	}
	return httpserve.Refusalf(http.StatusBadRequest, "invalid_json", "%s", message)
}

// badType returns the refusal of a field, or of the whole, that is of another type.
func badType(p part, typ *json.UnmarshalTypeError) *httpserve.Refusal {
	want := "a string"
	switch typ.Field {
	case "":
		return notAnObject(p, typ.Value)
	case "user_id", "timestamp":
		want = "a string or a number"
	case "count":
		want = fmt.Sprintf("a whole number from 1 to %d", maxCount)
	}
	return httpserve.Refusalf(http.StatusBadRequest, "wrong_type", "the field %.32s is a JSON %.20s: send %s", typ.Field, typ.Value, want)
}

// complaint returns what encoding/json says of the character with which rest begins. It
// names only the first byte of a character beyond ASCII, so that is put right.
func complaint(syntax *json.SyntaxError, rest []byte) string {
	said := syntax.Error()
	if len(rest) == 0 || rest[0] < utf8.RuneSelf {
		return said
	}
	_, after, found := strings.Cut(said, "' ")
	if !found {
		return said
	}
	_, size := utf8.DecodeRune(rest)
	return "invalid character " + quote.Text(string(rest[:size]), size) + " " + after
}

// adviceFor returns what to do about a part of a request that is not JSON from index at
// on, "" if there is nothing special to say. said is what is wrong there.
func adviceFor(p part, b []byte, at int, said string) string {
	const object = `objects like {"user_id":"ann","emoji_type":"🔥"}`
	begin, rest := bytes.TrimSpace(b[:min(len(b), 200)]), b[at:]
	if len(begin) == 0 || len(rest) == 0 {
		return ""
	}
	switch first, _ := utf8.DecodeRune(rest); {
	case strings.HasSuffix(said, "after top-level value") && (first == '{' || first == '['):
		if p == oneLine {
			return oneALine
		}
		return "several reactions are sent as an array, or as application/x-ndjson to /v1/reactions: " + oneALine
	case first == '\'' || begin[0] == '\'', unicode.IsLetter(first) && strings.HasSuffix(said, "object key string"):
		return "names and strings stand in double quotes, as Python's json.dumps writes them; some shells take these away"
	case first > unicode.MaxASCII && unicode.In(first, unicode.Pi, unicode.Pf, unicode.Ps):
		return `quotes are straight (")`
	case quote.Invisible(first):
		return "leave it out"
	case begin[0] == '{' || begin[0] == '[':
		return ""
	case bytes.Contains(begin, []byte("=")):
		return "a form is not taken, but " + object
	case bytes.Contains(begin, []byte(",")):
		return "a table is not taken, but " + object
	}
	return ""
}
