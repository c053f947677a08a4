package access

import (
	"context"
	"log/slog"

	"github.com/emostream/emostream/internal/token"
)

// ReadKeys reads the keys of a configuration once, as a gate would, for whoever wants to
// know why a gate does not take a token. Passed over are those keys of a JWKS that do not
// verify tokens.
func ReadKeys(ctx context.Context, c Config) (keys token.Keys, passedOver []error, err error) {
	c.Logger = slog.New(slog.DiscardHandler)
	k, err := newKeyring(c, newMetrics(nil))
	if err != nil {
		return nil, nil, err
	}
	content, err := k.read(ctx)
	if err != nil {
		return nil, nil, err
	}
	return k.parse(content)
}
