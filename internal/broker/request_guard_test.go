package broker_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/emostream/emostream/internal/broker"
	"github.com/emostream/emostream/internal/broker/brokertest"
)

// request returns a request with its size and header.
func request(kind, version int16, body []byte) []byte {
	b := binary.BigEndian.AppendUint16(make([]byte, 4), uint16(kind))
	b = binary.BigEndian.AppendUint16(b, uint16(version))
	b = append(b, 0, 0, 0, 1) // the correlation id
	b = append(b, 0xff, 0xff) // no client id
	if r := kmsg.RequestForKey(kind); r != nil {
		if r.SetVersion(version); r.IsFlexible() {
			b = append(b, 0) // no tags
		}
	}
	b = append(b, body...)
	binary.BigEndian.PutUint32(b, uint32(len(b)-4))
	return b
}

// closes sends bytes to a broker. It fails the test if the broker does not close the
// connection.
func closes(t *testing.T, addr string, sent []byte) {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(testTimeout)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Write(sent); err != nil {
		return // closed already
	}
	if _, err := io.Copy(io.Discard, c); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the connection stays open: %v", err)
	}
}

// Bytes that are not a request of Kafka end their connection. The broker goes on.
func TestBytesThatAreNoRequest(t *testing.T) {
	t.Parallel()
	for name, sent := range map[string][]byte{
		"a kind that is not known":                    {0, 0, 0, 0x0a, 0x75, 0x30, 0, 0, 0, 0, 0, 1, 0xff, 0xff},
		"a negative kind":                             request(-1, 0, nil),
		"a negative version":                          request(3, -1, nil),
		"no bytes at all":                             {0, 0, 0, 0},
		"a header that is cut":                        {0, 0, 0, 4, 0, 3, 0, 0},
		"the size of one byte too much":               binary.BigEndian.AppendUint32(nil, 32<<20+1),
		"the greatest size":                           {0xff, 0xff, 0xff, 0xff},
		"a web page":                                  []byte("POST / HTTP/1.1\r\nHost: localhost:9092\r\n\r\n"),
		"a handshake of TLS":                          {0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc},
		"topics of metadata that are not there":       request(3, 0, []byte{0, 0, 0, 9}),
		"more topics of metadata than there are ints": request(3, 0, []byte{0x7f, 0xff, 0xff, 0xff}),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, addr := brokertest.Open(t)
			closes(t, addr, sent)
			ensure(t, c, 1, nil) // the broker goes on
		})
	}
}

// A request of the greatest size is read. Memory for it is allocated only as its bytes
// arrive.
func TestARequestOfTheGreatestSize(t *testing.T) {
	t.Parallel()
	_, addr := brokertest.Open(t)
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	// A Metadata request of version 0 ends after its list of topics. What follows is
	// ignored.
	sent := request(3, 0, append([]byte{0, 0, 0, 0}, make([]byte, 32<<20-14)...))
	if got := binary.BigEndian.Uint32(sent); got != 32<<20 {
		t.Fatalf("the request has %d bytes", got)
	}
	go func() { _, _ = io.Copy(c, bytes.NewReader(sent)) }()
	if err := c.SetDeadline(time.Now().Add(testTimeout)); err != nil {
		t.Fatal(err)
	}
	var size [4]byte
	if _, err := io.ReadFull(c, size[:]); err != nil {
		t.Fatalf("no answer: %v", err)
	}
}

// FuzzRequests checks that the broker goes on, whatever is sent to its port.
func FuzzRequests(f *testing.F) {
	b, err := broker.Open(broker.Config{Listen: "127.0.0.1:0"})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = b.Close() })
	rng := rand.New(rand.NewPCG(1, 2))
	for kind := range int16(93) {
		if r := kmsg.RequestForKey(kind); r != nil {
			body := make([]byte, 64)
			for i := range body {
				body[i] = byte(rng.IntN(4))
			}
			f.Add(kind, int16(0), body)
			r.SetVersion(r.MaxVersion())
			f.Add(kind, r.MaxVersion(), r.AppendTo(nil))
		}
	}
	f.Fuzz(func(t *testing.T, kind, version int16, body []byte) {
		c, err := net.Dial("tcp", b.Addr())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := c.Write(request(kind, version, body)); err != nil {
			t.Fatal(err)
		}
		if err := c.SetReadDeadline(time.Now().Add(10 * time.Millisecond)); err != nil { // some are answered late, or never
			t.Fatal(err)
		}
		_, _ = c.Read(make([]byte, 1))
		// The broker still answers which versions it supports.
		if _, err := c.Write(request(18, 0, nil)); err != nil {
			return // the broker has closed the connection
		}
	})
}
