package kafka_test

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"net"
	"slices"
	"strconv"
	"sync"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// proxy stands between clients and the brokers of a cluster. The test's rules change,
// delay or drop requests and answers. The proxy tells clients its own addresses in
// place of the brokers'.
type proxy struct {
	cluster // as clients see it
	t       *testing.T

	mu           sync.Mutex
	addrs        map[string]string // the proxy's own, by the broker's
	id           string            // the cluster id that clients are told; empty: the true one
	rules        map[kmsg.Key]rule
	truncateNext bool // the next answer of a rule breaks off, and its connection with it
	conns        map[net.Conn]bool
	done         bool
}

// rule answers requests of one kind. It may pass a request on to the broker, at most
// once. If it returns no answer (nil), the client gets none; if cut is set, its
// connection is closed.
type rule func(req kmsg.Request, pass func(kmsg.Request) kmsg.Response) (res kmsg.Response, cut bool)

func newProxy(t *testing.T, behind cluster) *proxy {
	t.Helper()
	p := &proxy{t: t, addrs: map[string]string{}, rules: map[kmsg.Key]rule{}, conns: map[net.Conn]bool{}}
	p.embedded = behind.embedded
	for _, b := range behind.brokers {
		p.brokers = append(p.brokers, p.addressBefore(b))
	}
	t.Cleanup(func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.done = true
		for c := range p.conns {
			_ = c.Close()
		}
	})
	return p
}

// on sets the rule for requests of one kind; nil lets them pass.
func (p *proxy) on(key kmsg.Key, r rule) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rules[key] = r
}

// disguiseAs makes the proxy tell clients another cluster id than the true one.
func (p *proxy) disguiseAs(id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.id = id
	p.embedded = false
}

// addressBefore returns the address on which the proxy listens for a broker.
func (p *proxy) addressBefore(broker string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if addr, ok := p.addrs[broker]; ok {
		return addr
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { _ = ln.Close() })
	p.addrs[broker] = ln.Addr().String()
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go p.serve(c, broker)
		}
	}()
	return p.addrs[broker]
}

// keep makes sure that c is closed when the proxy is closed. It returns whether the
// proxy is still open.
func (p *proxy) keep(c net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conns[c] = true
	return !p.done
}

// serve passes the requests of one connection on, one at a time. That is enough:
// clients send a request only after the answer to the one before.
func (p *proxy) serve(client net.Conn, broker string) {
	defer client.Close()
	server, err := net.Dial("tcp", broker)
	if err != nil {
		return
	}
	defer server.Close()
	if !p.keep(client) || !p.keep(server) {
		return
	}
	for {
		frame, err := readFrame(client)
		if err != nil {
			return
		}
		key := kmsg.Key(binary.BigEndian.Uint16(frame))
		p.mu.Lock()
		r := p.rules[key]
		p.mu.Unlock()
		if r == nil && key != kmsg.Metadata && key != kmsg.FindCoordinator {
			if _, err = server.Write(sized(frame)); err == nil {
				frame, err = readFrame(server)
			}
			if err == nil {
				_, err = client.Write(sized(frame))
			}
			if err != nil {
				return
			}
			continue
		}
		header, req, err := decode(frame)
		if err != nil {
			p.t.Errorf("a request of kind %v: %v", key, err)
			return
		}
		pass := func(req kmsg.Request) kmsg.Response {
			if _, err := server.Write(sized(req.AppendTo(slices.Clip(header)))); err != nil {
				return nil
			}
			frame, err := readFrame(server)
			if err != nil {
				return nil
			}
			body := frame[4:]
			if req.IsFlexible() {
				body = body[1:] // no tags
			}
			res := req.ResponseKind()
			if err := res.ReadFrom(body); err != nil {
				p.t.Errorf("an answer of kind %v: %v", key, err)
				return nil
			}
			p.rewriteAddresses(res)
			return res
		}
		var res kmsg.Response
		cut := false
		if r != nil {
			res, cut = r(req, pass)
		} else if res = pass(req); res == nil {
			cut = true
		}
		if res != nil {
			out := append([]byte(nil), header[4:8]...)
			if req.IsFlexible() {
				out = append(out, 0)
			}
			out = sized(res.AppendTo(out))
			if p.takeTruncation() {
				out, cut = out[:len(out)/2], true
			}
			if _, err := client.Write(out); err != nil {
				return
			}
		}
		if cut {
			return
		}
	}
}

// truncateNextAnswer makes the next answer of a rule break off in the middle.
func (p *proxy) truncateNextAnswer() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.truncateNext = true
}

