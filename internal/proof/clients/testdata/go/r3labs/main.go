// R3labs is a client with r3labs/sse, which connects again by itself.
package main

import (
	"log"
	"os"

	"github.com/r3labs/sse/v2"

	"clients/shown"
)

func main() {
	log.Fatal(sse.NewClient(os.Args[1]).SubscribeRaw(func(e *sse.Event) {
		shown.Event(string(e.ID), string(e.Event), string(e.Data))
	}))
}
