package main

import (
	"context"
	"errors"
	"fmt"
	stdio "io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/emostream/emostream/internal/client"
)

// healthTimeout is how long a server may take to answer.
const healthTimeout = 5 * time.Second

func newHealthcheck() *cobra.Command {
	return &cobra.Command{
		Use:   "healthcheck [URL]",
		Short: "Ask a server whether it is well, and fail if it is not",
		Long: `Healthcheck asks a server once and says nothing when the answer is yes. It is for
containers, whose image has no other program that could ask: /readyz of the main
server and of a subscriber server, /metrics of what has no other address.

Without a URL it asks the server that the container runs (its process 1), at the
address that its flags, the environment and the settings file give it.`,
		Example: `  emostream healthcheck
  emostream healthcheck http://localhost:5000/readyz`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return checkContainer(cmd.Context())
			}
			if !strings.HasPrefix(args[0], "http://") && !strings.HasPrefix(args[0], "https://") {
				return usagef("%.60q is not a URL: it begins with http:// or https://, as in http://localhost:5000/readyz", args[0])
			}
			return checkHealth(cmd.Context(), args[0])
		},
	}
}

// checkContainer asks the server that this container runs.
func checkContainer(ctx context.Context) error {
	cmdline, _ := os.ReadFile("/proc/1/cmdline")           // other systems have none
	urls, err := healthURLs(argsOf(cmdline), os.LookupEnv) //nolint:contextcheck // it runs no command
	if err != nil {
		return err
	}
	var errs []error
	for _, url := range urls {
		err := checkHealth(ctx, url)
		if err == nil {
			return nil
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// checkHealth asks a server once. If the answer is not 200, the error has the answer.
func checkHealth(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return usagef("%w", err)
	}
	res, err := client.FollowRedirects(nil).Do(req)
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
