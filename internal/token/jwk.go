package token

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/emostream/emostream/internal/text/quote"
)

// MaxKeyID is how many bytes a kid may have.
const MaxKeyID = 256

// jwk is a JSON Web Key, as far as it is a public key.
type jwk struct {
	Type       string   `json:"kty"`
	Use        string   `json:"use"`
	Operations []string `json:"key_ops"`
	Algorithm  string   `json:"alg"`
	ID         string   `json:"kid"`
	Curve      string   `json:"crv"`
	N          string   `json:"n"`
	E          string   `json:"e"`
	X          string   `json:"x"`
	Y          string   `json:"y"`
}

// readJWK returns the key that verifies tokens, or why it does not.
func readJWK(raw []byte) (*Key, error) {
	var in jwk
	if err := json.Unmarshal(raw, &in); err != nil {
		return nil, err
	}
	switch {
	case len(in.ID) > MaxKeyID:
		return nil, fmt.Errorf("its kid has %d bytes: at most %d are taken", len(in.ID), MaxKeyID)
	case in.Type == "oct":
		return nil, errors.New("a secret, which is none where anybody can read it")
	case in.Use != "" && in.Use != "sig":
		return nil, fmt.Errorf("its use is %s, and not sig", quote.Text(in.Use, 16))
	case len(in.Operations) > 0 && !slices.Contains(in.Operations, "verify"):
		return nil, errors.New("verify is not among its key_ops")
	}
	public, err := in.public()
	if err != nil {
		return nil, err
	}
	key, err := newKey(in.ID, public)
	if err != nil {
		return nil, err
	}
	if in.Algorithm == newNameOfEdDSA {
		in.Algorithm = "EdDSA"
	}
	if in.Algorithm != "" {
		if !slices.Contains(key.algorithms, in.Algorithm) {
			return nil, fmt.Errorf("its alg is %s, which is none of its type: %s", quote.Text(in.Algorithm, 16), strings.Join(key.algorithms, ", "))
		}
		key.algorithms = []string{in.Algorithm}
	}
	return key, nil
}

func (in *jwk) public() (any, error) {
	switch in.Type {
	case "RSA":
		n, e, err := decodeTwo(in.N, in.E)
		if err != nil {
			return nil, err
		}
		exponent := new(big.Int).SetBytes(e)
		if exponent.BitLen() > 31 || exponent.Int64() < 3 || exponent.Bit(0) == 0 {
			return nil, errors.New("its e is not an exponent of RSA")
		}
		return &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: int(exponent.Int64())}, nil
	case "EC":
		curves := map[string]elliptic.Curve{"P-256": elliptic.P256(), "P-384": elliptic.P384(), "P-521": elliptic.P521()}
		curve := curves[in.Curve]
		if curve == nil {
			return nil, fmt.Errorf("its curve is %s: P-256, P-384 and P-521 are taken", quote.Text(in.Curve, 16))
		}
		x, y, err := decodeTwo(in.X, in.Y)
		if err != nil {
			return nil, err
		}
		return ecdsa.ParseUncompressedPublicKey(curve, slices.Concat([]byte{4}, x, y))
	case "OKP":
		x, err := base64.RawURLEncoding.DecodeString(in.X)
		if in.Curve != "Ed25519" || err != nil || len(x) != ed25519.PublicKeySize {
			return nil, fmt.Errorf("its curve is %s, with %d bytes: Ed25519 with %d is taken", quote.Text(in.Curve, 16), len(x), ed25519.PublicKeySize)
		}
		return ed25519.PublicKey(x), nil
	}
	return nil, fmt.Errorf("its kty is %s: RSA, EC and OKP are taken", quote.Text(in.Type, 16))
}

func decodeTwo(first, second string) (a, b []byte, err error) {
	if a, err = base64.RawURLEncoding.DecodeString(first); err == nil {
		b, err = base64.RawURLEncoding.DecodeString(second)
	}
	return a, b, err
}
