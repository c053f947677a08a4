package broker_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/emostream/emostream/internal/broker"
	"github.com/emostream/emostream/internal/broker/brokertest"
	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/internal/wire"
)

// open opens a broker that is closed when the test ends.
func open(t *testing.T, cfg broker.Config) *broker.Broker {
	t.Helper()
	if cfg.Listen == "" {
		cfg.Listen = "127.0.0.1:0"
	}
	b, err := broker.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return b
}

// checkRefused fails the test unless Open returns an error that contains all the words.
func checkRefused(t *testing.T, cfg broker.Config, words ...string) {
	t.Helper()
	b, err := broker.Open(cfg)
	if err == nil {
		_ = b.Close()
		t.Errorf("it was opened; want a refusal that says %q", words)
		return
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%v; want it to say %q", err, w)
		}
	}
}

// Size returns how many bytes the log takes on the disk.
func TestSize(t *testing.T) {
	for _, dir := range brokertest.Folders(t) {
		t.Run(map[bool]string{true: "in memory", false: "on disk"}[dir == ""], func(t *testing.T) {
			b := open(t, broker.Config{DataDir: dir})
			c := client(t, b.Addr())
			ensure(t, c, 1, nil)
			before := b.Size()
			if err := write(within(t), c, 0, strings.Repeat("x", 100_000)); err != nil {
				t.Fatal(err)
			}
			if grown := b.Size() - before; (grown >= 100_000) != (dir != "") || dir == "" && grown != 0 {
				t.Errorf("it has grown by %d bytes", grown)
			}
		})
	}
}

func TestRunEndsCleanly(t *testing.T) {
	for _, dir := range brokertest.Folders(t) {
		b, err := broker.Open(broker.Config{Listen: "127.0.0.1:0", DataDir: dir})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- b.Run(ctx) }()
		c := client(t, b.Addr())
		if id, err := c.Ping(within(t)); err != nil || id != wire.EmbeddedClusterID {
			t.Errorf("Ping = %q, %v", id, err)
		}
		ensure(t, c, 1, nil)
		if err := write(within(t), c, 0, "x"); err != nil {
			t.Fatal(err)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run = %v", err)
		}
		if err := b.Close(); err != nil {
			t.Errorf("Close after Run = %v", err)
		}
		// The address and the folder are free again, and nothing is lost.
		again := open(t, broker.Config{Listen: b.Addr(), DataDir: dir})
		if dir == "" {
			continue
		}
		if got, _, _ := read(t, client(t, again.Addr()), 0); got["x"] != 1 {
			t.Errorf("after a restart the log holds %v", got)
		}
	}
}

func TestAFolderIsLocked(t *testing.T) {
	cfg := broker.Config{Listen: "127.0.0.1:0", DataDir: brokertest.Folder(t)}
	b, err := broker.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // after a refusal its holder still has the lock
		checkRefused(t, cfg, cfg.DataDir, "in use")
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	p := spawn(t, cfg.DataDir, cfg.Listen, 0)
	b, err = broker.Open(cfg)
	if locked, ok := errors.AsType[*broker.LockedError](err); !ok || locked.Dir != cfg.DataDir {
		t.Errorf("a folder that another process uses: %v, %v, want a LockedError", b, err)
	}
	p.kill()
	open(t, cfg)
}

