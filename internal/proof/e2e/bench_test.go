package e2e_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emostream/emostream/internal/sleep"
	"github.com/emostream/emostream/internal/sse"
	"github.com/emostream/emostream/internal/wire"
)

// BenchmarkOverhead measures how long after a window's end its first swarm arrives at a
// client. It listens at each of the six subscriber servers of `up`, while reactions are
// sent at a steady rate. One iteration is one window of two seconds:
//
//	go test -run xxx -bench Overhead -benchtime 15x ./internal/proof/e2e
func BenchmarkOverhead(b *testing.B) {
	for _, rate := range []int{100, 1000} {
		b.Run(fmt.Sprintf("taps=%d/s", rate), func(b *testing.B) {
			_, in := up(b)
			ctx, cancel := context.WithCancel(b.Context())
			var wg sync.WaitGroup
			defer wg.Wait()
			defer cancel()
			delays := make(chan time.Duration, 1000)
			for _, url := range in.servers {
				wg.Go(func() { _ = firstOfEach(ctx, url, delays) })
			}
			wg.Go(func() { steady(ctx, in.main[0], rate) })
			for range 12 * len(in.servers) { // warm up, until the grace is known
				<-delays
			}
			var all []time.Duration
			for b.Loop() {
				for range in.servers {
					all = append(all, <-delays)
				}
			}
			slices.Sort(all)
			quantile := func(q float64) float64 {
				return float64(all[int(q*float64(len(all)-1))].Microseconds()) / 1000
			}
			b.ReportMetric(quantile(.5), "p50-ms")
			b.ReportMetric(quantile(.99), "p99-ms")
			b.ReportMetric(0, "ns/op") // not reported: it would be the length of a window
		})
	}
}

// firstOfEach listens at a server. For each window that has reactions it sends to
// delays how long after the window's end its first swarm arrived.
func firstOfEach(ctx context.Context, url string, delays chan<- time.Duration) error {
	newest := int64(0)
	c := sse.Client{URL: url + "/v1/swarm", OnEvent: func(e sse.Event) error {
		now := time.Now()
		s, err := wire.DecodeSwarm(e.Data)
		if err != nil || s.Total == 0 || s.Window.End <= newest {
			return err
		}
		newest = s.Window.End
		select {
		case delays <- now.Sub(time.UnixMilli(s.Window.End)):
		case <-ctx.Done():
		}
		return nil
	}}
	return c.Run(ctx)
}

// steady sends reactions at a rate (in reactions a second) until ctx ends.
func steady(ctx context.Context, server string, rate int) {
	const connections = 32
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: connections}}
	defer client.CloseIdleConnections()
	work := make(chan int, connections)
	var wg sync.WaitGroup
	for range connections {
		wg.Go(func() {
			for i := range work {
				body := fmt.Sprintf(`{"user_id":"bench","emoji_type":%q}`, kinds[i%len(kinds)])
				if res, err := client.Post(server+"/send_emoji", "application/json", strings.NewReader(body)); err == nil {
					_ = res.Body.Close()
				}
			}
		})
	}
	defer wg.Wait()
	defer close(work)
	start := time.Now()
	for i := 0; ; i++ {
		if sleep.Until(ctx, start.Add(time.Duration(i)*time.Second/time.Duration(rate))) != nil {
			return
		}
		select {
		case work <- i:
		case <-ctx.Done():
			return
		}
	}
}
