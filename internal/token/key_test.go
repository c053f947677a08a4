package token_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/emostream/emostream/internal/token"
)

func generate(tb testing.TB, kind token.Kind) (private, public []byte) {
	tb.Helper()
	private, public, err := token.Generate(kind)
	if err != nil {
		tb.Fatal(err)
	}
	return private, public
}

func encode(kind string, der []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

func publicPEM(key crypto.PublicKey) []byte {
	der, err := x509.MarshalPKIXPublicKey(key)
	return encode("PUBLIC KEY", der, err)
}

func bytesOf(file []byte) []byte {
	block, _ := pem.Decode(file)
	return block.Bytes
}

// A file holds public keys or a secret, and what looks like the one is never taken for the
// other.
func TestReadKeys(t *testing.T) {
	_, ed := generate(t, token.Ed25519)
	edPrivate, _ := generate(t, token.Ed25519)
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	rsaPublic := publicPEM(key.Public())
	small, _ := rsa.GenerateKey(rand.Reader, 1024)
	p224, _ := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(-time.Hour)}, &x509.Certificate{}, key.Public(), key)
	certificate := encode("CERTIFICATE", der, err)
	signer, err := token.ReadSigner(edPrivate)
	if err != nil {
		t.Fatal(err)
	}
	someToken, err := signer.Sign(token.Claims{Subject: "ann"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	wide := []byte{0xff, 0xfe}
	for _, u := range utf16.Encode([]rune(strings.Repeat("s", 64))) {
		wide = append(wide, byte(u), byte(u>>8))
	}
	base64Of := base64.StdEncoding.EncodeToString
	rs, hs := []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}, []string{"HS256", "HS384", "HS512"}
	for name, tt := range map[string]struct {
		file []byte
		want [][]string // the algorithms of each key
		says string
	}{
		"an Ed25519 key":                    {ed, [][]string{{"EdDSA"}}, ""},
		"an RSA key":                        {rsaPublic, [][]string{rs}, ""},
		"an RSA key alone":                  {encode("RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(&key.PublicKey), nil), [][]string{rs}, ""},
		"a certificate":                     {certificate, [][]string{rs}, ""},
		"two keys":                          {slices.Concat(ed, rsaPublic), [][]string{{"EdDSA"}, rs}, ""},
		"text around keys":                  {slices.Concat([]byte("# of 2026\n"), ed, []byte("\n# of 2025\n"), rsaPublic, []byte("\n\n")), [][]string{{"EdDSA"}, rs}, ""},
		"lines that end as on Windows":      {bytes.ReplaceAll(ed, []byte("\n"), []byte("\r\n")), [][]string{{"EdDSA"}}, ""},
		"a byte order mark":                 {slices.Concat([]byte("\ufeff"), ed), [][]string{{"EdDSA"}}, ""},
		"a secret":                          {[]byte(strings.Repeat("s", 32)), [][]string{hs}, ""},
		"a secret and the end of its line":  {[]byte(strings.Repeat("s", 32) + "\r\n"), [][]string{hs}, ""},
		"a secret of openssl":               {[]byte(base64Of(bytes.Repeat([]byte{1, 200}, 24)) + "\n"), [][]string{hs}, ""},
		"a secret of bytes":                 {bytes.Repeat([]byte{0xff, 1, 0}, 20), [][]string{hs}, ""},
		"a secret of 31 bytes":              {[]byte(strings.Repeat("s", 31)), nil, "31 bytes: 32 to 4096"},
		"31 bytes and the end of the line":  {[]byte(strings.Repeat("s", 31) + "\n"), nil, "31 bytes: 32 to 4096"},
		"a secret that is too long":         {bytes.Repeat([]byte("s"), 5000), nil, "5000 bytes"},
		"nothing":                           {nil, nil, "0 bytes"},
		"lines without a secret":            {bytes.Repeat([]byte("\n"), 100), nil, "0 bytes"},
		"a secret as UTF-16":                {wide, nil, "UTF-16"},
		"a key cut off":                     {ed[:60], nil, "block 1 is no PEM: it may be cut off"},
		"a second key cut off":              {slices.Concat(ed, rsaPublic[:200]), nil, "block 2 is no PEM"},
		"a key that is indented":            {[]byte("  " + string(bytes.ReplaceAll(ed, []byte("\n"), []byte("\n  ")))), nil, "no PEM"},
		"a key among a secret":              {[]byte(strings.Repeat("s", 40) + string(bytes.ReplaceAll(ed, []byte("\n"), nil))), nil, "no PEM"},
		"a private key":                     {edPrivate, nil, "a private key"},
		"a public and a private key":        {slices.Concat(ed, edPrivate), nil, "block 2: a private key"},
		"a request for a certificate":       {encode("CERTIFICATE REQUEST", []byte{1}, nil), nil, `"CERTIFICATE REQUEST" is no public key`},
		"a PEM of nothing":                  {encode("PUBLIC KEY", nil, nil), nil, "block 1"},
		"an RSA key of 1024 bits":           {publicPEM(small.Public()), nil, "1024 bits: 2048 to 8192"},
		"a key on P-224":                    {publicPEM(p224.Public()), nil, "another curve"},
		"very many keys":                    {bytes.Repeat(ed, 33), nil, "more than 32 keys"},
		"a public key in DER":               {bytesOf(rsaPublic), nil, "it is no secret, but a public key"},
		"a short public key in DER":         {bytesOf(ed), nil, "it is no secret, but a public key"},
		"a certificate in DER":              {bytesOf(certificate), nil, "it is no secret, but a public key or a certificate"},
		"a public key without its lines":    {[]byte(base64Of(bytesOf(rsaPublic)) + "\n"), nil, "without -----BEGIN PUBLIC KEY-----"},
		"the same on many lines":            {pemBody(rsaPublic), nil, "without -----BEGIN PUBLIC KEY-----"},
		"the same in base64url":             {[]byte(base64.RawURLEncoding.EncodeToString(bytesOf(rsaPublic))), nil, "without -----BEGIN PUBLIC KEY-----"},
		"a certificate without its lines":   {[]byte(base64Of(bytesOf(certificate))), nil, "-----BEGIN CERTIFICATE-----"},
		"a key of ssh":                      {[]byte("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA ann@host"), nil, "begins with ssh-"},
		"the address of keys":               {[]byte("https://login.example/.well-known/jwks.json"), nil, "begins with https://"},
		"a token":                           {[]byte(someToken + "\n"), nil, "it is no secret, but a token"},
		"a JSON that is no set":             {[]byte(`{"kty":"oct","k":"c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"}`), nil, `it has no "keys"`},
		"a set with a secret, which nobody": {[]byte(`{"keys":[{"kty":"oct","k":"c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"}]}`), [][]string{}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			keys, _, err := token.ReadKeys(tt.file)
			if (err != nil) != (tt.says != "") || err != nil && !strings.Contains(err.Error(), tt.says) {
				t.Fatalf("%v, want %q", err, tt.says)
			}
			if err != nil && len(err.Error()) > 400 {
				t.Errorf("the error has %d bytes", len(err.Error()))
			}
			if len(keys) != len(tt.want) {
				t.Fatalf("%d keys, want %d", len(keys), len(tt.want))
			}
			for i, k := range keys {
				if !slices.Equal(k.Algorithms(), tt.want[i]) {
					t.Errorf("key %d is for %v, want %v", i+1, k.Algorithms(), tt.want[i])
				}
			}
		})
	}
}

// pemBody is what stands between the lines of PEM.
func pemBody(file []byte) []byte {
	lines := bytes.Split(bytes.TrimSpace(file), []byte("\n"))
	return bytes.Join(lines[1:len(lines)-1], []byte("\n"))
}

// Whatever openssl writes of a private key can make tokens, and what cannot is named.
func TestReadSigner(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	ecKey, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	sec1, err := x509.MarshalECPrivateKey(ecKey)
	ec := encode("EC PRIVATE KEY", sec1, err)
	p256, _ := hex.DecodeString("06082a8648ce3d030107")
	edPrivate, edPublic := generate(t, token.Ed25519)
	for name, tt := range map[string]struct {
		file            []byte
		algorithm, says string
	}{
		"Ed25519":                      {edPrivate, "EdDSA", ""},
		"RSA as openssl once wrote":    {encode("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsaKey), nil), "RS256", ""},
		"EC":                           {ec, "ES256", ""},
		"EC behind its parameters":     {slices.Concat(encode("EC PARAMETERS", p256, nil), ec), "ES256", ""},
		"a secret":                     {[]byte(strings.Repeat("s", 48) + "\n"), "HS256", ""},
		"a byte order mark":            {slices.Concat([]byte("\ufeff"), edPrivate), "EdDSA", ""},
		"parameters alone":             {encode("EC PARAMETERS", p256, nil), "", "cut off"},
		"a public key":                 {edPublic, "", "a public key"},
		"a public key without lines":   {pemBody(publicPEM(rsaKey.Public())), "", "it is no secret"},
		"a key with a password":        {encode("ENCRYPTED PRIVATE KEY", []byte{1}, nil), "", "password"},
		"a key cut off":                {edPrivate[:50], "", "cut off"},
		"another thing":                {encode("DH PARAMETERS", []byte{1}, nil), "", `"DH PARAMETERS" is no private key`},
		"a private key that is broken": {encode("PRIVATE KEY", []byte{1}, nil), "", "asn1"},
		"a short secret":               {[]byte("secret"), "", "6 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := token.ReadSigner(tt.file)
			if (err != nil) != (tt.says != "") || err != nil && !strings.Contains(err.Error(), tt.says) {
				t.Fatalf("%v, want %q", err, tt.says)
			}
			if err != nil {
				return
			}
			s.KeyID = "2026"
			now := time.Now()
			raw, err := s.Sign(token.Claims{Subject: "ann", Expires: now.Add(time.Hour)}, nil)
			if err != nil {
				t.Fatal(err)
			}
			header, _, err := token.Read(raw)
			if err != nil || header["alg"] != tt.algorithm || header["kid"] != "2026" || header["typ"] != "JWT" {
				t.Errorf("%v, %v", header, err)
			}
			if _, k, err := token.Verify(raw, s.Keys(), token.Wanted{}, now); err != nil || k.ID != "2026" {
				t.Errorf("%v, %v", k, err)
			}
		})
	}
}
