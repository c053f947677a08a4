package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/emostream/emostream/internal/suggest"
)

// choice is a flag that takes one of a few words.
type enumFlag struct {
	value   *string
	initial string // allowed, too, and not always one of the words
	allowed []string
}

// newChoice is a flag that keeps in p which of the allowed words it is.
func newEnumFlag(p *string, value string, allowed ...string) *enumFlag {
	*p = value
	return &enumFlag{p, value, allowed}
}

func (c *enumFlag) String() string { return *c.value }
func (c *enumFlag) Type() string   { return "string" }

func (c *enumFlag) Set(word string) error {
	if word != c.initial && !slices.Contains(c.allowed, word) {
		return c.refuse(word)
	}
	*c.value = word
	return nil
}

func (c *enumFlag) refuse(word string) error {
	last := len(c.allowed) - 1
	use := strings.Join(c.allowed[:last], ", ") + " or " + c.allowed[last]
	if near := suggest.Nearest(word, slices.Values(c.allowed)); near != "" {
		return fmt.Errorf("use %s (did you mean %s?)", use, near)
	}
	return fmt.Errorf("use %s", use)
}
