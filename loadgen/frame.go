package loadgen

import (
	"bytes"
	"hash/maphash"
	"strconv"
	"sync"
	"time"
)

// frame is one event of a stream, decoded once for all listeners that get the
// same bytes.
type frame struct {
	at    time.Time // when somebody first got it
	id    string    // of the event; empty: it leaves the listener's as it is
	hasID bool
	retry time.Duration
	data  bool // it is an event that is delivered; without data it is not

	swarm   *shown  // of swarms
	markers []int64 // of other services: the requests whose markers are in it
}

// frames finds what is known of a frame by its bytes. It is safe for concurrent
// use.
type frames struct {
	seed   maphash.Seed
	known  sync.Map // of uint64 to *frame
	decode func(f *frame, name string, data []byte)
}

func newFrames(decode func(f *frame, name string, data []byte)) *frames {
	return &frames{seed: maphash.MakeSeed(), decode: decode}
}

// of returns the frame that b, without its last line end, is; it came at at.
func (f *frames) of(b []byte, at time.Time) *frame {
	hash := maphash.Bytes(f.seed, b)
	if known, ok := f.known.Load(hash); ok {
		return known.(*frame)
	}
	known, _ := f.known.LoadOrStore(hash, f.parse(b, at))
	return known.(*frame)
}

// parse reads the lines of a frame.
func (f *frames) parse(b []byte, at time.Time) *frame {
	out := &frame{at: at}
	var name string
	var data []byte
	for len(b) > 0 {
		var line []byte
		line, b, _ = bytes.Cut(b, []byte("\n"))
		field, value, _ := bytes.Cut(bytes.TrimSuffix(line, []byte("\r")), []byte(":"))
		value = bytes.TrimPrefix(value, []byte(" "))
		switch string(field) {
		case "id":
			out.id, out.hasID = string(value), true
		case "event":
			name = string(value)
		case "retry":
			if ms, err := strconv.ParseInt(string(value), 10, 64); err == nil && ms >= 0 {
				out.retry = min(time.Duration(ms)*time.Millisecond, time.Hour)
			}
		case "data":
			if out.data {
				data = append(data, '\n')
			}
			data, out.data = append(data, value...), true
		}
	}
	if out.data = len(data) > 0; out.data {
		f.decode(out, name, data)
	}
	return out
}

// cut splits the first frame off b; ok is false when b holds no whole one.
func cut(b []byte) (first, rest []byte, ok bool) {
	for from := 0; ; {
		i := bytes.IndexByte(b[from:], '\n')
		if i < 0 {
			return nil, b, false
		}
		end := from + i
		switch rest := b[end+1:]; {
		case len(rest) > 0 && rest[0] == '\n':
			return b[:end], rest[1:], true
		case len(rest) > 1 && rest[0] == '\r' && rest[1] == '\n':
			return b[:end], rest[2:], true
		}
		from = end + 1
	}
}
