// Launchdarkly is a client with launchdarkly/eventsource, which connects again by itself.
package main

import (
	"log"
	"os"

	"github.com/launchdarkly/eventsource"

	"clients/shown"
)

func main() {
	stream, err := eventsource.SubscribeWithURL(os.Args[1], eventsource.StreamOptionErrorHandler(
		func(err error) eventsource.StreamErrorHandlerResult {
			log.Print(err)
			return eventsource.StreamErrorHandlerResult{}
		}))
	if err != nil {
		log.Fatal(err)
	}
	for e := range stream.Events {
		shown.Event(e.Id(), e.Event(), e.Data())
	}
}
