package ticket

import (
	"crypto/hmac"
	"encoding/hex"
)

// A signature of a heartbeat is the fingerprint of the key, which tells whoever reads it
// whether two servers sign with the same key, and then the authentication code.
const (
	fingerprintSize        = 4
	heartbeatSignatureSize = fingerprintSize + 32
)

// Sign returns the signature of a heartbeat, which its record carries in a header.
func (k *Keys) Sign(value []byte) []byte {
	signs := k.all()[0]
	return append(signs.fingerprint(), signs.mac(forHeartbeat, value)...)
}

// Signed says whether one of the keys made a signature of a heartbeat.
func (k *Keys) Signed(value, signature []byte) bool {
	if k == nil || len(signature) != heartbeatSignatureSize {
		return false
	}
	for _, key := range k.all() {
		if hmac.Equal(signature[fingerprintSize:], key.mac(forHeartbeat, value)) {
			return true
		}
	}
	return false
}

func (k *key) fingerprint() []byte { return k.mac(forFingerprint, nil)[:fingerprintSize] }

// Fingerprint returns which key made a signature of a heartbeat, as a text that tells keys
// apart; empty: it is no signature. The key cannot be found from it.
func Fingerprint(signature []byte) string {
	if len(signature) != heartbeatSignatureSize {
		return ""
	}
	return hex.EncodeToString(signature[:fingerprintSize])
}
