// Package token reads and makes the tokens with which people prove who they are, JSON Web
// Tokens (RFC 7519), and the keys that these are signed with.
//
// The key decides with which algorithms a token may be signed, never the token: so a
// public key is never taken for a secret, and a token that says it needs no signature has
// none. What a token says of keys itself (jwk, jku, x5c) is not looked at.
package token

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"

	"github.com/emostream/emostream/internal/text"
	"github.com/emostream/emostream/internal/text/quote"
)

// Bounds of keys. A token without a kid is tried with every key, so that there may not be
// many.
const (
	MinSecret  = 32 // bytes of an HMAC secret
	maxSecret  = 4096
	minRSABits = 2048
	maxRSABits = 8192
	maxKeys    = 32
)

// Key verifies tokens.
type Key struct {
	// ID is the kid by which tokens name the key; empty: they may have any, or none.
	ID string

	algorithms  []string // with which a token may be signed
	public      any      // as the signing method wants it
	fingerprint [sha256.Size]byte
}

// Keys are those of one file or address.
type Keys []*Key

// Algorithms returns the algorithms with which a token of the key may be signed.
func (k *Key) Algorithms() []string { return slices.Clone(k.algorithms) }

// Equal says whether two keys verify the same tokens.
func (k *Key) Equal(other *Key) bool {
	return k.ID == other.ID && k.fingerprint == other.fingerprint && slices.Equal(k.algorithms, other.algorithms)
}

// newKey returns the key that a public key or a secret is, or why it is not taken.
func newKey(id string, public any) (*Key, error) {
	k := &Key{ID: id, public: public}
	var material []byte
	switch public := public.(type) {
	case *rsa.PublicKey:
		if bits := public.N.BitLen(); bits < minRSABits || bits > maxRSABits {
			return nil, fmt.Errorf("an RSA key of %d bits: %d to %d are taken", bits, minRSABits, maxRSABits)
		}
		k.algorithms = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}
	case *ecdsa.PublicKey:
		switch public.Curve {
		case elliptic.P256():
			k.algorithms = []string{"ES256"}
		case elliptic.P384():
			k.algorithms = []string{"ES384"}
		case elliptic.P521():
			k.algorithms = []string{"ES512"}
		default:
			return nil, errors.New("a key on another curve than P-256, P-384 and P-521")
		}
	case ed25519.PublicKey:
		k.algorithms = []string{"EdDSA"}
	case []byte:
		k.algorithms, material = []string{"HS256", "HS384", "HS512"}, public
	default:
		return nil, fmt.Errorf("a key of the type %T: RSA, ECDSA and Ed25519 are taken", public)
	}
	if material == nil {
		der, err := x509.MarshalPKIXPublicKey(public)
		if err != nil {
			return nil, err
		}
		material = der
	}
	k.fingerprint = sha256.Sum256(append([]byte(k.algorithms[0]+" "), material...))
	return k, nil
}

// ReadKeys reads the keys of a file: public keys or certificates in PEM, a JWKS, or else a
// secret. Passed over are those keys of a JWKS that do not verify tokens.
func ReadKeys(file []byte) (keys Keys, passedOver []error, err error) {
	switch {
	case isPEM(file):
		keys, err = readPublicPEM(file)
	case IsJWKS(file):
		return ReadJWKS(file)
	default:
		var secret []byte
		if secret, err = ReadSecret(file); err == nil {
			var key *Key
			key, err = newKey("", secret)
			keys = Keys{key}
		}
	}
	if err != nil {
		return nil, nil, err
	}
	return keys, nil, nil
}

// IsJWKS says whether a file is read as a JSON Web Key Set.
func IsJWKS(file []byte) bool {
	return bytes.HasPrefix(bytes.TrimSpace(text.WithoutMarks(file)), []byte("{"))
}

func isPEM(file []byte) bool { return bytes.Contains(file, []byte("-----BEGIN")) }

func readPublicPEM(file []byte) (Keys, error) {
	var keys Keys
	for rest := text.WithoutMarks(file); ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			if isPEM(rest) {
				return nil, fmt.Errorf("block %d is no PEM: it may be cut off", len(keys)+1)
			}
			return keys, nil
		}
		public, err := readPublicBlock(block)
		if err == nil {
			var key *Key
			key, err = newKey("", public)
			keys = append(keys, key)
		}
		if err != nil {
			return nil, fmt.Errorf("block %d: %w", len(keys)+1, err)
		}
		if len(keys) > maxKeys {
			return nil, fmt.Errorf("there are more than %d keys", maxKeys)
		}
	}
}