func (p *proxy) takeTruncation() (short bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	short, p.truncateNext = p.truncateNext, false
	return short
}

// rewriteAddresses puts the proxy's own addresses and cluster id into an answer.
func (p *proxy) rewriteAddresses(res kmsg.Response) {
	own := func(host string, port int32) (string, int32) {
		if host == "" {
			return host, port
		}
		addr, err := net.ResolveTCPAddr("tcp", p.addressBefore(net.JoinHostPort(host, strconv.Itoa(int(port)))))
		if err != nil {
			p.t.Error(err)
			return host, port
		}
		return addr.IP.String(), int32(addr.Port)
	}
	switch r := res.(type) {
	case *kmsg.MetadataResponse:
		for i := range r.Brokers {
			r.Brokers[i].Host, r.Brokers[i].Port = own(r.Brokers[i].Host, r.Brokers[i].Port)
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.id != "" {
			r.ClusterID = &p.id
		}
	case *kmsg.FindCoordinatorResponse:
		r.Host, r.Port = own(r.Host, r.Port)
	}
}

// emptyFirstBatch removes the n records of the first batch of a partition from answers.
// Compaction may do that too: the batch is still there, but empty.
func (p *proxy) emptyFirstBatch(topic string, partition int32, n int) {
	p.on(kmsg.Fetch, func(req kmsg.Request, pass func(kmsg.Request) kmsg.Response) (kmsg.Response, bool) {
		res := pass(req)
		fetched, ok := res.(*kmsg.FetchResponse)
		if !ok {
			return nil, true
		}
		for _, t := range fetched.Topics {
			for i, part := range t.Partitions {
				var b kmsg.RecordBatch
				if t.Topic != "" && t.Topic != topic || part.Partition != partition || b.ReadFrom(part.RecordBatches) != nil || b.FirstOffset != 0 {
					continue
				}
				if b.NumRecords != int32(n) {
					p.t.Errorf("the first batch has %d records, want %d", b.NumRecords, n)
				}
				rest := part.RecordBatches[12+b.Length:]
				b.NumRecords, b.Records = 0, nil
				raw := b.AppendTo(nil)
				binary.BigEndian.PutUint32(raw[8:], uint32(len(raw)-12))
				binary.BigEndian.PutUint32(raw[17:], crc32.Checksum(raw[21:], crc32.MakeTable(crc32.Castagnoli)))
				t.Partitions[i].RecordBatches = append(raw, rest...)
			}
		}
		return res, false
	})
}

// refuseFirstCreation answers the first request to create a topic with an error that
// passes. Other topics in the same request are created.
func (p *proxy) refuseFirstCreation(topic string) {
	const notController = 41
	refused := false
	p.on(kmsg.CreateTopics, func(req kmsg.Request, pass func(kmsg.Request) kmsg.Response) (kmsg.Response, bool) {
		create, ok := req.(*kmsg.CreateTopicsRequest)
		if !ok || refused {
			return pass(req), false
		}
		refused = true
		var others []kmsg.CreateTopicsRequestTopic
		for _, t := range create.Topics {
			if t.Topic != topic {
				others = append(others, t)
			}
		}
		create.Topics = others
		res, ok := pass(create).(*kmsg.CreateTopicsResponse)
		if !ok {
			return nil, true
		}
		no := kmsg.NewCreateTopicsResponseTopic()
		no.Topic, no.ErrorCode = topic, notController
		res.Topics = append(res.Topics, no)
		return res, false
	})
}

func readFrame(r io.Reader) ([]byte, error) {
	var size [4]byte
	if _, err := io.ReadFull(r, size[:]); err != nil {
		return nil, err
	}
	frame := make([]byte, binary.BigEndian.Uint32(size[:]))
	_, err := io.ReadFull(r, frame)
	return frame, err
}

func sized(frame []byte) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(frame))), frame...)
}

// decode splits the frame of a request into its header, undecoded, and the request.
func decode(frame []byte) (header []byte, req kmsg.Request, err error) {
	key := int16(binary.BigEndian.Uint16(frame))
	if req = kmsg.RequestForKey(key); req == nil {
		return nil, nil, fmt.Errorf("unknown kind of request %d", key)
	}
	req.SetVersion(int16(binary.BigEndian.Uint16(frame[2:])))
	n := 10 // kind, version, correlation, length of the client id
	if id := int16(binary.BigEndian.Uint16(frame[8:])); id > 0 {
		n += int(id)
	}
	if req.IsFlexible() {
		n++ // no tags
	}
	return frame[:n], req, req.ReadFrom(frame[n:])
}
