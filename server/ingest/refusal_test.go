package ingest_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/server/ingest"
)

// refusal is the body of a refusal.
type refusal struct {
	Error     string `json:"error"`
	Code      string `json:"code"`
	RequestID string `json:"request_id"`
}

// refusalIn reads a refusal, and checks what every refusal must be: JSON with an error,
// a code, the request's id and nothing else. The error is one short line without
// control characters.
func refusalIn(t *testing.T, got *httptest.ResponseRecorder) refusal {
	t.Helper()
	if ct := got.Header().Get("Content-Type"); ct != asJSON {
		t.Errorf("the refusal's content type is %q", ct)
	}
	var p refusal
	dec := json.NewDecoder(bytes.NewReader(got.Body.Bytes()))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&p); err != nil {
		t.Errorf("the refusal %q is not what it should be: %v", got.Body, err)
	}
	checkWords(t, p.Error, p.Code)
	if p.RequestID == "" || p.RequestID != got.Header().Get("X-Request-Id") {
		t.Errorf("refused as %q in the header and %q in the body", got.Header().Get("X-Request-Id"), p.RequestID)
	}
	return p
}

func checkWords(t *testing.T, message, code string) {
	t.Helper()
	if message == "" || code == "" || strings.Trim(code, "abcdefghijklmnopqrstuvwxyz_0123456789") != "" {
		t.Errorf("refused with %q, code %q", message, code)
	}
	if len(message) > 500 || !utf8.ValidString(message) || strings.ContainsFunc(message, unicode.IsControl) {
		t.Errorf("refused with %d bytes: %q", len(message), message)
	}
}

// withField returns a reaction with one field set to a JSON text.
func withField(field, value string) string {
	fields := map[string]json.RawMessage{"user_id": json.RawMessage(`"ann"`), "emoji_type": json.RawMessage(`"🔥"`)}
	fields[field] = json.RawMessage(value)
	b, err := json.Marshal(fields)
	if err != nil {
		panic(err) // a slip in the test
	}
	return string(b)
}

// utf16LE returns an ASCII text in UTF-16, the emoji in it left as they are.
func utf16LE(s string) string { return strings.Join(strings.Split(s, ""), "\x00") + "\x00" }

func quoted(s string, n int) string { return `"` + strings.Repeat(s, n) + `"` }

