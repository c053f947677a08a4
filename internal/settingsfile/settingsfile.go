// Package settingsfile reads a file of settings, with the line and column of each.
//
// The file is YAML: sections, which hold settings and further sections. This package
// does not know which sections and settings exist. Its caller knows, and can report the
// place of everything that is wrong. So the file needs no schema.
package settingsfile

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"github.com/emostream/emostream/internal/text"
)

// MaxSize is the greatest size of a file in bytes. It bounds the work of parsing, which
// grows faster than the depth of nesting.
const MaxSize = 64 << 10

// Position is a place in a file. Lines and columns are counted from 1.
type Position struct {
	File         string
	Line, Column int
}

func (p Position) String() string { return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column) }

// Errorf returns an *Error at the position.
func (p Position) Errorf(format string, args ...any) error {
	return &Error{p, fmt.Errorf(format, args...)}
}

// Error is an error at a place in a file.
type Error struct {
	At  Position
	Err error
}

func (e *Error) Error() string { return fmt.Sprintf("%v: %v", e.At, e.Err) }
func (e *Error) Unwrap() error { return e.Err }

// Section is a named part of a file.
type Section struct {
	Name     string // "" for the whole file
	At       Position
	Settings []Setting
	Sections []Section
}

// Setting is a name with a value or a list of values.
type Setting struct {
	Name    string
	At      Position // of the name
	ValueAt Position
	Values  []string // as written, without quotes; exactly one if List is false
	List    bool
	// Empty says that nothing follows the name: it is a section without settings, or a
	// setting without a value.
	Empty bool
}

// Read reads a file. If it does not exist, the error is fs.ErrNotExist.
func Read(path string) (Section, error) {
	f, err := os.Open(path)
	if err != nil {
		return Section{}, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, MaxSize+1))
	if err != nil {
		return Section{}, err
	}
	return Parse(path, b)
}

// ErrNoSections says that a file is a list or a text, and holds no settings.
var ErrNoSections = errors.New("want sections of settings, like \"serve:\" and indented below it \"linger: 2ms\"")

// Parse parses the text of a file. name is the file's name in errors.
func Parse(name string, b []byte) (Section, error) {
	top := Section{At: Position{name, 1, 1}}
	b, err := text.TrimMark(b)
	switch {
	case err != nil:
		return top, fmt.Errorf("%s: %w", name, err)
	case len(b) > MaxSize:
		return top, fmt.Errorf("%s is larger than %d bytes", name, MaxSize)
	case !utf8.Valid(b):
		return top, fmt.Errorf("%s is not UTF-8", name)
	}
	file, err := parser.ParseBytes(b, 0)
	if wrong, ok := errors.AsType[yaml.Error](err); ok {
		return top, reader(name).at(wrong.GetToken()).Errorf("%s", inWords(wrong.GetMessage()))
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
			return top, reader(name).at(body.GetToken()).Errorf("%w", ErrNoSections)
		}
	}
	return top, nil
}

// inWords returns the message of the parser, or a plainer one.
func inWords(message string) string {
	if strings.Contains(message, "'\t' that cannot start any token") {
		return "a tab: YAML indents with spaces"
	}
	return message
}

// reader turns the nodes of a parsed file into sections. Its value is the file's name.
type reader string

// at returns the position of a token.
func (r reader) at(t *token.Token) Position {
	if t == nil || t.Position == nil {
		return Position{string(r), 1, 1}
	}
	return Position{string(r), t.Position.Line, t.Position.Column}
}

// section adds the entries of a mapping to s.
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

// setting returns the setting of an entry that is not a section.
func (r reader) setting(key *token.Token, value ast.Node) (Setting, error) {
	s := Setting{Name: key.Value, At: r.at(key), ValueAt: r.at(value.GetToken())}
	switch v := value.(type) {
	case *ast.NullNode:
		s.Empty = true
		return s, nil
	case *ast.SequenceNode:
		s.List = true
		for _, item := range v.Values {
			value, err := r.scalar(item)
			if err != nil {
				return s, err
			}
			s.Values = append(s.Values, value)
		}
		return s, nil
	}
	written, err := r.scalar(value)
	s.Values = []string{written}
	return s, err
}

// scalar returns a value as it is written. The caller decides on its type.
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
