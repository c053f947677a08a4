package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/emostream/emostream/internal/suggest"
)

// choice is a flag that takes one of a few words.
type choice struct {
	value   *string
	initial string // allowed, too, and not always one of the words
	allowed []string
}

// newChoice is a flag that keeps in p which of the allowed words it is.
func newChoice(p *string, value string, allowed ...string) *choice {
	*p = value
	return &choice{p, value, allowed}
}

func (c *choice) String() string { return *c.value }
func (c *choice) Type() string   { return "string" }

func (c *choice) Set(word string) error {
	if word != c.initial && !slices.Contains(c.allowed, word) {
		return c.refuse(word)
	}
	*c.value = word
	return nil
}

func (c *choice) refuse(word string) error {
	last := len(c.allowed) - 1
	use := strings.Join(c.allowed[:last], ", ") + " or " + c.allowed[last]
	if near := suggest.Nearest(word, slices.Values(c.allowed)); near != "" {
		return fmt.Errorf("use %s (did you mean %s?)", use, near)
	}
	return fmt.Errorf("use %s", use)
}
