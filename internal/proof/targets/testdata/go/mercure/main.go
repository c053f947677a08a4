// Command mercure is a Mercure hub on the address of its only argument.
package main

import (
	"context"
	"log"
	"net/http"
	"os"

	"github.com/dunglas/mercure"
)

// key signs the tokens of publishers and subscribers.
const key = "a-key-of-tests-that-signs-nothing-else"

func main() {
	hub, err := mercure.NewHub(context.Background(),
		mercure.WithPublisherJWT([]byte(key), "HS256"), mercure.WithSubscriberJWT([]byte(key), "HS256"),
	)
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal(http.ListenAndServe(os.Args[1], hub))
}