func TestSendEmojiRefuses(t *testing.T) {
	for name, tt := range map[string]struct {
		body   string
		status int
		code   string
		says   string
	}{
		"a letter":                  {withField("emoji_type", `"A"`), 422, "not_an_emoji", `"A" is text`},
		"a digit":                   {withField("emoji_type", `"1"`), 422, "not_an_emoji", `"1" is text`},
		"two emojis":                {withField("emoji_type", `"🔥🔥"`), 422, "not_an_emoji", "more than one emoji"},
		"white space before":        {withField("emoji_type", `" 🔥"`), 422, "not_an_emoji", "white space"},
		"an empty emoji":            {withField("emoji_type", `""`), 422, "not_an_emoji", "it is empty"},
		"half a flag":               {withField("emoji_type", `"🇩"`), 422, "not_an_emoji", "one regional indicator"},
		"an unknown shortcode":      {withField("emoji_type", `":fier:"`), 422, "not_an_emoji", ":fire:"},
		"half a surrogate":          {withField("emoji_type", `"\ud83d"`), 422, "not_an_emoji", "is not one of"},
		"no user":                   {withField("user_id", `""`), 422, "invalid_user_id", "0 bytes: 1 to 128"},
		"too long a user":           {withField("user_id", quoted("u", 129)), 422, "invalid_user_id", "129 bytes: 1 to 128"},
		"too long a user in bytes":  {withField("user_id", quoted("é", 65)), 422, "invalid_user_id", "130 bytes"},
		"too long a timestamp":      {withField("timestamp", quoted("9", 65)), 422, "invalid_timestamp", "65 bytes: up to 64"},
		"an empty channel":          {withField("channel", `""`), 422, "invalid_channel", `channel "": 1 to 64`},
		"too long a channel":        {withField("channel", quoted("c", 65)), 422, "invalid_channel", "1 to 64"},
		"a channel with a slash":    {withField("channel", `"a/b"`), 422, "invalid_channel", `"a/b"`},
		"a channel with a space":    {withField("channel", `"a b"`), 422, "invalid_channel", `"a b"`},
		"a channel of umlauts":      {withField("channel", `"bühne"`), 422, "invalid_channel", "A-Z a-z 0-9 . _ -"},
		"a channel with a newline":  {withField("channel", `"main\n"`), 422, "invalid_channel", `"main\n"`},
		"a count of 0":              {withField("count", "0"), 422, "invalid_count", "count 0: 1 to 100"},
		"a count of 101":            {withField("count", "101"), 422, "invalid_count", "count 101: 1 to 100"},
		"a count below 0":           {withField("count", "-1"), 422, "invalid_count", "count -1: 1 to 100"},
		"half a count":              {withField("count", "1.5"), 400, "wrong_type", "count is a JSON number 1.5: send a whole number from 1 to 100"},
		"a count of 0.0":            {withField("count", "0.0"), 422, "invalid_count", "count 0: 1 to 100"},
		"a count of 101.0":          {withField("count", "101.0"), 422, "invalid_count", "count 101: 1 to 100"},
		"a count that is too large": {withField("count", "1e400"), 400, "wrong_type", "send a whole number"},
		"a count beyond counting":   {withField("count", "99999999999999999999"), 400, "wrong_type", "send a whole number"},
		"a count as text":           {withField("count", `"3"`), 400, "wrong_type", "count is a JSON string: send a whole number"},
		"a user as true":            {withField("user_id", "true"), 400, "wrong_type", "user_id is a JSON bool: send a string or a number"},
		"a user as object":          {withField("user_id", "{}"), 400, "wrong_type", "user_id is a JSON object: send a string or a number"},
		"too long a number":         {withField("user_id", strings.Repeat("9", 129)), 422, "invalid_user_id", "129 bytes: 1 to 128"},
		"a channel as number":       {withField("channel", "7"), 400, "wrong_type", "channel is a JSON number: send a string"},
		"an emoji as number":        {withField("emoji_type", "7"), 400, "wrong_type", "emoji_type is a JSON number: send a string"},
		"a digit in text style":     {withField("emoji_type", `"1`+"\uFE0E"+`"`), 422, "not_an_emoji", `"1U+FE0E" is text`},
		"an invisible channel":      {withField("channel", `"main`+"\uFE0F"+`"`), 422, "invalid_channel", `"mainU+FE0F"`},
		"an emoji as array":         {withField("emoji_type", `["🔥"]`), 400, "wrong_type", "emoji_type is a JSON array: send a string"},
		"a channel as object":       {withField("channel", "{}"), 400, "wrong_type", "channel is a JSON object: send a string"},
		"a timestamp as array":      {withField("timestamp", "[1700000000]"), 400, "wrong_type", "timestamp is a JSON array: send a string or a number"},
		"too long a number of time": {withField("timestamp", strings.Repeat("9", 65)), 422, "invalid_timestamp", "65 bytes: up to 64"},
		"no user_id":                {`{"emoji_type":"🔥"}`, 400, "missing_field", "the field user_id is missing"},
		"no emoji_type":             {`{"user_id":"ann"}`, 400, "missing_field", "the field emoji_type is missing"},
		"a user of null":            {withField("user_id", "null"), 400, "missing_field", "the field user_id is missing"},
		"an emoji of null":          {withField("emoji_type", "null"), 400, "missing_field", "the field emoji_type is missing"},
		"an empty object":           {`{}`, 400, "missing_field", "the field user_id is missing"},
		"null":                      {`null`, 400, "not_an_object", "the body is a JSON null: send an object"},
		"a string":                  {`"🔥"`, 400, "not_an_object", "the body is a JSON string: send an object"},
		"a number":                  {`42`, 400, "not_an_object", "the body is a JSON number: send an object"},
		"true":                      {`true`, 400, "not_an_object", "the body is a JSON bool: send an object"},
		"an array":                  {`[{"user_id":"ann","emoji_type":"🔥"}]`, 400, "not_an_object", `the body is a JSON array: send an object like {"user_id":"ann","emoji_type":"🔥"}; an array goes to /v1/reactions as application/json`},
		"nothing":                   {``, 400, "empty_body", "send a JSON object like"},
		"white space alone":         {" \r\n\t", 400, "empty_body", "send a JSON object like"},
		"half an object":            {`{"user_id":"ann","emoji_type":"🔥"`, 400, "invalid_json", "unexpected end of JSON input, at byte 36 of 36"},
		"garbage after it":          {`{"user_id":"ann","emoji_type":"🔥"} x`, 400, "invalid_json", "'x' after top-level value"},
		"two objects":               {`{"user_id":"ann","emoji_type":"🔥"}{}`, 400, "invalid_json", "'{' after top-level value"},
		"no JSON":                   {`user_id=ann&emoji_type=🔥`, 400, "invalid_json", "invalid character 'u' looking for beginning of value, at byte 1 of 27: a form is not taken"},
		"a byte order mark alone":   {"\uFEFF", 400, "empty_body", "send a JSON object like"},
		"a mark in the middle":      {`{` + "\uFEFF" + `"user_id":"ann","emoji_type":"🔥"}`, 400, "invalid_json", `invalid character "U+FEFF" looking for beginning of object key string, at byte 2 of 40: leave it out`},
		"a space of no width":       {"\u200b{}", 400, "invalid_json", `"U+200B" looking for beginning of value, at byte 1 of 5: leave it out`},
		"UTF-16":                    {utf16LE(fire), 400, "invalid_utf8", "the body is UTF-16: encode the JSON text as UTF-8"},
		"UTF-16 with a mark":        {"\xff\xfe" + utf16LE(fire), 400, "invalid_utf8", "the body is UTF-16"},
		"lines glued together":      {fire + fire, 400, "invalid_json", "with --data-binary, and not with -d"},
		"lines":                     {fire + "\n" + fire + "\n", 400, "invalid_json", "application/x-ndjson to /v1/reactions"},
		"single quotes":             {`{'user_id': 'ann'}`, 400, "invalid_json", "json.dumps"},
		"quotes that a shell took":  {`{user_id:ann}`, 400, "invalid_json", "some shells take these away"},
		"quotes around it":          {`'{"user_id":"ann"}'`, 400, "invalid_json", "double quotes"},
		"quotes of a typesetter":    {`{“user_id”:“ann”}`, 400, "invalid_json", `invalid character "“" looking for beginning of object key string, at byte 2 of 25: quotes are straight (")`},
		"a table":                   {"time,user_id,emoji_type\n1,ann,🔥\n", 400, "invalid_json", "a table is not taken"},
		"nesting without end":       {`{"v":` + strings.Repeat("[", 16_000) + `}`, 400, "invalid_json", "exceeded max depth"},
		"no UTF-8":                  {"{\"user_id\":\"ann\",\"emoji_type\":\"\xff\"}", 400, "invalid_utf8", "encode the JSON text as UTF-8"},
		"no UTF-8 where ignored":    {"{\"user_id\":\"ann\",\"emoji_type\":\"🔥\",\"x\":\"\xc0\xaf\"}", 400, "invalid_utf8", "encode the JSON text as UTF-8"},
		"one byte too many":         {withField("x", quoted("x", 16<<10+1-len(withField("x", `""`)))), 413, "too_large", "more than 16384 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			log := &memory{t: t}
			got := post(routes(log, ingest.Config{}), "/send_emoji", asJSON, tt.body)
			p := refusalIn(t, got)
			if got.Code != tt.status || p.Code != tt.code || !strings.Contains(p.Error, tt.says) {
				t.Errorf("answered %d %+v, want %d %s with %q", got.Code, p, tt.status, tt.code, tt.says)
			}
			if n := log.asked(); n != 0 {
				t.Errorf("%d appends were made of it", n)
			}
		})
	}
}

