package client

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"github.com/emostream/emostream/internal/text"
	"github.com/emostream/emostream/internal/wire"
)

// maxToken is how many bytes a token may have.
const maxToken = 8 << 10

// CheckToken returns why a text cannot be a token. The error does not tell the text.
func CheckToken(token string) error {
	switch {
	case token == "":
		return errors.New("it is empty")
	case strings.Contains(token, "-----BEGIN"):
		return errors.New("it is a key: want a token, which emostream token new makes with it")
	case len(token) > maxToken:
		return fmt.Errorf("it has more than %d bytes", maxToken)
	case strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }):
		return errors.New("it has blanks, lines or signs that no token has: want the token and nothing else")
	}
	return nil
}

// TokenSubject returns the sub of a token, the user whom it is for, without checking the
// token. It is empty if it cannot be read, or is no user_id.
func TokenSubject(token string) string {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return ""
	}
	b, err := base64.RawURLEncoding.DecodeString(parts[1])
	var claims struct {
		Subject string `json:"sub"`
	}
	if err != nil || json.Unmarshal(b, &claims) != nil || len(claims.Subject) > wire.MaxUserID {
		return ""
	}
	return claims.Subject
}

// TokenFile is a file that holds a token, and nothing else but white space around it. It
// is safe for concurrent use.
type TokenFile struct {
	path string

	mu    sync.Mutex
	token string // what was read last
	once  bool   // it is no regular file: a pipe cannot be read again
}

// OpenTokenFile reads the token of a file.
func OpenTokenFile(path string) (*TokenFile, error) {
	f := &TokenFile{path: path}
	var err error
	if f.token, f.once, err = readToken(path); err != nil {
		return nil, err
	}
	return f, nil
}

// Token reads the file again, so that a token that was renewed is shown at once, and
// returns its token. While there is none in it, as in the midst of a renewal, the last one
// stays.
func (f *TokenFile) Token() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.once {
		if token, _, err := readToken(f.path); err == nil {
			f.token = token
		}
	}
	return f.token
}

// readToken reads the token of a file, and says whether the file cannot be read again.
func readToken(path string) (token string, once bool, err error) {
	file, err := os.Open(path)
	if err != nil {
		return "", false, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return "", false, err
	}
	b, err := io.ReadAll(io.LimitReader(text.SkipMark(file), 2*maxToken))
	if err != nil {
		return "", false, err
	}
	token = strings.TrimSpace(string(b))
	return token, !info.Mode().IsRegular(), CheckToken(token)
}
