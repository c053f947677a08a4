package main

import (
	"net/url"
	"regexp"
	"strings"

	"github.com/spf13/pflag"

	"github.com/emostream/emostream/internal/text"
)

// hiddenValue stands for a secret value wherever settings are printed or kept.
const hiddenValue = "(hidden)"

// isSecret says whether the values of a flag are secret, or may be. The path of a file
// that holds a secret is not. A new flag that takes a secret on the command line is named
// here, and nowhere else.
func isSecret(f *pflag.Flag) bool {
	if strings.HasSuffix(f.Name, "-file") || strings.HasPrefix(f.Name, "token-") { // the latter say how tokens are made
		return false
	}
	for _, word := range []string{"password", "secret", "token"} {
		if strings.Contains(f.Name, word) {
			return true
		}
	}
	return f.Name == "header"
}

// redacted returns a flag's value as it may be printed and kept, with secrets hidden.
// What says where a secret is, as a variable of the environment, is none.
func redacted(f *pflag.Flag, value string) string {
	switch {
	case value == "":
		return ""
	case f.Name == "header":
		return redactedHeader(value)
	case isSecret(f):
		return hiddenValue
	case isPlainURL(value):
		return value
	case f.Name == "server", strings.HasSuffix(f.Name, "-url"), strings.HasPrefix(value, "http://"), strings.HasPrefix(value, "https://"):
		return text.ShownURL(value)
	}
	return text.HideSecrets(value)
}

// isPlainURL says whether a value is a URL without a secret user or password. It may have
// an @ elsewhere.
func isPlainURL(value string) bool {
	if where := regexp.MustCompile(`^(https?://)([\w.-]*|\$\{\w+\}):\$\{\w+\}@`); where.MatchString(value) {
		value = where.ReplaceAllString(value, "$1")
	}
	u, err := url.Parse(value)
	return err == nil && u.Host != "" && u.User == nil && strings.Count(value, "://") == 1
}

// sameSecret says whether a value, given now, is for the secret that was hidden: whether
// both headers have one name.
func sameSecret(f *pflag.Flag, hidden, given string) bool {
	was, _, _ := strings.Cut(hidden, ":")
	is, _, _ := strings.Cut(given, ":")
	return f.Name != "header" || hidden == hiddenValue || strings.EqualFold(was, is)
}
