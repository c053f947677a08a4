package httpserve_test

import (
	"encoding/binary"
	"net/http"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/emostream/emostream/internal/httpserve"
)

// in returns a text in UTF-16 or UTF-32, with the byte order mark or without.
func in(order binary.AppendByteOrder, bits int, marked bool, text string) []byte {
	var b []byte
	if marked {
		text = "\uFEFF" + text
	}
	if bits == 32 {
		for _, r := range text {
			b = order.AppendUint32(b, uint32(r))
		}
		return b
	}
	for _, u := range utf16.Encode([]rune(text)) {
		b = order.AppendUint16(b, u)
	}
	return b
}

func TestOtherEncodingsAreNamed(t *testing.T) {
	for _, text := range []string{`{"user_id":"ann","emoji_type":"🔥"}`, `[{}]`, "[]", "{", " \r\n{}", `"🔥"`, "42"} {
		for _, order := range []binary.AppendByteOrder{binary.LittleEndian, binary.BigEndian} {
			for bits, name := range map[int]string{16: "UTF-16", 32: "UTF-32"} {
				for _, marked := range []bool{true, false} {
					b := in(order, bits, marked, text)
					refusal := httpserve.RefuseOtherThanUTF8("body", b)
					if refusal == nil || refusal.Status != http.StatusBadRequest || refusal.Code != "invalid_utf8" || refusal.Message != "the body is "+name+": encode the JSON text as UTF-8" {
						t.Errorf("%q as %s, %v, marked %v: %+v", text, name, order, marked, refusal)
					}
					if alone := httpserve.RefuseUTF16("body", b); alone == nil || *alone != *refusal {
						t.Errorf("%q as %s, %v, marked %v: %+v", text, name, order, marked, alone)
					}
				}
			}
		}
	}
	for text, valid := range map[string]bool{
		"": true, "4": true, "{}": true, `{"a":"\u0000"}`: true, "\uFEFF{}": true, "ÿþ": true, "\x00\x00": true, "\x00\x00\x00\x00{": true,
		"\xff": false, "{\xff}": false, "M\xfcnchen": false, strings.Repeat("a", 100) + "\xfe": false,
	} {
		if refusal := httpserve.RefuseUTF16("body", []byte(text)); refusal != nil {
			t.Errorf("%q: %+v", text, refusal)
		}
		refusal := httpserve.RefuseOtherThanUTF8("body", []byte(text))
		if (refusal == nil) != valid || !valid && !strings.Contains(refusal.Message, "not valid UTF-8") {
			t.Errorf("%q: %+v", text, refusal)
		}
	}
}
