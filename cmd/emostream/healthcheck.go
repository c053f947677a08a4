package main

import (
	"context"
	"fmt"
	stdio "io"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/emostream/emostream/internal/client"
)

// healthTimeout is how long a server may take to answer.
const healthTimeout = 5 * time.Second

func newHealthcheck() *cobra.Command {
	return &cobra.Command{
		Use:   "healthcheck URL",
		Short: "Ask a server whether it is well, and fail if it is not",
		Long: `Healthcheck asks a server once and says nothing when the answer is yes. It is for
containers, whose image has no other program that could ask: /readyz of the main
server and of a subscriber server, /metrics of what has no other address.`,
		Example: `  emostream healthcheck http://localhost:5000/readyz`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !strings.HasPrefix(args[0], "http://") && !strings.HasPrefix(args[0], "https://") {
				return usagef("%.60q is not a URL: it begins with http:// or https://, as in http://localhost:5000/readyz", args[0])
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), healthTimeout)
			defer cancel()
			return checkHealth(ctx, args[0])
		},
	}
}

// checkHealth asks a server once. If the answer is not 200, the error has the answer.
func checkHealth(ctx context.Context, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return usagef("%w", err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return client.Explain(err)
	}
	defer res.Body.Close()
	if res.StatusCode == http.StatusOK {
		return nil
	}
	body, _ := stdio.ReadAll(stdio.LimitReader(res.Body, 512)) // whatever could be read of the body is shown
	return fmt.Errorf("%s answers %s: %.200q", url, res.Status, strings.TrimSpace(string(body)))
}
