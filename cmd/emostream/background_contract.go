//go:build contract

package main

import (
	"context"
	"os"

	"github.com/emostream/emostream/internal/proof/contract"
)

// background returns a context in which the answers of all servers are held against
// openapi.yaml.
func background() context.Context { return contract.Process(os.Getenv(contract.Variable)) }
