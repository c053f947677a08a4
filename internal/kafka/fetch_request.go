package kafka

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	fetchapi "github.com/segmentio/kafka-go/protocol/fetch"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// fetchRequest asks for the records of one partition. As for any other request,
// kafka-go's Transport finds the leader, connects to it and bounds the time. But
// fetchRequest itself writes the request to the connection and reads the answer (it is
// a protocol.RawExchanger), so that the records stay the bytes that arrived. kafka-go
// would copy them into pages and decode each record byte by byte, which costs more than
// counting them.
//
// The exchange goes on after its caller has given up. So buf belongs to the request
// from RoundTrip on. It belongs to the caller again only if RoundTrip returns an
// answer.
type fetchRequest struct {
	clientID string
	atLeast  int16 // the version; the brokers must support it
	kmsg.FetchRequest
	buf *bytes.Buffer
}

// fetchResponse is the answer to a fetchRequest. Its records point into buf.
type fetchResponse struct {
	kmsg.FetchResponse
	buf *bytes.Buffer
}

var _ interface {
	protocol.BrokerMessage
	protocol.PreparedMessage
	protocol.RawExchanger
} = (*fetchRequest)(nil)

func (f *fetchRequest) ApiKey() protocol.ApiKey { return protocol.Fetch } //nolint:revive // its name in protocol.Message

func (f *fetchResponse) ApiKey() protocol.ApiKey { return protocol.Fetch } //nolint:revive // its name in protocol.Message

// Broker returns the partition's leader.
func (f *fetchRequest) Broker(c protocol.Cluster) (protocol.Broker, error) {
	t := f.Topics[0]
	like := fetchapi.Request{Topics: []fetchapi.RequestTopic{{
		Topic: t.Topic, Partitions: []fetchapi.RequestPartition{{Partition: t.Partitions[0].Partition}},
	}}}
	return like.Broker(c)
}

// Prepare sets the version: the one that kafka-go has agreed on with the broker, or
// atLeast.
func (f *fetchRequest) Prepare(version int16) { f.Version = max(version, f.atLeast) }

// Required tells kafka-go to call RawExchange, whatever the broker supports.
func (f *fetchRequest) Required(map[protocol.ApiKey]int16) bool { return true }

// RawExchange sends the request and reads the answer. After an error kafka-go
// closes the connection.
func (f *fetchRequest) RawExchange(rw io.ReadWriter) (protocol.Message, error) {
	f.buf.Reset()
	if err := exchange(rw, f.clientID, f, f.buf); err != nil {
		return nil, err
	}
	res := &fetchResponse{buf: f.buf}
	res.Version = f.Version
	if err := res.ReadFrom(f.buf.Bytes()); err != nil {
		return nil, fmt.Errorf("the answer to a fetch of %s: %w", f.Topics[0].Topic, err)
	}
	return res, nil
}

// exchange sends a request on a connection, and reads the answer without its header
// into buf.
func exchange(rw io.ReadWriter, clientID string, req kmsg.Request, buf *bytes.Buffer) error {
	const correlation = 1 // can be constant, since a connection has one request in flight at a time
	request := kmsg.NewRequestFormatter(kmsg.FormatterClientID(clientID)).AppendRequest(nil, req, correlation)
	if _, err := rw.Write(request); err != nil {
		return err
	}
	var header [8]byte // the size of the answer, and the correlation of its request
	if _, err := io.ReadFull(rw, header[:]); err != nil {
		return cutShort(err)
	}
	size, id := int32(binary.BigEndian.Uint32(header[:])), binary.BigEndian.Uint32(header[4:])
	if size < 4 || id != correlation {
		return fmt.Errorf("the answer begins with %x", header)
	}
	if _, err := io.CopyN(buf, rw, int64(size)-4); err != nil {
		return cutShort(err)
	}
	if req.IsFlexible() {
		return skipTags(buf)
	}
	return nil
}

// skipTags reads the tagged fields at the end of an answer's header. None are known.
func skipTags(buf *bytes.Buffer) error {
	tags, err := binary.ReadUvarint(buf)
	for ; err == nil && tags > 0; tags-- {
		var size uint64
		if _, err = binary.ReadUvarint(buf); err == nil {
			size, err = binary.ReadUvarint(buf)
		}
		buf.Next(int(min(size, uint64(buf.Len()))))
	}
	return cutShort(err)
}

// cutShort returns io.ErrUnexpectedEOF in place of io.EOF, for a connection that ended
// before the end of an answer. It returns other errors as they are.
func cutShort(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// partition returns the part of the answer about the one partition that was asked for,
// or the error in it.
func (f *fetchResponse) partition() (kmsg.FetchResponseTopicPartition, error) {
	if f.ErrorCode != 0 {
		return kmsg.FetchResponseTopicPartition{}, kafka.Error(f.ErrorCode)
	}
	if len(f.Topics) != 1 || len(f.Topics[0].Partitions) != 1 {
		return kmsg.FetchResponseTopicPartition{}, errors.New("the broker did not answer for it")
	}
	p := f.Topics[0].Partitions[0]
	if p.ErrorCode != 0 {
		return p, kafka.Error(p.ErrorCode)
	}
	return p, nil
}
