package doctor_test

import (
	"errors"
	"testing"

	"github.com/emostream/emostream/internal/inspect/doctor"
)

func TestKeysOfTokens(t *testing.T) {
	passedOver := []error{errors.New("key 1: a secret, which is none where anybody can read it")}
	const source = "https://login.example/jwks"
	for name, tt := range map[string]struct {
		keys doctor.TokenKeys
		says string
		want []string
	}{
		"all is well":        {doctor.TokenKeys{Source: "keys.pem", Keys: 1}, "1 key for tokens", nil},
		"not read":           {doctor.TokenKeys{Source: source + "?secret", Err: errors.New("it answers 404")}, "cannot be read: it answers 404", []string{"wrong " + source}},
		"empty":              {doctor.TokenKeys{Source: source}, "it has no keys", []string{"wrong " + source}},
		"none is of use":     {doctor.TokenKeys{Source: source, PassedOver: passedOver}, "none of its keys can check tokens: key 1: a secret", []string{"wrong " + source}},
		"one is passed over": {doctor.TokenKeys{Source: source, Keys: 2, PassedOver: passedOver}, "2 keys for tokens, and 1 key passed over", []string{"note " + source}},
	} {
		t.Run(name, func(t *testing.T) { check(t, doctor.KeysOfTokens(tt.keys), tt.says, tt.want...) })
	}
}
