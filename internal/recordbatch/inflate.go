// Package recordbatch decompresses and decodes the records of batches, in bounded memory.
// Clients use it for what they read, and the embedded broker for what it is sent.
package recordbatch

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
	"github.com/segmentio/kafka-go/compress"
)

// MaxBytes is the greatest limit that makes sense: a window of zstd may be no larger.
const MaxBytes = 64 << 20

// ErrTooLarge says that there is more than is allowed.
var ErrTooLarge = errors.New("it is too large, decompressed")

// BrokenError says that something is not compressed as it says.
type BrokenError struct{ problem string }

func (e *BrokenError) Error() string { return e.problem }

func brokenf(format string, args ...any) error {
	return &BrokenError{fmt.Sprintf(format, args...)}
}

// Inflater decompresses batches. It allocates no more than it is allowed to return,
// whatever size a batch announces. kafka-go's decoders of snappy and zstd allocate what
// is announced, up to 4 GiB, and are not used here. Those of gzip and lz4 announce no
// size, or at most 4 MiB.
type Inflater struct {
	zstd *zstd.Decoder // nil until it is needed
}

// Inflate appends to dst what b holds, compressed by a codec, by Kafka's number of it.
// It returns ErrTooLarge if that is more than limit bytes, and a *BrokenError if b
// cannot be decompressed.
func (i *Inflater) Inflate(number int8, b, dst []byte, limit int) (out []byte, err error) {
	codec := compress.Compression(number)
	from := len(dst)
	known := codec.Codec()
	switch {
	case codec == compress.Snappy:
		out, err = appendSnappy(dst, b, limit)
	case codec == compress.Zstd:
		out, err = i.appendZstd(dst, b)
	case known == nil:
		return dst, brokenf("its compression, %d, is not known", codec)
	default:
		r := known.NewReader(bytes.NewReader(b))
		defer r.Close()
		out, err = appendAll(dst, io.LimitReader(r, int64(limit)+1))
	}
	switch {
	case errors.Is(err, ErrTooLarge) || err == nil && len(out)-from > limit:
		return dst, ErrTooLarge
	case err != nil:
		return dst, brokenf("decompress %s: %v", known.Name(), err)
	}
	return out, nil
}

// appendAll appends all that r yields.
func appendAll(dst []byte, r io.Reader) ([]byte, error) {
	for {
		dst = slices.Grow(dst, 4096)
		n, err := r.Read(dst[len(dst):cap(dst)])
		dst = dst[:len(dst)+n]
		if errors.Is(err, io.EOF) {
			return dst, nil
		}
		if err != nil {
			return dst, err
		}
	}
}

// appendZstd appends what b holds. It decodes straight into dst, so that the window,
// whose size b announces, needs no memory of its own. A window of more than
// MaxBytes is refused, which only the strongest level of zstd announces.
func (i *Inflater) appendZstd(dst, b []byte) ([]byte, error) {
	if i.zstd == nil {
		d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(MaxBytes))
		if err != nil {
			return dst, err
		}
		i.zstd = d
	}
	out, err := i.zstd.DecodeAll(b, dst)
	if errors.Is(err, zstd.ErrDecoderSizeExceeded) {
		return dst, ErrTooLarge
	}
	return out, err
}

// The framing in which Java's clients write snappy: a header, and then blocks, each
// after its length.
const (
	xerialMagic  = "\x82SNAPPY\x00"
	xerialHeader = len(xerialMagic) + 8 // two versions follow
)

// appendSnappy appends what b holds: one block, or several in the framing of Java.
func appendSnappy(dst, b []byte, limit int) ([]byte, error) {
	if len(b) < xerialHeader || string(b[:len(xerialMagic)]) != xerialMagic {
		return appendBlock(dst, b, limit)
	}
	from := len(dst)
	for b = b[xerialHeader:]; len(b) > 0; {
		if len(b) < 4 || uint64(binary.BigEndian.Uint32(b)) > uint64(len(b)-4) {
			return dst, io.ErrUnexpectedEOF
		}
		end := 4 + int(binary.BigEndian.Uint32(b))
		var err error
		if dst, err = appendBlock(dst, b[4:end], limit-(len(dst)-from)); err != nil {
			return dst, err
		}
		b = b[end:]
	}
	return dst, nil
}

// appendBlock appends what a block of snappy holds.
func appendBlock(dst, block []byte, limit int) ([]byte, error) {
	n, err := snappy.DecodedLen(block)
	if err != nil {
		return dst, err
	}
	if n > limit {
		return dst, ErrTooLarge
	}
	from := len(dst)
	dst = append(dst, make([]byte, n)...)
	_, err = snappy.Decode(dst[from:], block)
	return dst, err
}