func TestLargestReactionIsAccepted(t *testing.T) {
	log := &memory{t: t}
	body := withField("x", quoted("x", 16<<10-len(withField("x", `""`))))
	if got := post(routes(log, ingest.Config{}), "/send_emoji", asJSON, body); len(body) != 16<<10 || got.Code != http.StatusOK || log.asked() != 1 {
		t.Errorf("%d bytes: answered %d %s", len(body), got.Code, got.Body)
	}
}

// A compressed body is refused as such, with the name of the encoding, and not as bad
// JSON.
func TestCompressedBodiesAreRefused(t *testing.T) {
	for _, path := range []string{"/send_emoji", "/v1/reactions"} {
		for encoding, want := range map[string]int{"gzip": http.StatusUnsupportedMediaType, "Identity": http.StatusOK} {
			r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(`{"user_id":"ann","emoji_type":"🔥"}`))
			r.Header.Set("Content-Type", asJSON)
			r.Header.Set("Content-Encoding", encoding)
			got := httptest.NewRecorder()
			routes(&memory{t: t}, ingest.Config{}).ServeHTTP(got, r)
			if got.Code != want || want != http.StatusOK && !strings.Contains(got.Body.String(), "is not taken: send it as it is") {
				t.Errorf("%s, %s: answered %d %s", path, encoding, got.Code, got.Body)
			}
		}
	}
}

