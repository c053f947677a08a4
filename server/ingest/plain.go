package ingest

import (
	"strings"

	"github.com/emostream/emostream/internal/wire"
)

// readPlain reads a reaction in the form that clients write but for rare user
// ids: a flat object of strings without escapes, and a count of a few digits. Its
// strings are pieces of s, and nothing is allocated. It says false for anything
// else, which encoding/json is to judge; what it reads, encoding/json reads alike.
// s must be UTF-8.
func readPlain(s string) (r reaction, typed string, ok bool) {
	r = reaction{Reaction: wire.Reaction{Channel: wire.MainChannel}, count: 1}
	s, ok = after(s, '{')
	if !ok {
		return r, "", false
	}
	var user, emoji bool
	for {
		var key, value string
		if key, s, ok = plainString(s); !ok {
			return r, "", false
		}
		if s, ok = after(s, ':'); !ok {
			return r, "", false
		}
		if key == "count" {
			r.count, s, ok = plainCount(s)
		} else {
			value, s, ok = plainString(s)
		}
		if !ok {
			return r, "", false
		}
		switch key {
		case "user_id":
			r.UserID, user = value, true
		case "emoji_type":
			typed, emoji = value, true
		case "timestamp":
			r.Timestamp = value
		case "channel":
			r.Channel = value
		case "count":
		default:
			if isField(key) {
				return r, "", false // written in another case: encoding/json takes it for the field
			}
		}
		if next, ok := after(s, '}'); ok {
			return r, typed, user && emoji && len(space(next)) == 0
		}
		if s, ok = after(s, ','); !ok {
			return r, "", false
		}
	}
}

func isField(key string) bool {
	for _, f := range [...]string{"user_id", "emoji_type", "timestamp", "channel", "count"} {
		if strings.EqualFold(key, f) {
			return true
		}
	}
	return false
}

// space returns s without the white space that it begins with.
func space(s string) string {
	for len(s) > 0 && (s[0] == ' ' || s[0] == '\n' || s[0] == '\r' || s[0] == '\t') {
		s = s[1:]
	}
	return s
}

// after returns what follows a character, white space aside.
func after(s string, c byte) (rest string, ok bool) {
	s = space(s)
	if len(s) == 0 || s[0] != c {
		return s, false
	}
	return s[1:], true
}

// plainString reads a string that holds no escape.
func plainString(s string) (value, rest string, ok bool) {
	if s, ok = after(s, '"'); !ok {
		return "", s, false
	}
	for i := range len(s) {
		switch {
		case s[i] == '"':
			return s[:i], s[i+1:], true
		case s[i] == '\\' || s[i] < ' ':
			return "", s, false
		}
	}
	return "", s, false
}

// plainCount reads a whole number of at most four digits.
func plainCount(s string) (n int, rest string, ok bool) {
	s = space(s)
	digits := 0
	for digits < len(s) && '0' <= s[digits] && s[digits] <= '9' {
		n = 10*n + int(s[digits]-'0')
		if digits++; digits > 4 {
			return 0, s, false
		}
	}
	if digits == 0 || digits > 1 && s[0] == '0' {
		return 0, s, false
	}
	return n, s[digits:], true
}
