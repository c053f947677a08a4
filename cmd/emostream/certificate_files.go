package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/emostream/emostream/internal/errno"
	"github.com/emostream/emostream/internal/text"
)

// certificateFile is a PEM file for TLS, and the flag that names it.
type certificateFile struct{ flag, path string }

// wrong returns an error of usage about the file.
func (f certificateFile) wrong(format string, args ...any) error {
	return usagef("%s %s: %w", f.flag, f.path, fmt.Errorf(format, args...))
}

// read reads the file, without the byte order mark before it.
func (f certificateFile) read() ([]byte, error) {
	b, err := os.ReadFile(f.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, f.wrong("there is no such file: give the path of one that is there")
	case err != nil:
		return nil, f.wrong("it cannot be read (%s): want a PEM file that this user may read", errno.Cause(err))
	}
	if b, err = text.TrimMark(b); err != nil {
		return nil, f.wrong("%w", err)
	}
	return b, nil
}

// blocks returns the types of the PEM blocks in text, such as CERTIFICATE.
func blocks(text []byte) []string {
	var types []string
	for {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			return types
		}
		types = append(types, block.Type)
		if strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED") {
			types = append(types, encryptedKey)
		}
	}
}

// encryptedKey is the type of a PEM block that holds a key behind a password.
const encryptedKey = "ENCRYPTED PRIVATE KEY"

// holdsKey returns whether text has a key in it.
func holdsKey(text []byte) bool { return bytes.Contains(text, []byte("PRIVATE KEY-----")) }

// certificates returns the text of a file that must hold certificates.
func (f certificateFile) certificates() ([]byte, error) {
	text, err := f.read()
	if err != nil {
		return nil, err
	}
	if slices.Contains(blocks(text), "CERTIFICATE") {
		return text, nil
	}
	if holdsKey(text) {
		return nil, f.wrong("there is a key in it and no certificate: give the file of the certificate here")
	}
	return nil, f.wrong("there is no certificate in it: want a PEM file, with lines like -----BEGIN CERTIFICATE-----")
}

// key returns the text of a file that must hold a key.
func (f certificateFile) key() ([]byte, error) {
	text, err := f.read()
	if err != nil {
		return nil, err
	}
	if slices.Contains(blocks(text), encryptedKey) {
		return nil, f.wrong("its key is behind a password: write it without one, with openssl pkey -in %s -out FILE", f.path)
	}
	if !holdsKey(text) {
		return nil, f.wrong("there is no key in it: want a PEM file, with a line like -----BEGIN PRIVATE KEY-----")
	}
	return text, nil
}

// readAuthorities returns the certificates of a file as those that are trusted.
func readAuthorities(f certificateFile) (*x509.CertPool, error) {
	text, err := f.certificates()
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, f.wrong("its certificate cannot be read: copy the file anew, or ask who made it")
	}
	return pool, nil
}

// readKeyPair returns the certificate of one file with the key of another.
func readKeyPair(cert, key certificateFile) (*tls.Certificate, error) {
	certText, err := cert.certificates()
	if err != nil {
		return nil, err
	}
	keyText, err := key.key()
	if err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(certText, keyText)
	switch {
	case err == nil:
		return &pair, nil
	case strings.Contains(err.Error(), "does not match"):
		return nil, key.wrong("it is not the key of the certificate in %s %s: give the two that were made together", cert.flag, cert.path)
	}
	return nil, key.wrong("it does not go with %s %s (%s): give the two that were made together", cert.flag, cert.path, strings.TrimPrefix(err.Error(), "tls: "))
}

// keyPair returns the certificate of a file with its key. That is in the same file if the
// other has no path.
func keyPair(cert, key certificateFile) (*tls.Certificate, error) {
	if key.path != "" {
		return readKeyPair(cert, key)
	}
	text, err := cert.certificates()
	if err != nil {
		return nil, err
	}
	if !holdsKey(text) {
		return nil, usagef("%s goes with %s, the file of the certificate's key, which is not given (and %s holds no key)", cert.flag, key.flag, cert.path)
	}
	return readKeyPair(cert, cert)
}