func TestTheFormatOfAFolder(t *testing.T) {
	for _, test := range []struct {
		name, format string
		refused      []string
	}{
		{"the same", "1\n", nil},
		{"without a new line", "1", nil},
		{"newer", "2\n", []string{`"2"`, "up to 1"}},
		{"no number", "one", []string{`"one"`}},
		{"empty", "", []string{`""`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := brokertest.Folder(t)
			if err := os.WriteFile(filepath.Join(dir, "format"), []byte(test.format), 0o600); err != nil {
				t.Fatal(err)
			}
			cfg := broker.Config{Listen: "127.0.0.1:0", DataDir: dir}
			if test.refused == nil {
				open(t, cfg)
				return
			}
			checkRefused(t, cfg, append(test.refused, dir)...)
			// Open unlocks a folder that it refuses.
			if err := os.WriteFile(filepath.Join(dir, "format"), []byte("1\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			open(t, cfg)
		})
	}
}

func TestAFolderThatCannotBeUsed(t *testing.T) {
	file := filepath.Join(brokertest.Folder(t), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	checkRefused(t, broker.Config{Listen: "127.0.0.1:0", DataDir: file}, "data folder", file)

	// Open returns an error that names damage in kfake's files. It keeps neither the
	// lock nor the address.
	dir := brokertest.Folder(t)
	if err := os.MkdirAll(filepath.Join(dir, "log"), 0o700); err != nil {
		t.Fatal(err)
	}
	meta := filepath.Join(dir, "log", "meta.json")
	if err := os.WriteFile(meta, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	checkRefused(t, broker.Config{Listen: "127.0.0.1:0", DataDir: dir}, "embedded broker", "meta.json")
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	checkRefused(t, broker.Config{Listener: ln, DataDir: dir}, "embedded broker")
	if _, err := ln.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("a listener that was handed in is not closed after a failure: %v", err)
	}
	if err := os.Remove(meta); err != nil {
		t.Fatal(err)
	}
	open(t, broker.Config{DataDir: dir})
}

func TestAddresses(t *testing.T) {
	for _, addr := range []string{":0", "0.0.0.0:0", "[::]:0"} {
		checkRefused(t, broker.Config{Listen: addr}, fmt.Sprintf("%q", addr), "no host that clients could connect to")
	}
	for _, addr := range []string{"localhost", "9092", "localhost:none"} {
		checkRefused(t, broker.Config{Listen: addr}, addr)
	}
	checkRefused(t, broker.Config{Listen: "127.0.0.1:0", Advertise: "no port"}, `advertise "no port"`)

	b := open(t, broker.Config{Listen: "localhost:0"})
	host, port, err := net.SplitHostPort(b.Addr())
	if err != nil || net.ParseIP(host) == nil || !net.ParseIP(host).IsLoopback() || port == "0" {
		t.Errorf("listening on localhost:0 the address is %s", b.Addr())
	}
	checkRefused(t, broker.Config{Listen: b.Addr()}, b.Addr())
}

// Clients are told the address of Advertise, and not the one that was bound. Advertise
// may be a port that is forwarded to the bound one.
func TestAdvertise(t *testing.T) {
	ln, err := net.Listen("tcp", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	told := net.JoinHostPort("localhost", port)
	b := open(t, broker.Config{Listener: ln, Listen: ":" + port, Advertise: told})
	if b.Addr() != told {
		t.Errorf("Addr = %s, want %s", b.Addr(), told)
	}
	c := client(t, "127.0.0.1:"+port)
	ensure(t, c, 1, nil)
	if err := write(within(t), c, 0, "x"); err != nil { // goes to the leader, at the advertised address
		t.Error(err)
	}
}

func TestFsync(t *testing.T) {
	dir := brokertest.Folder(t)
	b := open(t, broker.Config{DataDir: dir, Fsync: true})
	c := client(t, b.Addr())
	ensure(t, c, 1, nil)
	if err := write(within(t), c, 0, "x"); err != nil {
		t.Fatal(err)
	}
	if got, _, _ := read(t, c, 0); got["x"] != 1 {
		t.Errorf("the log holds %v", got)
	}
}

func TestRetention(t *testing.T) {
	for _, test := range []struct {
		name   string
		cfg    broker.Config
		config map[string]string // of the topic
		stays  []string
	}{
		{"by the broker's time", broker.Config{Retention: time.Hour}, nil, []string{"new", "newest"}},
		{"by the topic's time", broker.Config{Retention: time.Millisecond}, map[string]string{"retention.ms": "3600000"}, []string{"new", "newest"}},
		{"of a topic that keeps all", broker.Config{Retention: time.Millisecond}, map[string]string{"retention.ms": "-1"}, []string{"old", "new", "newest"}},
		{"by size, an eighth for a partition", broker.Config{RetentionBytes: 8 * 1500}, nil, []string{"newest"}},
		{"by the topic's size", broker.Config{}, map[string]string{"retention.bytes": "2500"}, []string{"new", "newest"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			for _, dir := range brokertest.Folders(t) {
				cfg := test.cfg
				cfg.Listen, cfg.DataDir, cfg.Housekeeping = "127.0.0.1:0", dir, 10*time.Millisecond
				b, err := broker.Open(cfg)
				if err != nil {
					t.Fatal(err)
				}
				c := client(t, b.Addr())
				ensure(t, c, 1, test.config)
				now := time.Now()
				for i, v := range []string{"old", "new", "newest"} {
					at := now.Add(time.Duration(i-1) * time.Minute) // within an hour, but for
					if i == 0 && test.cfg.RetentionBytes == 0 && test.config["retention.bytes"] == "" {
						at = now.Add(-2 * time.Hour)
					}
					record := stream.Record{Time: at.UnixMilli(), Key: []byte(v), Value: make([]byte, 1000)}
					if err := c.Writer(topic).Write(within(t), 0, []stream.Record{record}); err != nil {
						t.Fatal(err)
					}
				}
				ctx, cancel := context.WithCancel(t.Context())
				ended := make(chan error, 1)
				go func() { ended <- b.Run(ctx) }()
				want := int64(3 - len(test.stays))
				eventually(t, func() error {
					if start, end, err := c.Offsets(within(t), topic, 0); start != want || end != 3 || err != nil {
						return fmt.Errorf("the log goes from %d to %d (%w), want from %d to 3: %v", start, end, err, want, test.stays)
					}
					return nil
				})
				cancel()
				if err := <-ended; err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// Retention also frees space on the disk, although it removes whole files only.
func TestRetentionBoundsTheDisk(t *testing.T) {
	const bound, partitions = 8 << 20, 2
	dir := brokertest.Folder(t)
	b, err := broker.Open(broker.Config{
		Listen: "127.0.0.1:0", DataDir: dir, RetentionBytes: bound, Housekeeping: 10 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- b.Run(ctx) }()
	c := client(t, b.Addr())
	ensure(t, c, partitions, nil)
	value := strings.Repeat("x", 50<<10)
	for i := range 100 { // 5 MiB, of which a partition may hold one
		if err := write(within(t), c, i%partitions, value); err != nil {
			t.Fatal(err)
		}
	}
	const most = partitions * bound / 8 * 3 / 2
	eventually(t, func() error {
		size := int64(0)
		err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) {
				return nil // removed meanwhile
			}
			if info, gone := d.Info(); gone == nil && !d.IsDir() {
				size += info.Size()
			}
			return err
		})
		if err != nil || size > most {
			return fmt.Errorf("the log takes %d bytes on the disk, want at most %d (%w)", size, most, err)
		}
		return nil
	})
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestTheBrokersWordsAreHandedOn(t *testing.T) {
	dir := brokertest.Folder(t)
	var said bytes.Buffer
	b, err := broker.Open(broker.Config{
		Listen: "127.0.0.1:0", DataDir: dir,
		Logger: slog.New(slog.NewTextHandler(&said, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	if err != nil {
		t.Fatal(err)
	}
	c := client(t, b.Addr())
	ensure(t, c, 1, nil)
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if text := said.String(); !strings.Contains(text, "part=broker") || strings.Contains(text, "level=INFO") {
		t.Errorf("what the broker says at one line a request is not at debug level:\n%s", text)
	}
}
