package recordbatch

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// LogAppendTime is an attribute of a batch. It says that the time of its records is when
// the broker appended it, whatever the producer set.
const LogAppendTime = 1 << 3

// CRCFrom is the first byte of a batch that its checksum covers.
const CRCFrom = 21

// NextRecord decodes the record at the beginning of raw into r, and returns what follows
// it. r points into raw.
func NextRecord(raw []byte, r *kmsg.Record) (rest []byte, err error) {
	length, n := binary.Varint(raw)
	if n <= 0 || length < 0 || length > int64(len(raw)-n) {
		return nil, errors.New("a record goes beyond its end")
	}
	end := n + int(length)
	if err := r.ReadFrom(raw[:end]); err != nil {
		return nil, fmt.Errorf("a record: %w", err)
	}
	return raw[end:], nil
}
