// Gosse is a client with tmaxmax/go-sse, which connects again by itself.
package main

import (
	"log"
	"net/http"
	"os"

	"github.com/tmaxmax/go-sse"

	"clients/shown"
)

func main() {
	request, err := http.NewRequest(http.MethodGet, os.Args[1], http.NoBody)
	if err != nil {
		log.Fatal(err)
	}
	connection := sse.NewConnection(request)
	connection.SubscribeToAll(func(e sse.Event) {
		shown.Event(e.LastEventID, e.Type, e.Data)
	})
	log.Fatal(connection.Connect())
}
