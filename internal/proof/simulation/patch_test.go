package simulation_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/build"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// patch is a change of one place in one function of the production code.
//
// The place is found in the syntax tree, so it does not matter what the file is called,
// how lines are broken, and what else the function holds. The old code is an
// expression, one or more statements in a row, or a case with its statements. A name
// that begins with a dollar stands for any expression or statement. Where it stands
// twice, both must be the same. In the new code it is replaced by what it stood for.
type patch struct {
	in       string // the function, as folder.Function or folder.Type.Method
	old, new string // code that stands there once, and the code that replaces it
}

// source reads and checks the production code that patches change.
type source struct {
	root    string // folder of the module
	fset    *token.FileSet
	imports types.Importer
}

// newSource prepares for patches of the packages in folders: it finds the compiled
// packages that they import.
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
	exported := map[string]string{} // files with what compiled packages export, by import path
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

// place splits in into the folder and the Function or Type.Method.
func (p patch) place() (folder, function string) {
	slash := strings.LastIndex(p.in, "/") + 1
	base, function, _ := strings.Cut(p.in[slash:], ".")
	return p.in[:slash] + base, function
}

// apply changes the function. It returns the path of its file and the file's new text.
// It fails if the old code does not stand there exactly once, or if the result does not
// compile.
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

// compile returns an error if files are not a package that compiles.
func (s *source) compile(files map[string]*ast.File) error {
	cfg := types.Config{Importer: s.imports}
	_, err := cfg.Check("broken", s.fset, slices.Collect(maps.Values(files)), nil)
	return err
}

// parseFolder parses the Go files of a folder that are built on this system, without
// its tests, and returns them by path.
func parseFolder(fset *token.FileSet, folder string) (map[string]*ast.File, error) {
	paths, err := filepath.Glob(filepath.Join(folder, "*.go"))
	files := map[string]*ast.File{}
	for _, path := range paths {
		if built, err := build.Default.MatchFile(filepath.Split(path)); err != nil || !built || strings.HasSuffix(path, "_test.go") {
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

// findFunction finds a Function or Type.Method, and returns it with its file's path. f
// is nil if there is none.
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
