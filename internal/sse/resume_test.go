package sse_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/emostream/emostream/internal/sse"
)

func TestClientResumesWhereItWasCut(t *testing.T) {
	var resumes []string // never two requests at a time
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		resumes = append(resumes, fmt.Sprintf("%q %s", r.Header["Last-Event-Id"], r.Header.Get("Accept")))
		switch len(resumes) {
		case 1:
			stream(w, "id: 1\nevent: swarm\ndata: a\n\n", "id: 2\ndata: b\n\n", "data: never ended")
			panic(http.ErrAbortHandler)
		case 2:
			stream(w, "data: revised\n\n", "id: 3\n\n", ": hb\n\n", "event: empty\n\n")
		default:
			stream(w, "data: c\n\n")
		}
	}))
	defer srv.Close()

	var got []sse.Event
	client := &sse.Client{URL: srv.URL, Reconnect: time.Millisecond, OnEvent: func(e sse.Event) error {
		got = append(got, e)
		if string(e.Data) == "c" {
			return errEnough
		}
		return nil
	}}
	if err := client.Run(t.Context()); !errors.Is(err, errEnough) {
		t.Fatalf("Run = %v, want OnEvent's error", err)
	}
	if diff := cmp.Diff([]string{"[] text/event-stream", `["2"] text/event-stream`, `["3"] text/event-stream`}, resumes); diff != "" {
		t.Errorf("Last-Event-ID and Accept (-want +got):\n%s", diff)
	}
	want := []sse.Event{
		{ID: "1", Name: "swarm", Data: []byte("a")},
		{ID: "2", Data: []byte("b")},
		{ID: "2", Data: []byte("revised")},
		{ID: "3", Data: []byte("c")},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

// A client whose server is gone tells the next server what it has seen.
func TestClientResumesElsewhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked []string
		located := 0
		client := &sse.Client{
			HTTP: serve(t, func(w http.ResponseWriter, r *http.Request) {
				asked = append(asked, r.URL.Path+" "+r.Header.Get("Last-Event-ID"))
				switch len(asked) {
				case 1:
					stream(w, "retry: 2000\n", "id: 7\nevent: swarm\ndata: a\n\n", ":\n")
				case 2:
					w.WriteHeader(http.StatusBadGateway)
				default:
					stream(w, "retry: 2000\n", "data: done\n\n")
				}
			}),
			Locate: func(context.Context, error) (string, error) {
				located++
				return fmt.Sprintf("http://emo/sub%d", located), nil
			},
			OnEvent: func(e sse.Event) error {
				if string(e.Data) == "done" {
					return errEnough
				}
				return nil
			},
		}
		if err := client.Run(t.Context()); !errors.Is(err, errEnough) {
			t.Fatalf("Run = %v, want OnEvent's error", err)
		}
		if diff := cmp.Diff([]string{"/sub1 ", "/sub1 7", "/sub2 7"}, asked); diff != "" {
			t.Errorf("requests and their Last-Event-ID (-want +got):\n%s", diff)
		}
	})
}
