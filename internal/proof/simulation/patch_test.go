package simulation_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
)

// patch is a change of one place in one function of the production code.
//
// It is found in the syntax tree, so that it holds whatever the file is called,
// how its lines are broken, and whatever else stands there. The old code is an
// expression, one or more statements in a row, or a case with its statements.
// A name with a dollar in it stands for any expression or statement, for the same
// one wherever it stands twice; in the new code it is what it stood for.
type patch struct {
	in       string // the function: folder.Function or folder.Type.Method
	old, new string // what stands there once, and what replaces it
}

// source is the production code that patches change.
type source struct {
	root    string // of the module
	fset    *token.FileSet
	imports types.Importer
}

// newSource reads what the packages in folders import.
func newSource(root string, folders []string) (*source, error) {
	args := []string{"list", "-export", "-deps", "-json=ImportPath,Export"}
	for _, f := range folders {
		args = append(args, "./"+f)
	}
	cmd := exec.Command("go", args...)
	cmd.Dir = root
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w", err)
	}
	exported := map[string]string{} // files of what packages export, by import path
	for dec := json.NewDecoder(bytes.NewReader(out)); dec.More(); {
		var p struct{ ImportPath, Export string }
		if err := dec.Decode(&p); err != nil {
			return nil, err
		}
		exported[p.ImportPath] = p.Export
	}
	fset := token.NewFileSet()
	open := func(path string) (io.ReadCloser, error) { return os.Open(exported[path]) }
	return &source{root, fset, importer.ForCompiler(fset, "gc", open)}, nil
}

// place returns the folder that the function is in, and its name there.
func (p patch) place() (folder, function string) {
	slash := strings.LastIndex(p.in, "/") + 1
	base, function, _ := strings.Cut(p.in[slash:], ".")
	return p.in[:slash] + base, function
}

// apply returns the file that holds the patched function and its text with the
// change made. It fails when the old code does not stand there once, and when
// what comes out does not compile.
func (s *source) apply(p patch) (path, text string, err error) {
	folder, function := p.place()
	files, err := parseFolder(s.fset, filepath.Join(s.root, filepath.FromSlash(folder)))
	if err != nil {
		return "", "", err
	}
	path, f := findFunction(files, function)
	if f == nil {
		return "", "", fmt.Errorf("%s has no function %s", folder, function)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return "", "", err
	}
	m := &matcher{text: func(from, to token.Pos) string {
		return string(content[s.fset.Position(from).Offset:s.fset.Position(to).Offset])
	}}
	pattern, err := parsePattern(p.old)
	if err != nil {
		return "", "", fmt.Errorf("%s: %w", p.old, err)
	}
	found := m.find(f.Body, pattern)
	if len(found) != 1 {
		return "", "", fmt.Errorf("what it replaces stands %d times in %s, want once: %s", len(found), p.in, p.old)
	}
	at := found[0]
	text = m.text(files[path].FileStart, at.from) + at.fill(p.new) + m.text(at.to, files[path].FileEnd)
	broken, err := parser.ParseFile(s.fset, path, text, parser.SkipObjectResolution)
	if err != nil {
		return "", "", err
	}
	files[path] = broken
	return path, text, s.compile(files)
}

// compile says whether files are a package that compiles.
func (s *source) compile(files map[string]*ast.File) error {
	cfg := types.Config{Importer: s.imports}
	_, err := cfg.Check("broken", s.fset, slices.Collect(maps.Values(files)), nil)
	return err
}

// parseFolder parses the Go files of a folder that are no tests, by their paths.
func parseFolder(fset *token.FileSet, folder string) (map[string]*ast.File, error) {
	paths, err := filepath.Glob(filepath.Join(folder, "*.go"))
	files := map[string]*ast.File{}
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(fset, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		files[path] = f
	}
	return files, err
}

// findFunction returns the function or the Type.Method of a name, and its file.
func findFunction(files map[string]*ast.File, name string) (path string, f *ast.FuncDecl) {
	for path, file := range files {
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && functionName(f) == name {
				return path, f
			}
		}
	}
	return "", nil
}

func functionName(f *ast.FuncDecl) string {
	if f.Recv == nil {
		return f.Name.Name
	}
	t := f.Recv.List[0].Type
	if star, ok := t.(*ast.StarExpr); ok {
		t = star.X
	}
	if generic, ok := t.(*ast.IndexExpr); ok {
		t = generic.X
	}
	return t.(*ast.Ident).Name + "." + f.Name.Name
}

// wild begins the names in a pattern that stand for anything.
const wild = "wild_"

var dollar = regexp.MustCompile(`\$\w+`)

// parsePattern returns the nodes that stand in a row in what is searched for.
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

// match is where a pattern was found, and what its names stand for there.
type match struct {
	from, to token.Pos
	names    map[string]string
}

// fill returns the code with what the names stand for.
func (m match) fill(code string) string {
	return dollar.ReplaceAllStringFunc(code, func(name string) string { return m.names[name[1:]] })
}

type matcher struct {
	text  func(from, to token.Pos) string
	names map[string]string // of the match that is tried
}

// find returns all places below root where the nodes of a pattern stand in a row.
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

// rows are all runs of n statements that follow each other in a list.
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

// equal says whether two parts of syntax trees are the same but for where they
// stand, with what the pattern's names may stand for.
func (m *matcher) equal(pattern, code reflect.Value) bool {
	if pattern.Kind() == reflect.Interface {
		if pattern.IsNil() || code.IsNil() {
			return pattern.IsNil() && code.IsNil()
		}
		pattern, code = pattern.Elem(), code.Elem()
	}
	if name, ok := wildName(pattern); ok {
		n, ok := code.Interface().(ast.Node)
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
		_, isPos := pattern.Interface().(token.Pos)
		return isPos || pattern.Equal(code)
	}
}

// wildName returns the name of a node that stands for anything.
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

// stands says whether a name can stand for a node: not if it stands for another
// one already.
func (m *matcher) stands(name string, n ast.Node) bool {
	text := m.text(n.Pos(), n.End())
	if _, ok := n.(*ast.BinaryExpr); ok {
		text = "(" + text + ")"
	}
	known, ok := m.names[name]
	m.names[name] = text
	return !ok || known == text
}
