package e2e_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// A long history makes aggregate neither larger nor slower: it keeps only open windows
// in memory, and after a restart it begins at its commit. The test sends as many
// million reactions as the flag -millions says, and then restarts aggregate.
func TestLongHistory(t *testing.T) {
	millions := *millions
	if millions < 1 {
		t.Skip("takes minutes: make test-long")
	}
	in := &installation{t: t, servers: map[string]string{}, brokers: []string{"localhost:" + port(free(t))}}
	start(t, "broker", "--listen", in.brokers[0], "--data-dir", t.TempDir(), "--retention-bytes", "34359738368")
	run := func(args ...string) *process { return start(t, append(args, "--brokers", in.brokers[0])...) }
	at := free(t)
	in.main = []string{"http://" + at}
	run("serve", "--listen", at)
	metrics := "http://" + free(t)
	count := func() *process { return run("aggregate", "--metrics-listen", strings.TrimPrefix(metrics, "http://")) }
	counting := count()
	in.ready()

	in.million()
	in.settle(metrics, 1_000_000)
	before := metric(t, metrics, "process_resident_memory_bytes")
	began := time.Now()
	for range millions - 1 {
		in.million()
	}
	sent := time.Since(began)
	total := int64(millions) * 1_000_000
	in.settle(metrics, total)
	after := metric(t, metrics, "process_resident_memory_bytes")
	t.Logf("%d reactions were acknowledged in %v; aggregate's memory: %.0f MB after one million, %.0f MB after all",
		total, sent.Round(time.Second), before/1e6, after/1e6)

	if before == 0 || after > before+(64<<20) {
		t.Errorf("aggregate's memory went from %.0f to %.0f bytes, want it to stay within 64 MiB", before, after)
	}

	// Time alone does not close the last windows of a partition: only a reaction does
	// whose time is at least the lateness after their end.
	<-time.After(13 * time.Second)
	for range 2 {
		in.crowd(t.Context(), 200, 4, 0)
		total += 200
	}
	in.settle(metrics, total)
	counting.stop()
	began = time.Now()
	count()
	in.settle(metrics, 0)
	in.crowd(t.Context(), 100, 4, 0)
	total += 100
	if _, n := in.countedUntil(total); n != total {
		t.Errorf("%d were counted of %d", n, total)
	}
	read := metric(t, metrics, "emostream_aggregate_records_read_total")
	t.Logf("after a restart aggregate read %.0f records and had counted all within %v", read, time.Since(began).Round(time.Millisecond))
	if read > 1000 {
		t.Errorf("after a restart it read %.0f records, want those after its commit: 500 at most", read)
	}
}

// million sends a million reactions of all kinds: 10,000 lines that stand for 100 each.
func (in *installation) million() {
	in.t.Helper()
	const items = 10_000
	var lines bytes.Buffer
	for i := range items {
		fmt.Fprintf(&lines, `{"user_id":"e2e","emoji_type":%q,"count":100}`+"\n", kinds[i%len(kinds)])
	}
	a, err := post(in.main[0]+"/v1/reactions", "application/x-ndjson", lines.String())
	if want := fmt.Sprintf(`{"accepted":%d,`, items); err != nil || !strings.HasPrefix(a.body, want) {
		in.t.Fatalf("a stream of a million was answered %+v, %v", a, err)
	}
}

// settle waits until aggregate has read the log to its end, and at least n records.
func (in *installation) settle(metrics string, n int64) {
	in.t.Helper()
	began := time.Now()
	for time.Since(began) < 10*maxWait {
		if metric(in.t, metrics, "emostream_aggregate_records_read_total") >= float64(n) && metric(in.t, metrics, "emostream_aggregate_lag_records") == 0 {
			return
		}
		<-time.After(100 * time.Millisecond)
	}
	in.t.Fatal("aggregate does not catch up")
}

// countedUntil waits until n reactions are counted, and returns what counted returns.
func (in *installation) countedUntil(n int64) (map[string]int64, int64) {
	in.t.Helper()
	until(in.t, "all is counted", func() error {
		if _, total := in.counted(); total < n {
			return fmt.Errorf("%d of %d", total, n)
		}
		return nil
	})
	return in.counted()
}

// scraper asks for metrics and profiles over one connection to each process, so that
// the number of connections that it adds to what it measures is always the same.
var scraper = &http.Client{Transport: &http.Transport{MaxConnsPerHost: 1}}

// metric returns the value of a metric, added up over its labels; 0 if the server does
// not answer.
func metric(tb testing.TB, url, name string) (sum float64) {
	tb.Helper()
	res, err := scraper.Get(url + "/metrics")
	if err != nil {
		return 0
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return 0
	}
	for s := bufio.NewScanner(bytes.NewReader(text)); s.Scan(); {
		key, value, ok := strings.Cut(s.Text(), " ")
		if family, _, _ := strings.Cut(key, "{"); !ok || family != name {
			continue
		}
		n, err := strconv.ParseFloat(value, 64)
		if err != nil {
			tb.Fatalf("%s: %v", s.Text(), err)
		}
		sum += n
	}
	return sum
}