func TestOtherContentTypesAreRefused(t *testing.T) {
	const body = `{"user_id":"ann","emoji_type":"🔥"}`
	for name, contentType := range map[string]string{
		"none":              "",
		"a form":            "application/x-www-form-urlencoded",
		"what a page sends": "text/plain;charset=UTF-8",
		"a form with parts": "multipart/form-data; boundary=x",
		"nearly JSON":       "application/jsonp",
		"two of them":       "application/json, text/plain",
		"malformed":         "application/json; =",
		"another encoding":  "application/json; charset=utf-16",
		"hostile":           "text/\x1b[31m" + strings.Repeat("\xff", 4000),
	} {
		t.Run(name, func(t *testing.T) {
			for _, path := range []string{"/send_emoji", "/v1/reactions"} {
				log := &memory{t: t}
				got := post(routes(log, ingest.Config{}), path, contentType, body)
				if p := refusalIn(t, got); got.Code != http.StatusUnsupportedMediaType || p.Code != "unsupported_media_type" || !strings.Contains(p.Error, "Content-Type: application/json") {
					t.Errorf("%s: answered %d %+v", path, got.Code, p)
				}
				if n := log.asked(); n != 0 {
					t.Errorf("%s: %d appends were made of it", path, n)
				}
			}
		})
	}
	if got := post(routes(&memory{t: t}, ingest.Config{}), "/send_emoji", "application/json; charset=UTF-8", body); got.Code != http.StatusOK {
		t.Errorf("UTF-8: answered %d %s", got.Code, got.Body)
	}
	// Lines are for /v1/reactions alone.
	if got := post(routes(&memory{t: t}, ingest.Config{}), "/send_emoji", "application/x-ndjson", body); got.Code != http.StatusUnsupportedMediaType {
		t.Errorf("lines: answered %d %s", got.Code, got.Body)
	}
	if got := post(routes(&memory{t: t}, ingest.Config{}), "/v1/reactions", "application/x-ndjson; charset=latin1", body); got.Code != http.StatusUnsupportedMediaType || !strings.Contains(got.Body.String(), "latin1") {
		t.Errorf("lines in another charset: answered %d %s", got.Code, got.Body)
	}
}

func TestOtherMethodsAreRefused(t *testing.T) {
	log := &memory{t: t}
	h := routes(log, ingest.Config{})
	for _, path := range []string{"/send_emoji", "/v1/reactions"} {
		for _, method := range []string{"GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", strings.Repeat("Q", 900)} {
			r := httptest.NewRequest(method, path, strings.NewReader(`{"user_id":"ann","emoji_type":"🔥"}`))
			r.Header.Set("Content-Type", asJSON)
			got := httptest.NewRecorder()
			h.ServeHTTP(got, r)
			if p := refusalIn(t, got); got.Code != http.StatusMethodNotAllowed || p.Code != "method_not_allowed" || got.Header().Get("Allow") != "POST" {
				t.Errorf("%.20s %s: answered %d %+v, Allow %q", method, path, got.Code, p, got.Header().Get("Allow"))
			}
		}
	}
	if n := log.asked(); n != 0 {
		t.Errorf("%d appends were made", n)
	}
}

// A reaction that the log did not acknowledge is never called accepted. It is called
// not written only if it is certainly not in the log.
func TestLogRefuses(t *testing.T) {
	for name, tt := range map[string]struct {
		err  error
		code string
		says string
	}{
		"not written":             {fmt.Errorf("%w: no leader", stream.ErrNotWritten), "not_written", "send it again"},
		"in doubt":                {fmt.Errorf("%w: no answer", stream.ErrInDoubt), "in_doubt", "may count twice"},
		"an error of another day": {errors.New("disk on fire"), "in_doubt", "may or may not"},
	} {
		t.Run(name, func(t *testing.T) {
			for path, body := range map[string]string{"/send_emoji": withField("count", "3"), "/v1/reactions": "[" + withField("count", "3") + "]"} {
				got := post(routes(&memory{t: t, answer: failing(tt.err)}, ingest.Config{}), path, asJSON, body)
				p := refusalIn(t, got)
				if got.Code != http.StatusServiceUnavailable || p.Code != tt.code || !strings.Contains(p.Error, tt.says) || got.Header().Get("Retry-After") != "1" {
					t.Errorf("%s: answered %d %+v, Retry-After %q", path, got.Code, p, got.Header().Get("Retry-After"))
				}
			}
		})
	}
}

// A refusal repeats little of what the client sent, and no control character.
func TestRefusalsDoNotEcho(t *testing.T) {
	hostile := []string{"\x1b]0;owned\a", "<script>alert(1)</script>", "\u202e\u2066", "🔥🔥", "\U000E0001", "%s%n%d"}
	for _, piece := range hostile {
		b, err := json.Marshal(strings.Repeat(piece, 9_000/len(piece)))
		if err != nil {
			t.Fatal(err)
		}
		h := routes(&memory{t: t}, ingest.Config{})
		for _, body := range []string{withField("emoji_type", string(b)), withField("channel", string(b)), withField("user_id", string(b)), withField("timestamp", string(b)), string(b), withField("count", string(b))} {
			got := post(h, "/send_emoji", asJSON, body)
			if got.Code < 400 || got.Code > 499 {
				t.Errorf("%.40q: answered %d", body, got.Code)
			}
			refusalIn(t, got)
		}
	}
}
