package simulation_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"reflect"
	"regexp"
	"slices"
	"strings"
)

// wild begins the names in a parsed pattern that stand for anything. In its text they
// begin with a dollar.
const wild = "wild_"

var dollar = regexp.MustCompile(`\$\w+`)

// parsePattern parses the code of a pattern: into one expression, or into the statements
// or cases that must follow each other directly where the pattern matches.
func parsePattern(code string) ([]ast.Node, error) {
	code = dollar.ReplaceAllStringFunc(code, func(name string) string { return wild + name[1:] })
	if e, err := parser.ParseExpr(code); err == nil {
		return []ast.Node{e}, nil
	}
	isCase := strings.HasPrefix(code, "case ") || strings.HasPrefix(code, "default:")
	if isCase {
		code = "switch {\n" + code + "\n}"
	}
	f, err := parser.ParseFile(token.NewFileSet(), "", "package p\nfunc _() {\n"+code+"\n}", parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	list := f.Decls[0].(*ast.FuncDecl).Body.List
	if isCase {
		list = list[0].(*ast.SwitchStmt).Body.List
	}
	nodes := make([]ast.Node, len(list))
	for i, s := range list {
		nodes[i] = s
	}
	return nodes, nil
}

// match is a place where a pattern was found, with the code that its names stand for.
type match struct {
	from, to token.Pos
	names    map[string]string
}

// fill replaces the names with a dollar in code by what they stand for.
func (m match) fill(code string) string {
	return dollar.ReplaceAllStringFunc(code, func(name string) string { return m.names[name[1:]] })
}

type matcher struct {
	text  func(from, to token.Pos) string
	names map[string]string // what names stand for in the match that is being tried
}

// find returns all places below root where the pattern matches.
func (m *matcher) find(root ast.Node, pattern []ast.Node) (found []match) {
	try := func(nodes []ast.Node) {
		m.names = map[string]string{}
		for i, n := range nodes {
			if !m.equal(reflect.ValueOf(pattern[i]), reflect.ValueOf(n)) {
				return
			}
		}
		found = append(found, match{nodes[0].Pos(), nodes[len(nodes)-1].End(), m.names})
	}
	ast.Inspect(root, func(n ast.Node) bool {
		if e, ok := n.(ast.Expr); ok {
			if _, ok := pattern[0].(ast.Expr); ok {
				try([]ast.Node{e})
			}
			return true
		}
		var list []ast.Stmt
		switch n := n.(type) {
		case *ast.BlockStmt:
			list = n.List
		case *ast.CaseClause:
			list = n.Body
		case *ast.CommClause:
			list = n.Body
		}
		for row := range slices.Values(rows(list, len(pattern))) {
			try(row)
		}
		return true
	})
	return found
}

// rows returns all sequences of n statements that follow each other in list.
func rows(list []ast.Stmt, n int) (out [][]ast.Node) {
	for i := range len(list) - n + 1 {
		var row []ast.Node
		for _, s := range list[i : i+n] {
			row = append(row, s)
		}
		out = append(out, row)
	}
	return out
}

// equal says whether code matches pattern: both are the same apart from their positions
// and from names in the pattern that stand for anything.
func (m *matcher) equal(pattern, code reflect.Value) bool {
	if pattern.Kind() == reflect.Interface {
		if pattern.IsNil() || code.IsNil() {
			return pattern.IsNil() && code.IsNil()
		}
		pattern, code = pattern.Elem(), code.Elem()
	}
	if name, ok := wildName(pattern); ok {
		n, ok := reflect.TypeAssert[ast.Node](code)
		return ok && m.stands(name, n)
	}
	if pattern.Type() != code.Type() {
		return false
	}
	switch pattern.Kind() {
	case reflect.Pointer:
		if pattern.IsNil() || code.IsNil() {
			return pattern.IsNil() && code.IsNil()
		}
		return m.equal(pattern.Elem(), code.Elem())
	case reflect.Struct:
		for i := range pattern.NumField() {
			if !m.equal(pattern.Field(i), code.Field(i)) {
				return false
			}
		}
		return true
	case reflect.Slice:
		if pattern.Len() != code.Len() {
			return false
		}
		for i := range pattern.Len() {
			if !m.equal(pattern.Index(i), code.Index(i)) {
				return false
			}
		}
		return true
	default:
		_, isPos := reflect.TypeAssert[token.Pos](pattern)
		return isPos || pattern.Equal(code)
	}
}

// wildName returns the name of a node in a pattern, without its prefix, if the name
// stands for anything.
func wildName(pattern reflect.Value) (string, bool) {
	n := pattern.Interface()
	if s, ok := n.(*ast.ExprStmt); ok && s != nil {
		n = s.X
	}
	if id, ok := n.(*ast.Ident); ok && id != nil {
		return strings.CutPrefix(id.Name, wild)
	}
	return "", false
}

// stands lets a name stand for node n. It returns false if the name stands for another
// piece of code already.
func (m *matcher) stands(name string, n ast.Node) bool {
	text := m.text(n.Pos(), n.End())
	if _, ok := n.(*ast.BinaryExpr); ok {
		text = "(" + text + ")"
	}
	known, ok := m.names[name]
	m.names[name] = text
	return !ok || known == text
}
