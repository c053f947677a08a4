package token

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/emostream/emostream/internal/text/quote"
	"github.com/emostream/emostream/internal/wire"
)

// MaxBytes is how long a token may be.
const MaxBytes = 8192

// clockLeeway is how far the clock of whoever makes tokens may be ahead. A token that has
// run out has no leeway: there is another one.
const clockLeeway = 30 * time.Second

// Wanted is what a token must say to be meant for this installation.
type Wanted struct {
	Issuer   string // its iss; empty: any, or none
	Audience string // one of its aud; empty: any, or none
}

// Claims are what a token says of its holder.
type Claims struct {
	Issuer    string
	Subject   string
	Audience  []string
	Scopes    Scopes    // those of this program
	NotBefore time.Time // zero: it does not say
	Expires   time.Time
}

// Errors of Verify, for errors.Is. The text of an error says more.
var (
	ErrInvalid    = errors.New("the token is not valid")
	ErrExpired    = errors.New("the token has run out")
	ErrUnknownKey = errors.New("the key of the token is not known")
)

// Error is why a token is not taken.
type Error struct {
	kind error  // ErrInvalid, ErrExpired or ErrUnknownKey
	text string // what is wrong; it never holds the token
	// KeyID is the kid of a token whose key is not known.
	KeyID string
	// Tried is how many keys its signature was compared with, which is what takes long. A
	// token without a kid is compared with all of them.
	Tried int
}

func (e *Error) Error() string { return e.text }
func (e *Error) Unwrap() error { return e.kind }

func invalid(format string, args ...any) error {
	return &Error{kind: ErrInvalid, text: fmt.Sprintf(format, args...)}
}

// Verify returns what a token says and the key that it is signed with, or an [*Error].
// What a token says is looked at only when its signature is right.
func Verify(raw string, keys Keys, want Wanted, now time.Time) (*Claims, *Key, error) {
	if len(raw) > MaxBytes {
		return nil, nil, invalid("the token has %d bytes: at most %d are taken", len(raw), MaxBytes)
	}
	if strings.ContainsAny(raw, "\r\n") { // which decoders of base64 pass over
		return nil, nil, invalid("the token has ends of lines in it")
	}
	said := jwt.MapClaims{}
	t, parts, err := parser().ParseUnverified(raw, said)
	if errors.Is(err, jwt.ErrTokenUnverifiable) && t.Header["alg"] == newNameOfEdDSA {
		t.Method = jwt.SigningMethodEdDSA
		t.Signature, err = parser().DecodeSegment(parts[2])
	}
	switch {
	case errors.Is(err, jwt.ErrTokenUnverifiable):
		return nil, nil, invalid("the token is signed with alg %s, which is not taken", quote.Text(fmt.Sprint(t.Header["alg"]), 16))
	case err != nil && t != nil && t.Method != nil:
		return nil, nil, wrongSignature()
	case err != nil:
		return nil, nil, invalid("the token is no JSON Web Token of three parts, in base64url without padding, separated by dots")
	}
	key, tried, err := keyOf(t, parts[0]+"."+parts[1], keys)
	var claims *Claims
	if err == nil {
		claims, err = check(said, want, now)
	}
	if wrong := (*Error)(nil); errors.As(err, &wrong) {
		wrong.Tried = tried
	}
	if err != nil {
		return nil, nil, err
	}
	return claims, key, nil
}

// newNameOfEdDSA is what RFC 9864 calls EdDSA with Ed25519. The library does not know it.
const newNameOfEdDSA = "Ed25519"

// parser returns what reads tokens. Its own checks of claims are not used: they cannot
// tell times that are no times, and read claims by names in other cases.
func parser() *jwt.Parser {
	return jwt.NewParser(jwt.WithStrictDecoding(), jwt.WithoutClaimsValidation())
}

// keyOf returns the key that a token is signed with, and how many were tried.
func keyOf(t *jwt.Token, signed string, keys Keys) (key *Key, tried int, err error) {
	id, isText := t.Header["kid"].(string)
	if _, given := t.Header["kid"]; given && !isText || len(id) > MaxKeyID {
		return nil, tried, invalid("the kid of the token is no text of up to %d bytes", MaxKeyID)
	}
	if _, given := t.Header["crit"]; given {
		return nil, tried, invalid("the header of the token has crit: it asks for something that is not known here")
	}
	if kind, given := t.Header["typ"]; given && !isAccessToken(fmt.Sprint(kind)) {
		return nil, tried, invalid("the token is of the typ %s: JWT and at+jwt are taken", quote.Text(fmt.Sprint(kind), 32))
	}
	algorithm := t.Method.Alg()
	known := false
	for _, k := range keys {
		if id != "" && k.ID != "" && id != k.ID {
			continue
		}
		known = true
		if !slices.Contains(k.algorithms, algorithm) {
			continue
		}
		tried++
		if t.Method.Verify(signed, t.Signature, k.public) == nil {
			return k, tried, nil
		}
	}
	switch {
	case !known:
		return nil, tried, &Error{kind: ErrUnknownKey, KeyID: id, text: "the token has the kid " + quote.Text(id, 40) + ", which none of the keys has that are known here"}
	case tried == 0:
		return nil, tried, invalid("the token is signed with alg %s, which its key is not for", quote.Text(algorithm, 16))
	}
	return nil, tried, wrongSignature()
}

