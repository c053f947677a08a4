package main

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

	"github.com/emostream/emostream/internal/controls"
	"github.com/emostream/emostream/internal/text"
	"github.com/emostream/emostream/internal/wire"
)

// printChange prints what has changed for a name.
func printChange(io streams, kind controls.Kind, name string, c wire.ControlChange) error {
	line := fmt.Sprintf("nothing was set for %s %s", kind, shownName(name))
	switch {
	case c.Control != nil && c.Before != nil && c.Before.State != c.Control.State:
		line = describeControl(*c.Control) + " (it was " + c.Before.State + ")"
	case c.Control != nil:
		line = describeControl(*c.Control)
	case c.Before != nil:
		line = fmt.Sprintf("%s %s is no longer %s", c.Before.Kind, shownName(c.Before.Name), c.Before.State)
	}
	_, err := fmt.Fprintln(io.out, text.Clean(line))
	return err
}

// describeControl returns one line about a control.
func describeControl(c wire.Control) string {
	line := fmt.Sprintf("%s %s is %s", c.Kind, shownName(c.Name), c.State)
	if c.PerUser != "" {
		line += " to " + c.PerUser + " for each user"
	}
	if c.Until != "" {
		line += " until " + c.Until
	}
	if c.Reason != "" {
		line += ": " + c.Reason
	}
	return line
}

// shownName returns a name for people, in quotes if it has blanks at an end, which nobody
// would see.
func shownName(name string) string {
	if strings.TrimSpace(name) != name {
		return strconv.Quote(name)
	}
	return name
}

// printControls prints a table of what is in force.
func printControls(io streams, all []wire.Control) error {
	if len(all) == 0 {
		_, err := fmt.Fprintln(io.out, "nothing is set")
		return err
	}
	columns := []column{{title: "KIND"}, {title: "NAME"}, {title: "STATE"}, {title: "UNTIL"}, {title: "SET BY"}, {title: "REASON"}}
	var rows [][]string
	for _, c := range all {
		rows = append(rows, []string{c.Kind, shownName(c.Name), strings.TrimRight(c.State+" "+c.PerUser, " "), cmp.Or(c.Until, "-"), c.SetBy, c.Reason})
	}
	for _, line := range tableLines(columns, rows) {
		if _, err := fmt.Fprintln(io.out, strings.TrimRight(line, " ")); err != nil {
			return err
		}
	}
	return nil
}
