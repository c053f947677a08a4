package access

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"

	"github.com/emostream/emostream/internal/token"
)

// Pseudonyms are the names under which people are recorded where their own shall not stand
// in the topics. The same person always has the same one, and only who has the secret can
// tell whose it is. Nil: everybody is recorded under the own name.
type Pseudonyms struct{ secret []byte }

// NewPseudonyms returns those under a secret, as a file has it.
func NewPseudonyms(file []byte) (*Pseudonyms, error) {
	secret, err := token.ReadSecret(file)
	if err != nil {
		return nil, fmt.Errorf("the key of pseudonyms: %w", err)
	}
	return &Pseudonyms{secret}, nil
}

// Of returns the pseudonym of a user_id. No user_id has none.
func (p *Pseudonyms) Of(userID string) string {
	if p == nil || userID == "" {
		return userID
	}
	mac := hmac.New(sha256.New, p.secret)
	mac.Write([]byte("user_id " + userID))
	return "p-" + base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:16])
}
