package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/emostream/emostream/internal/wire"
)

// recordFields are the fields of a record that filters compare.
type recordFields struct {
	user    string
	channel string
	emojis  []string
}

// recordKind says which of these fields the records of a topic have, and how to read
// them.
type recordKind struct {
	hasUser, hasChannel bool // hasChannel: a channel and emojis
	decode              func(value []byte) (recordFields, error)
}

// recordKindOf returns the kind of a topic's records, by the topic's name without the
// prefix. Records of a topic that is not one of Emostream's are read as reactions.
func recordKindOf(topic string) recordKind {
	names := wire.Topics{}
	switch {
	case topic == names.Counts():
		return recordKind{hasChannel: true, decode: fieldsOfCount}
	case topic == names.Partials():
		return recordKind{hasChannel: true, decode: fieldsOfPartial}
	case topic == names.Servers(), topic == names.Clock():
		return recordKind{}
	case strings.HasPrefix(topic, "cluster_"), strings.HasPrefix(topic, names.Server("sub")):
		return recordKind{hasChannel: true, decode: fieldsOfSwarm}
	}
	return recordKind{hasUser: true, hasChannel: true, decode: fieldsOfReaction}
}

func fieldsOfReaction(value []byte) (recordFields, error) {
	t, err := wire.DecodeReactionFields(value)
	return recordFields{string(t.UserID), string(t.Channel), []string{string(t.Emoji)}}, err
}

func fieldsOfCount(value []byte) (recordFields, error) {
	c, err := wire.DecodeCount(value)
	return recordFields{channel: c.Channel, emojis: []string{c.Emoji}}, err
}

func fieldsOfSwarm(value []byte) (recordFields, error) {
	s, err := wire.DecodeSwarm(value)
	t := recordFields{channel: s.Channel}
	if len(s.Emojis) == 0 {
		t.emojis = []string{""} // a window without reactions has a channel and no emoji
	}
	for _, e := range s.Emojis {
		t.emojis = append(t.emojis, e.Emoji)
	}
	return t, err
}

func fieldsOfPartial(value []byte) (recordFields, error) {
	p, err := wire.DecodeProgress(value)
	if err == nil && p.Partial == nil {
		err = fmt.Errorf("a mark is of no channel")
	}
	if err != nil {
		return recordFields{}, err
	}
	return recordFields{channel: p.Partial.Channel, emojis: slices.Sorted(maps.Keys(p.Partial.Counts))}, nil
}

// wanted returns the filter of records. With a filter, records that cannot be read are
// left out.
func (f *consumeFlags) wanted() (func(value []byte) bool, error) {
	filter, err := f.filter()
	if err != nil {
		return nil, err
	}
	of := recordKindOf(f.topic)
	switch {
	case len(f.users) > 0 && !of.hasUser:
		return nil, usagef("--user: the records of %s name no users; emoji-topic's do", f.topic)
	case !filter.WantsAll() && !of.hasChannel:
		return nil, usagef("--channel and --emoji: the records of %s have neither; those of emoji-topic, emoji-aggregated, cluster_N and sub_N do", f.topic)
	case filter.WantsAll() && len(f.users) == 0:
		return func([]byte) bool { return true }, nil
	}
	return func(value []byte) bool {
		t, err := of.decode(value)
		return err == nil && f.wantsUser(t.user) && slices.ContainsFunc(t.emojis, func(e string) bool { return filter.Wants(t.channel, e) })
	}, nil
}

func (f *consumeFlags) wantsUser(id string) bool {
	return len(f.users) == 0 || slices.Contains(f.users, id)
}