func readPublicBlock(block *pem.Block) (any, error) {
	switch block.Type {
	case "PUBLIC KEY":
		return x509.ParsePKIXPublicKey(block.Bytes)
	case "RSA PUBLIC KEY":
		return x509.ParsePKCS1PublicKey(block.Bytes)
	case "CERTIFICATE":
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		return certificate.PublicKey, nil
	case "PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY", "EC PARAMETERS", "ENCRYPTED PRIVATE KEY":
		return nil, errors.New("a private key, which only the one who makes tokens should have: give the public key, which `openssl pkey -in FILE -pubout` prints")
	}
	return nil, fmt.Errorf("%s is no public key", quote.Text(block.Type, 32))
}

// ReadSecret returns the secret that a file holds: all its bytes, but for the end of the
// line. What others know too is refused: a public key, however it is written, or a token.
func ReadSecret(file []byte) ([]byte, error) {
	if name := text.WideEncoding(file); name != "" {
		return nil, &text.EncodingError{Name: name}
	}
	secret := bytes.TrimRight(text.WithoutMarks(file), "\r\n")
	if what := knownToOthers(secret); what != "" {
		return nil, fmt.Errorf("it is no secret, but %s: public keys are given as PEM, and `openssl rand -base64 48` prints a good secret", what)
	}
	if n := len(secret); n < MinSecret || n > maxSecret {
		return nil, fmt.Errorf("a secret of %d bytes: %d to %d are taken; `openssl rand -base64 48` prints a good one", n, MinSecret, maxSecret)
	}
	return secret, nil
}

// knownToOthers returns what a text is that is no secret, or "" if it may be one.
func knownToOthers(secret []byte) string {
	switch {
	case isPEM(secret):
		return "PEM"
	case IsJWKS(secret):
		return "JSON"
	case isPublicDER(secret):
		return "a public key or a certificate in DER"
	}
	if _, _, err := Read(string(secret)); err == nil {
		return "a token"
	}
	for _, start := range []string{"ssh-", "ecdsa-sha2-", "sk-ssh-", "sk-ecdsa-", "http://", "https://"} {
		if bytes.HasPrefix(secret, []byte(start)) {
			return "something that begins with " + start
		}
	}
	// Some logins show their public key without the lines of PEM around it.
	joined := string(bytes.Join(bytes.Fields(secret), nil))
	for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.RawStdEncoding, base64.URLEncoding, base64.RawURLEncoding} {
		if der, err := encoding.DecodeString(joined); err == nil && isPublicDER(der) {
			return "a public key or a certificate in base64, without -----BEGIN PUBLIC KEY----- or -----BEGIN CERTIFICATE----- before it and the like behind it"
		}
	}
	return ""
}

func isPublicDER(der []byte) bool {
	_, pkix := x509.ParsePKIXPublicKey(der)
	_, pkcs1 := x509.ParsePKCS1PublicKey(der)
	_, certificate := x509.ParseCertificate(der)
	return pkix == nil || pkcs1 == nil || certificate == nil
}

// jwks is a JSON Web Key Set (RFC 7517).
type jwks struct {
	Keys *[]json.RawMessage `json:"keys"`
}

// ReadJWKS reads the public keys of a JSON Web Key Set that verify tokens. Other keys are
// passed over, since a provider may have them for other things; a secret is, because
// whoever can read the set knows it. There may be no key left.
func ReadJWKS(file []byte) (keys Keys, passedOver []error, err error) {
	var set jwks
	if err := json.Unmarshal(text.WithoutMarks(file), &set); err != nil {
		return nil, nil, fmt.Errorf("no JSON Web Key Set: %w", err)
	}
	if set.Keys == nil {
		return nil, nil, errors.New(`no JSON Web Key Set: it has no "keys"`)
	}
	for i, raw := range *set.Keys {
		key, err := readJWK(raw)
		if err == nil && len(keys) == maxKeys {
			err = fmt.Errorf("there are %d keys before it, and no more are taken", maxKeys)
		}
		if err != nil {
			passedOver = append(passedOver, fmt.Errorf("key %d: %w", i+1, err))
			continue
		}
		keys = append(keys, key)
	}
	return keys, passedOver, nil
}
