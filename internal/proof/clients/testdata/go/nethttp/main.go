// Nethttp is a client with net/http and a scanner of lines. It connects again itself.
package main

import (
	"bufio"
	"errors"
	"log"
	"net/http"
	"os"
	"strings"
	"time"

	"clients/shown"
)

func main() {
	for last := ""; ; {
		if err := listen(os.Args[1], &last); err != nil {
			log.Print(err)
		}
		time.Sleep(time.Second)
	}
}

// silenceLimit is how long a stream may say nothing, not even a heartbeat.
const silenceLimit = 30 * time.Second

// listen shows the events of one connection that follow the one with the id last.
func listen(url string, last *string) error {
	request, err := http.NewRequest(http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	if *last != "" {
		request.Header.Set("Last-Event-ID", *last)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return errors.New(response.Status)
	}
	silence := time.AfterFunc(silenceLimit, func() { response.Body.Close() })
	defer silence.Stop()
	field := map[string]string{}
	lines := bufio.NewScanner(response.Body)
	for lines.Scan() {
		silence.Reset(silenceLimit)
		if name, value, ok := strings.Cut(lines.Text(), ": "); ok {
			field[name] = value
			continue
		}
		if lines.Text() == "" {
			if field["id"] != "" {
				*last = field["id"]
			}
			shown.Event(field["id"], field["event"], field["data"])
			clear(field)
		}
	}
	return lines.Err()
}
