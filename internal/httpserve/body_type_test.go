package httpserve_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/emostream/emostream/internal/httpserve"
)

func TestTypeOfBody(t *testing.T) {
	const none, json, lines = httpserve.NotJSON, httpserve.JSON, httpserve.JSONLines
	for contentType, want := range map[string]httpserve.BodyType{
		"application/json":                               json,
		"Application/JSON":                               json,
		" application/json ":                             json,
		"application/json;":                              json,
		"application/json; ":                             json,
		"application/json;;":                             json,
		"application/json ; charset=utf-8":               json,
		"application/json; charset=utf-8":                json,
		"application/json;charset=UTF-8":                 json,
		"application/json; charset=utf8":                 json,
		"application/json; charset=UTF8":                 json,
		"application/json; charset=UTF_8":                json,
		"application/json; charset=utf8mb4":              json,
		"application/json; charset=us-ascii":             json,
		"application/json; charset=ASCII":                json,
		`application/json; charset="utf-8"`:              json,
		"application/json; charset='utf-8'":              json,
		"application/json; charset = utf-8":              json,
		"application/json; CHARSET=utf-8":                json,
		"application/json; charset=":                     json,
		`application/json; charset=""`:                   json,
		"application/json; charset":                      json,
		"application/json; charset=utf-8; charset=utf-8": json,
		"application/json; odata=verbose":                json,
		`application/json; q="a;b"`:                      json,
		"application/json; version=1; charset=utf-8":     json,
		"application/vnd.api+json":                       json,
		"application/problem+json; charset=utf-8":        json,
		"text/json":                             json,
		"application/x-json":                    json,
		"application/x-ndjson":                  lines,
		"application/ndjson":                    lines,
		"application/jsonl":                     lines,
		"application/x-jsonl":                   lines,
		"application/jsonlines":                 lines,
		"application/x-jsonlines; charset=utf8": lines,
		"application/json-lines":                lines,
		"application/x-ldjson":                  lines,
		"Application/NDJSON":                    lines,

		"":                                   none,
		";":                                  none,
		"json":                               none,
		"*/*":                                none,
		"text/plain":                         none,
		"text/plain;charset=UTF-8":           none,
		"text/plain; application/json":       none,
		"text/plain;x=application/json":      none,
		"text/plain+json ":                   json, // no browser sends this by itself
		"application/x-www-form-urlencoded":  none,
		"multipart/form-data; boundary=json": none,
		"multipart/form-data":                none,
		"multipart/json":                     none,
		"application/jsonp":                  none,
		"application/json5":                  none,
		"application/json-seq":               none,
		"application/json, text/plain":       none,
		"text/plain, application/json":       none,
		"application/json text/plain":        none,
		"application/json; =":                none,
		"application/octet-stream":           none,
	} {
		r := httptest.NewRequest(http.MethodPost, "/", nil)
		r.Header.Set("Content-Type", contentType)
		if got, refusal := httpserve.TypeOfBody(r, none, json, lines); got != want || refusal != nil {
			t.Errorf("%q: %v %v, want %v", contentType, got, refusal, want)
		}
		got, refusal := httpserve.TypeOfBody(r, json)
		if (refusal == nil) != (want == json) || got != want {
			t.Errorf("%q, if JSON alone is taken: %v %v, want %v", contentType, got, refusal, want)
		}
		if refusal != nil && (refusal.Status != http.StatusUnsupportedMediaType || !strings.HasSuffix(refusal.Message, "is not taken: send JSON with Content-Type: application/json")) {
			t.Errorf("%q: refused with %+v", contentType, refusal)
		}
	}
}

func TestOtherCharsetsAndEncodingsAreNamed(t *testing.T) {
	for contentType, name := range map[string]string{
		"application/json; charset=utf-16":                      `"utf-16"`,
		"application/json; charset=UTF-16LE":                    `"UTF-16LE"`,
		"application/json; charset=latin1":                      `"latin1"`,
		"application/json; charset=iso-8859-1":                  `"iso-8859-1"`,
		`application/json; charset="windows-1252"`:              `"windows-1252"`,
		"application/x-ndjson; charset=utf-32":                  `"utf-32"`,
		"application/vnd.api+json; x=y; Charset=utf-7":          `"utf-7"`,
		"application/json; charset=utf-8; charset=utf-16":       `"utf-16"`,
		"application/json; charset=utf-16; charset=utf-8":       `"utf-16"`,
		"application/json; charset=utf-16; charset=utf-7":       `"utf-16"`,
		"application/json; charset=a\u200b":                     `"aU+200B"`,
		"application/json; charset=" + strings.Repeat("x", 230): `"` + strings.Repeat("x", 64) + `"…`,
	} {
		r := httptest.NewRequest(http.MethodPost, "/", nil)
		r.Header.Set("Content-Type", contentType)
		_, refusal := httpserve.TypeOfBody(r, httpserve.JSON, httpserve.JSONLines)
		if refusal == nil || refusal.Status != http.StatusUnsupportedMediaType || !strings.HasPrefix(refusal.Message, "charset "+name+" is not taken: encode the JSON text as UTF-8") {
			t.Errorf("%q: %+v", contentType, refusal)
		}
	}
	for encoding, want := range map[string]string{"": "", "identity": "", "Identity": "", "gzip": `content encoding "gzip" is not taken: send it as it is`} {
		r := httptest.NewRequest(http.MethodPost, "/", nil)
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Content-Encoding", encoding)
		_, refusal := httpserve.TypeOfBody(r, httpserve.JSON)
		if (refusal == nil) != (want == "") || refusal != nil && refusal.Message != want {
			t.Errorf("%q: %+v", encoding, refusal)
		}
	}
}

// A content type may be as long as a whole header. The work for it is bounded.
func TestLongContentTypes(t *testing.T) {
	taken := []httpserve.BodyType{httpserve.NotJSON, httpserve.JSON, httpserve.JSONLines}
	for _, charset := range []string{"a", "utf_8"} {
		long := "application/json" + strings.Repeat(";charset="+charset, 1400)
		for _, contentType := range []string{long, long[:256]} {
			r := httptest.NewRequest(http.MethodPost, "/", nil)
			r.Header.Set("Content-Type", contentType)
			if n := testing.AllocsPerRun(100, func() { _, _ = httpserve.TypeOfBody(r, taken...) }); n > 25 {
				t.Errorf("%s in %d bytes: %v allocations", charset, len(contentType), n)
			}
			_, refusal := httpserve.TypeOfBody(r, taken...)
			if tooLong := refusal != nil && strings.Contains(refusal.Message, "bytes: at most 256 are allowed"); tooLong != (len(contentType) > 256) || tooLong && refusal.Status != http.StatusUnsupportedMediaType {
				t.Errorf("%s in %d bytes: %+v", charset, len(contentType), refusal)
			}
		}
	}
}

func TestTypeOfBodyDoesNotAllocate(t *testing.T) {
	for _, contentType := range []string{"application/json", "application/json; charset=utf-8", "application/json;charset=UTF-8"} {
		r := httptest.NewRequest(http.MethodPost, "/", nil)
		r.Header.Set("Content-Type", contentType)
		if n := testing.AllocsPerRun(100, func() { _, _ = httpserve.TypeOfBody(r, httpserve.JSON, httpserve.JSONLines) }); n != 0 {
			t.Errorf("%s: %v allocations", contentType, n)
		}
	}
}
