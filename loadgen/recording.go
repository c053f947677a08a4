package loadgen

import (
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/emostream/emostream/internal/emoji"
	"github.com/emostream/emostream/internal/text"
)

// Reaction is a reaction of a recording.
type Reaction struct {
	User, Emoji string
	Count       int   // how often it was sent, at least 1
	At          int64 // when, in ms since 1970; math.MinInt64: when the one before was
}

// Recording is reactions that a run sends again, with the users and emojis that they had,
// in the order of their times.
type Recording struct {
	users     []string
	quoted    []string // the users as they stand in JSON, without quotes
	emojis    []string
	reactions []recordedReaction
	sum       [4]byte // the beginning of a hash
}

type recordedReaction struct {
	at          int64
	user, emoji int32
}

// NewRecording reads a recording into memory. Its error is that of the reactions, or says
// which of them cannot be sent.
func NewRecording(reactions iter.Seq2[Reaction, error]) (*Recording, error) {
	r := &Recording{}
	users, emojis, hash := map[string]int32{}, map[string]int32{}, sha256.New()
	last := int64(math.MinInt64)
	for reaction, err := range reactions {
		if err != nil {
			return nil, err
		}
		known, err := emoji.Parse(reaction.Emoji)
		if err == nil && strings.ContainsFunc(reaction.User, isControl) {
			err = errors.New("its user holds a control character")
		}
		if err != nil {
			return nil, fmt.Errorf("reaction %d: %w", len(r.reactions)+1, err)
		}
		if reaction.At != math.MinInt64 {
			last = reaction.At
		}
		of := recordedReaction{last, indexOf(&r.users, users, reaction.User), indexOf(&r.emojis, emojis, string(known))}
		for range reaction.Count {
			r.reactions = append(r.reactions, of)
		}
		_, _ = fmt.Fprintln(hash, reaction) // never fails
	}
	if len(r.reactions) == 0 {
		return nil, errors.New("there are no reactions in it")
	}
	if len(r.emojis) > MaxKinds {
		return nil, fmt.Errorf("it has %d kinds of emojis: %d are allowed, so that each is listed in a window", len(r.emojis), MaxKinds)
	}
	slices.SortStableFunc(r.reactions, func(a, b recordedReaction) int { return cmp.Compare(a.at, b.at) })
	for _, user := range r.users {
		quoted, err := json.Marshal(user)
		if err != nil {
			return nil, err
		}
		r.quoted = append(r.quoted, string(quoted[1:len(quoted)-1]))
	}
	copy(r.sum[:], hash.Sum(nil))
	return r, nil
}

// indexOf returns the place of a text in a list to which it is added if need be.
func indexOf(list *[]string, known map[string]int32, s string) int32 {
	i, ok := known[s]
	if !ok {
		i = int32(len(*list))
		known[s] = i
		*list = append(*list, s)
	}
	return i
}

// of returns who sent reaction i of a run which emoji. A run that is longer than the
// recording begins it again.
func (r *Recording) of(i int64) (user, emoji int) {
	reaction := r.reactions[i%int64(len(r.reactions))]
	return int(reaction.user), int(reaction.emoji)
}

// span returns how many ms lie between the first and the last time of the reactions.
func (r *Recording) span() int64 {
	first := slices.IndexFunc(r.reactions, func(of recordedReaction) bool { return of.at > math.MinInt64 })
	if first < 0 {
		return 0
	}
	return r.reactions[len(r.reactions)-1].at - r.reactions[first].at
}

// schedule returns when the reactions are due if they are sent as they were recorded.
func (r *Recording) schedule() Schedule {
	s := Schedule{recorded: make([]time.Duration, len(r.reactions))}
	for i := range r.reactions {
		if i > 0 && r.reactions[i].at > math.MinInt64 { // those without a time are due at once
			s.recorded[i] = s.recorded[i-1]
			if before := r.reactions[i-1].at; before > math.MinInt64 {
				s.recorded[i] += time.Duration(r.reactions[i].at-before) * time.Millisecond
			}
		}
	}
	s.length = s.recorded[len(s.recorded)-1] + time.Millisecond // the last one is due before the end
	return s
}

// dueBefore returns how many reactions of a recording are due before a moment.
func (s Schedule) dueBefore(at time.Duration) int64 {
	return int64(sort.Search(len(s.recorded), func(i int) bool { return s.recorded[i] >= at }))
}

// String says what a recording is, for reports.
func (r *Recording) String() string {
	return fmt.Sprintf("%s, %x", text.Plural(int64(len(r.reactions)), "reaction"), r.sum)
}
