package process

import (
	"context"
	"fmt"
	"net/http"
)

// Ready asks the server at a base URL once whether it is ready, and returns an error if
// it is not.
func Ready(ctx context.Context, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/readyz", http.NoBody)
	if err != nil {
		return err
	}
	req.Close = true // a connection that is kept would outlive the server
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("it answers %s", res.Status)
	}
	return nil
}
