package kafka

import (
	"bytes"
	"fmt"
	"io"

	"github.com/segmentio/kafka-go/protocol"
)

// maxInflatedBytes is how many bytes the records of one batch may have after
// decompression. It is a hundred times what brokers take by default. The bound keeps a
// small batch from filling the memory.
const maxInflatedBytes = 100 << 20

// maxKeptBytes is how much memory a decoder keeps for the next batches.
const maxKeptBytes = 16 << 20

// inflate decompresses a batch's records into d.inflated.
func (d *decoder) inflate(a protocol.Attributes, b []byte) ([]byte, error) {
	codec := a.Compression().Codec()
	if codec == nil {
		return nil, fmt.Errorf("%w: compression %d is not known", errUnreadable, a.Compression())
	}
	r := codec.NewReader(bytes.NewReader(b))
	defer r.Close()
	from := d.inflated.Len()
	n, err := d.inflated.ReadFrom(io.LimitReader(r, maxInflatedBytes+1))
	if err != nil {
		return nil, fmt.Errorf("decompress %s: %w", codec.Name(), err)
	}
	if n > maxInflatedBytes {
		return nil, fmt.Errorf("%w: decompressed it has more than %d bytes", errUnreadable, maxInflatedBytes)
	}
	return d.inflated.Bytes()[from:], nil
}
