package token

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"

	"github.com/golang-jwt/jwt/v5"

	"github.com/emostream/emostream/internal/text"
	"github.com/emostream/emostream/internal/text/quote"
)

// Signer makes tokens.
type Signer struct {
	// KeyID is the kid of the tokens that it makes; empty: they have none.
	KeyID string

	method jwt.SigningMethod
	key    any
	verify *Key
}

// ReadSigner reads what makes tokens from a file: a private key in PEM, or else a secret.
func ReadSigner(file []byte) (*Signer, error) {
	if !isPEM(file) {
		secret, err := ReadSecret(file)
		if err != nil {
			return nil, err
		}
		return newSigner(secret, secret)
	}
	block, rest := pem.Decode(text.WithoutMarks(file))
	if block != nil && block.Type == "EC PARAMETERS" {
		block, _ = pem.Decode(rest) // openssl writes the name of the curve before the key
	}
	if block == nil {
		return nil, errors.New("no PEM: it may be cut off")
	}
	private, err := readPrivateBlock(block)
	if err != nil {
		return nil, err
	}
	return newSigner(private, private.Public())
}

func readPrivateBlock(block *pem.Block) (crypto.Signer, error) {
	var (
		key any
		err error
	)
	switch block.Type {
	case "PRIVATE KEY":
		key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	case "RSA PRIVATE KEY":
		key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case "EC PRIVATE KEY":
		key, err = x509.ParseECPrivateKey(block.Bytes)
	case "PUBLIC KEY", "RSA PUBLIC KEY", "CERTIFICATE":
		return nil, errors.New("a public key, with which tokens are verified: give the private key, which makes them")
	case "ENCRYPTED PRIVATE KEY":
		return nil, errors.New("a private key that a password protects: `openssl pkey -in FILE` prints it without")
	default:
		return nil, fmt.Errorf("%s is no private key", quote.Text(block.Type, 32))
	}
	if err != nil {
		return nil, err
	}
	private, ok := key.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("a private key of the type %T: RSA, ECDSA and Ed25519 are taken", key)
	}
	return private, nil
}

func newSigner(private, public any) (*Signer, error) {
	key, err := newKey("", public)
	if err != nil {
		return nil, err
	}
	return &Signer{method: jwt.GetSigningMethod(key.algorithms[0]), key: private, verify: key}, nil
}

// Keys returns the key that verifies the tokens of the signer.
func (s *Signer) Keys() Keys {
	key := *s.verify
	key.ID = s.KeyID
	return Keys{&key}
}

// Sign returns a token that says claims, and others beside them that this program does not
// read. A claim of others with the name of one of claims goes before it.
func (s *Signer) Sign(claims Claims, others map[string]any) (string, error) {
	said := jwt.MapClaims{}
	for name, value := range map[string]string{"iss": claims.Issuer, "sub": claims.Subject, "scope": claims.Scopes.String()} {
		if value != "" {
			said[name] = value
		}
	}
	switch len(claims.Audience) {
	case 0:
	case 1:
		said["aud"] = claims.Audience[0]
	default:
		said["aud"] = claims.Audience
	}
	if !claims.Expires.IsZero() {
		said["exp"] = claims.Expires.Unix()
	}
	if !claims.NotBefore.IsZero() {
		said["nbf"] = claims.NotBefore.Unix()
	}
	maps.Copy(said, others)
	return s.SignWithHeader(nil, said)
}

// SignWithHeader returns a token with any claims, and with others in its header.
func (s *Signer) SignWithHeader(others, claims map[string]any) (string, error) {
	t := jwt.NewWithClaims(s.method, jwt.MapClaims(claims))
	if s.KeyID != "" {
		t.Header["kid"] = s.KeyID
	}
	maps.Copy(t.Header, others)
	return t.SignedString(s.key)
}

// Kind is a kind of key that Generate makes.
type Kind string

// The kinds.
const (
	Ed25519 Kind = "ed25519"
	EC      Kind = "ec"
	RSA     Kind = "rsa"
	Secret  Kind = "secret"
)

// Generate returns a new key as two files: the one that makes tokens, and the one that
// verifies them. Of a secret both are the same.
func Generate(kind Kind) (private, public []byte, err error) {
	var key crypto.Signer
	switch kind {
	case Ed25519:
		_, key, err = ed25519.GenerateKey(rand.Reader)
	case EC:
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case RSA:
		key, err = rsa.GenerateKey(rand.Reader, minRSABits)
	case Secret:
		var random [48]byte
		_, _ = rand.Read(random[:]) // it never fails
		secret := append(base64.StdEncoding.AppendEncode(nil, random[:]), '\n')
		return secret, secret, nil
	default:
		return nil, nil, fmt.Errorf("%s is no kind of key", quote.Text(string(kind), 16))
	}
	if err != nil {
		return nil, nil, err
	}
	privateDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, nil, err
	}
	publicDER, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return nil, nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: privateDER}),
		pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: publicDER}), nil
}