func wrongSignature() error {
	return invalid("the signature of the token is wrong: another key has signed it, or it was changed or cut off on the way")
}

// isAccessToken says whether a token with that typ may be a token of this kind. Others,
// such as logout+jwt, are signed with the same keys and mean something else.
func isAccessToken(kind string) bool {
	kind = strings.TrimPrefix(strings.ToLower(kind), "application/")
	return kind == "jwt" || kind == "at+jwt"
}

// check returns what a token says, or why it is not taken for that.
func check(said jwt.MapClaims, want Wanted, now time.Time) (*Claims, error) {
	out, scope := &Claims{}, ""
	for name, field := range map[string]*string{"iss": &out.Issuer, "sub": &out.Subject, "scope": &scope} {
		if err := readText(said, name, field); err != nil {
			return nil, err
		}
	}
	for name, field := range map[string]*time.Time{"exp": &out.Expires, "nbf": &out.NotBefore} {
		if err := readTime(said, name, field); err != nil {
			return nil, err
		}
	}
	var err error
	if out.Audience, err = readAudience(said["aud"]); err != nil {
		return nil, err
	}
	switch {
	case out.Expires.IsZero():
		return nil, invalid("the token has no exp: it must say when it ends")
	case !now.Before(out.Expires):
		return nil, &Error{kind: ErrExpired, text: "the token has run out at " + out.Expires.UTC().Format(time.RFC3339) + ": get a new one"}
	case now.Add(clockLeeway).Before(out.NotBefore):
		return nil, invalid("the token is not valid before %s: one of the clocks is wrong, or it is too early", out.NotBefore.UTC().Format(time.RFC3339))
	case want.Issuer != "" && out.Issuer == "":
		return nil, invalid("the token has no iss: it must be %s", quote.Text(want.Issuer, 100))
	case want.Issuer != "" && out.Issuer != want.Issuer:
		return nil, invalid("the iss of the token is %s, and not %s", quote.Text(out.Issuer, 100), quote.Text(want.Issuer, 100))
	case want.Audience != "" && !slices.Contains(out.Audience, want.Audience):
		return nil, invalid("the aud of the token does not hold %s", quote.Text(want.Audience, 100))
	case out.Subject == "":
		return nil, invalid("the token has no sub: it must say whose it is")
	case len(out.Subject) > wire.MaxUserID:
		return nil, invalid("the sub of the token has %d bytes: up to %d are allowed, since it is the user_id", len(out.Subject), wire.MaxUserID)
	}
	if out.Scopes, _, err = ParseScopes(scope); err != nil {
		return nil, invalid("the scope of the token: %v", err)
	}
	return out, nil
}

func readText(said jwt.MapClaims, name string, out *string) error {
	value, given := said[name]
	text, isText := value.(string)
	if given && !isText {
		hint := ""
		if name == "scope" {
			hint = ": scopes stand in one text, separated by spaces"
		}
		return invalid("the %s of the token is no text%s", name, hint)
	}
	*out = text
	return nil
}

// lastSecond is the end of the year 9999.
const lastSecond = 253402300799

func readTime(said jwt.MapClaims, name string, out *time.Time) error {
	value, given := said[name]
	if !given {
		return nil
	}
	seconds, isNumber := value.(float64)
	if !isNumber || seconds < 1 || seconds > lastSecond {
		return invalid("the %s of the token is no time in seconds since 1970", name)
	}
	*out = time.UnixMilli(int64(seconds * 1000))
	return nil
}

func readAudience(value any) ([]string, error) {
	switch value := value.(type) {
	case nil:
		return nil, nil
	case string:
		return []string{value}, nil
	case []any:
		var out []string
		for _, v := range value {
			s, isText := v.(string)
			if !isText {
				return nil, invalid("the aud of the token is no list of texts")
			}
			out = append(out, s)
		}
		return out, nil
	}
	return nil, invalid("the aud of the token is no text and no list of them")
}

// Read returns the header and the claims of a token without verifying it, to be shown to
// whoever holds it.
func Read(raw string) (header, claims map[string]any, err error) {
	parts := strings.Split(raw, ".")
	if len(parts) != 3 || len(raw) > MaxBytes {
		return nil, nil, fmt.Errorf("no JSON Web Token: it has %d parts and %d bytes, and needs 3 parts, separated by dots, in at most %d bytes", len(parts), len(raw), MaxBytes)
	}
	for i, out := range []*map[string]any{&header, &claims} {
		part, err := parser().DecodeSegment(parts[i])
		if err == nil {
			err = json.Unmarshal(part, out)
		}
		if err != nil {
			return nil, nil, fmt.Errorf("no JSON Web Token: part %d is no JSON object in base64url: %w", i+1, err)
		}
	}
	return header, claims, nil
}
