package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	stdio "io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/emostream/emostream/internal/client"
	"github.com/emostream/emostream/internal/sse"
)

// healthTimeout is how long a server may take to answer.
const healthTimeout = 5 * time.Second

func newHealthcheck() *cobra.Command {
	var trust trustFlag
	cmd := &cobra.Command{
		Use:   "healthcheck [URL]",
		Short: "Ask a server whether it is well, and fail if it is not",
		Long: `Healthcheck asks a server once and says nothing when the answer is yes. It is for
containers, whose image has no other program that could ask: /readyz of the main
server and of a subscriber server, /metrics of what has no other address.

Without a URL it asks the server that the container runs (its process 1), at the
address that its flags, the environment and the settings file give it. Over https it
then takes any certificate, since that is not made out to such an address.`,
		Example: `  emostream healthcheck
  emostream healthcheck http://localhost:5000/readyz`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return checkContainer(cmd.Context())
			}
			trusting, err := trust.client()
			if err != nil {
				return err
			}
			if !strings.HasPrefix(args[0], "http://") && !strings.HasPrefix(args[0], "https://") {
				return usagef("%.60q is not a URL: it begins with http:// or https://, as in http://localhost:5000/readyz", args[0])
			}
			return checkHealth(cmd.Context(), trusting, args[0])
		},
	}
	trust.add(cmd)
	return cmd
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
		err := checkHealth(ctx, anyCertificate(), url)
		if err == nil {
			return nil
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// anyCertificate returns a client that trusts every server. It is for servers on this
// machine, to which it tells nothing.
func anyCertificate() *http.Client {
	return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}} //nolint:gosec // see above
}

// checkHealth asks a server once. If the answer is not 200, the error has the answer.
func checkHealth(ctx context.Context, by *http.Client, url string) error {
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return usagef("%w", err)
	}
	res, err := client.FollowRedirects(by).Do(req)
	if err != nil {
		return client.Explain(err)
	}
	defer res.Body.Close()
	if res.StatusCode == http.StatusOK {
		return nil
	}
	body, _ := stdio.ReadAll(stdio.LimitReader(res.Body, 4096)) // whatever could be read of the body is shown
	if refused := sse.Refused(res.StatusCode, 0, bytes.NewReader(body)); refused.Message != "" {
		return fmt.Errorf("%s answers %s: %s", url, res.Status, refused.Message)
	}
	return fmt.Errorf("%s answers %s: %.200q", url, res.Status, strings.TrimSpace(string(body)))
}
