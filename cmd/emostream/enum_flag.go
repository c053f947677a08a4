package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/emostream/emostream/internal/suggest"
)

// enumFlag is the value of a flag that takes one of a few words.
type enumFlag struct {
	value   *string
	initial string // the default, allowed even if it is not among the words
	allowed []string
}

// newEnumFlag returns a flag that keeps its word in p, which begins with value.
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

// refuse names the allowed words, and the one that was probably meant.
func (c *enumFlag) refuse(word string) error {
	last := len(c.allowed) - 1
	use := strings.Join(c.allowed[:last], ", ") + " or " + c.allowed[last]
	if near := suggest.Nearest(word, slices.Values(c.allowed)); near != "" {
		return fmt.Errorf("use %s (did you mean %s?)", use, near)
	}
	return fmt.Errorf("use %s", use)
}
