package contract

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Change is what a change of a document means for those who were written for it.
type Change int

// The changes, the greatest last.
const (
	Same  Change = iota // nothing, but for texts
	Minor               // something was added that they can ignore
	Major               // something that they rely on may be missing, or is another
)

// Difference is a change of a document, with one of the places that make it so.
type Difference struct {
	Change Change
	Place  string
}

// Compare returns how a document has changed, given as YAML.
func Compare(before, after []byte) (Difference, error) {
	old, err := parse(before)
	if err != nil {
		return Difference{}, err
	}
	now, err := parse(after)
	if err != nil {
		return Difference{}, err
	}
	var d Difference
	d.compare(old, now, nil)
	return d, nil
}

// add notes a change at a place, if none that is as great was noted before.
func (d *Difference) add(c Change, place []string, what string) {
	if c > d.Change {
		*d = Difference{c, strings.Join(place, "/") + " " + what}
	}
}

// isText says whether a key of an object, whose own key is parent, has a text for people, or
// an example.
func isText(parent, key string) bool {
	switch key {
	case "description", "summary", "title", "examples", "tags", "info":
		return parent != "properties"
	}
	return false
}

// mayGrow says whether whoever does not know a new key of the object at a place can ignore
// it: one more path, method, status, header, schema, field.
func mayGrow(place []string) bool {
	if len(place) == 0 {
		return false
	}
	above := ""
	if len(place) > 1 {
		above = place[len(place)-2]
	}
	switch place[len(place)-1] {
	case "properties":
		return true
	case "paths", "responses", "headers", "schemas", "messages", "channels", "operations", "content", "parameters", "requestBodies", "components":
		return above != "properties"
	}
	return above == "paths" || above == "responses"
}

// isSent says whether what is at a place is sent by clients.
func isSent(place []string) bool {
	for i, name := range place {
		switch name {
		case "requestBody", "requestBodies", "parameters":
			return true
		case "Registration", "ReactionToSend", "ControlToSet":
			return i > 0 && place[i-1] == "schemas"
		}
	}
	return false
}

func (d *Difference) compare(before, after any, place []string) {
	switch old := before.(type) {
	case object:
		now, ok := after.(object)
		if !ok {
			d.add(Major, place, "is another kind of thing")
			return
		}
		d.compareObjects(old, now, place)
	case []any:
		now, ok := after.([]any)
		if !ok {
			d.add(Major, place, "is another kind of thing")
			return
		}
		d.compareLists(old, now, place)
	default:
		if fmt.Sprint(before) != fmt.Sprint(after) {
			d.add(Major, place, fmt.Sprintf("was %v and is %v", before, after))
		}
	}
}

func (d *Difference) compareObjects(old, now object, place []string) {
	parent := ""
	if len(place) > 0 {
		parent = place[len(place)-1]
	}
	for _, key := range slices.Sorted(maps.Keys(old)) {
		at := append(slices.Clip(place), key)
		switch v, has := now[key]; {
		case isText(parent, key):
		case !has:
			d.add(Major, at, "is gone")
		default:
			d.compare(old[key], v, at)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(now)) {
		_, had := old[key]
		switch at := append(slices.Clip(place), key); {
		case had, isText(parent, key):
		case mayGrow(place):
			d.add(Minor, at, "is new")
		default:
			d.add(Major, at, "is new")
		}
	}
}

// compareLists compares lists whose order means nothing: of values, of fields that must be
// there, of parameters. Any other list must stay as it is.
func (d *Difference) compareLists(old, now []any, place []string) {
	more, fewer := Major, Major
	switch place[len(place)-1] {
	case "enum":
		more = Minor
	case "required": // whoever answers may promise more; whoever asks may be asked for less
		if more, fewer = Minor, Major; isSent(place) {
			more, fewer = Major, Minor
		}
	case "parameters":
		more = Minor
	}
	text := func(list []any) map[string]any {
		out := map[string]any{}
		for _, v := range list {
			out[fmt.Sprint(v)] = v
		}
		return out
	}
	was, is := text(old), text(now)
	for _, key := range slices.Sorted(maps.Keys(was)) {
		if _, has := is[key]; !has {
			d.add(fewer, place, key+" is gone")
		}
	}
	for _, key := range slices.Sorted(maps.Keys(is)) {
		if _, had := was[key]; had {
			continue
		}
		if p, ok := is[key].(object); ok && p["required"] == true {
			d.add(Major, place, key+" is new")
			continue
		}
		d.add(more, place, key+" is new")
	}
}
