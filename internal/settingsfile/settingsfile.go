// Package settingsfile reads a file of settings and tells where each of them stands.
//
// The file is YAML: sections, which hold settings and further sections. What
// sections and settings there are is not known here; who does know it can name the
// line and the column of everything that is wrong. So the file has no schema of its
// own that somebody would have to keep in step.
package settingsfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// MaxSize is the most bytes that a file may have. It bounds the work, which grows
// faster than what is nested in each other.
const MaxSize = 64 << 10

// Position is a place in a file; lines and columns begin with 1.
type Position struct {
	File         string
	Line, Column int
}

func (p Position) String() string { return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column) }

// Errorf is an error at the position, an *Error.
func (p Position) Errorf(format string, args ...any) error {
	return &Error{p, fmt.Errorf(format, args...)}
}

// Error is what is wrong at a place in a file.
type Error struct {
	At  Position
	Err error
}

func (e *Error) Error() string { return fmt.Sprintf("%v: %v", e.At, e.Err) }
func (e *Error) Unwrap() error { return e.Err }

// Section is a part of a file.
type Section struct {
	Name     string // "" for the whole file
	At       Position
	Settings []Setting
	Sections []Section
}

// Setting is one value, or a list of them, under a name.
type Setting struct {
	Name    string
	At      Position // of the name
	ValueAt Position
	Values  []string // as they are written, without quotes; one unless List
	List    bool
	// Empty says that nothing follows the name: a section without settings, or a
	// setting without a value.
	Empty bool
}

// Read reads a file. The error is fs.ErrNotExist where there is none.
func Read(path string) (Section, error) {
	f, err := os.Open(path)
	if err != nil {
		return Section{}, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, MaxSize+1))
	if err != nil {
		return Section{}, err
	}
	return Parse(path, text)
}

// Parse reads the text of a file, which errors call name.
func Parse(name string, text []byte) (Section, error) {
	top := Section{At: Position{name, 1, 1}}
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	switch {
	case len(text) > MaxSize:
		return top, fmt.Errorf("%s is larger than %d bytes", name, MaxSize)
	case !utf8.Valid(text):
		return top, fmt.Errorf("%s is not UTF-8", name)
	}
	file, err := parser.ParseBytes(text, 0)
	if wrong, ok := errors.AsType[yaml.Error](err); ok {
		return top, reader(name).at(wrong.GetToken()).Errorf("%s", wrong.GetMessage())
	}
	if err != nil {
		return top, fmt.Errorf("%s: %w", name, err)
	}
	for _, doc := range file.Docs {
		switch body := doc.Body.(type) {
		case nil, *ast.NullNode:
		case *ast.MappingNode:
			if len(top.Settings)+len(top.Sections) > 0 {
				return top, reader(name).at(body.GetToken()).Errorf("a second document: put all settings into one")
			}
			if err := reader(name).section(&top, body); err != nil {
				return top, err
			}
		default:
			return top, reader(name).at(body.GetToken()).Errorf("want sections of settings, like \"serve:\" and indented below it \"linger: 2ms\"")
		}
	}
	return top, nil
}

// reader turns the nodes of a file, which it is the name of, into sections.
type reader string

func (r reader) at(t *token.Token) Position {
	if t == nil || t.Position == nil {
		return Position{string(r), 1, 1}
	}
	return Position{string(r), t.Position.Line, t.Position.Column}
}

// section adds what a mapping holds.
func (r reader) section(s *Section, m *ast.MappingNode) error {
	for _, entry := range m.Values {
		key := entry.Key.GetToken()
		if _, plain := entry.Key.(*ast.MergeKeyNode); plain {
			return r.at(key).Errorf("<<: merging is not supported: write the settings out")
		}
		if inner, ok := entry.Value.(*ast.MappingNode); ok {
			sub := Section{Name: key.Value, At: r.at(key)}
			if err := r.section(&sub, inner); err != nil {
				return err
			}
			s.Sections = append(s.Sections, sub)
			continue
		}
		setting, err := r.setting(key, entry.Value)
		if err != nil {
			return err
		}
		s.Settings = append(s.Settings, setting)
	}
	return nil
}

func (r reader) setting(key *token.Token, value ast.Node) (Setting, error) {
	s := Setting{Name: key.Value, At: r.at(key), ValueAt: r.at(value.GetToken())}
	switch v := value.(type) {
	case *ast.NullNode:
		s.Empty = true
		return s, nil
	case *ast.SequenceNode:
		s.List = true
		for _, item := range v.Values {
			text, err := r.scalar(item)
			if err != nil {
				return s, err
			}
			s.Values = append(s.Values, text)
		}
		return s, nil
	}
	text, err := r.scalar(value)
	s.Values = []string{text}
	return s, err
}

// scalar is a value as it is written: who knows the setting says what it means.
func (r reader) scalar(n ast.Node) (string, error) {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value, nil
	case *ast.LiteralNode:
		return n.Value.Value, nil
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return n.GetToken().Value, nil
	case *ast.AnchorNode, *ast.AliasNode, *ast.TagNode:
		return "", r.at(n.GetToken()).Errorf("anchors, aliases and tags are not supported: write the value out, in quotes if it begins with & * or !")
	}
	return "", r.at(n.GetToken()).Errorf("want one value here, or a list of them like [a, b]; what has a colon in it may need quotes")
}
