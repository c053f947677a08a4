// Package contract holds what the servers answer, what their event streams carry and what
// the stages write into topics against openapi.yaml and asyncapi.yaml, which others build
// on. A call, a status, a header, a code, an event or a field that these documents lack is a
// fault, though clients must ignore what they do not know: so whoever adds something adds it
// to the document, too.
//
// It stands on the JSON Schema library that the module uses anyway. Schemas of OpenAPI 3.1
// and AsyncAPI 3.0 are JSON Schema, which finds its references in the whole document, and
// what is left of OpenAPI is some lines. The libraries for OpenAPI know no event streams and
// no topics, take an unknown field for right, and bring dependencies of their own.
package contract

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/emostream/emostream/server/web"
)

// object is an object of a document.
type object = map[string]any

// document is one of the two documents.
type document struct {
	name string
	root object

	mu       sync.Mutex
	compiler *jsonschema.Compiler
	schemas  map[string]*jsonschema.Schema // by their pointers
}

// load loads a document, as browsers get it. In a strict one objects may have no fields that
// their schemas do not name.
func load(name string, strict bool) (*document, error) {
	w := httptest.NewRecorder()
	mux := http.NewServeMux()
	(&web.Handler{}).Routes(mux)
	mux.ServeHTTP(w, httptest.NewRequestWithContext(context.Background(), http.MethodGet, "/"+name, nil))
	if w.Code != http.StatusOK {
		return nil, fmt.Errorf("%s is not served: %d", name, w.Code)
	}
	root, err := parse(w.Body.Bytes())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if strict {
		closeObjects(root)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource(urlOf(name), root); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return &document{name: name, root: root, compiler: c, schemas: map[string]*jsonschema.Schema{}}, nil
}

func urlOf(name string) string { return "mem:///" + name }

// parse reads YAML as the values that JSON has.
func parse(text []byte) (object, error) {
	var v any
	if err := yaml.Unmarshal(text, &v); err != nil {
		return nil, err
	}
	b, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	read, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	root, ok := read.(object)
	if !ok {
		return nil, fmt.Errorf("it is no object")
	}
	return root, nil
}

// closeObjects forbids unknown fields in every schema below v that names some. One that
// stands beside a reference narrows what that has, and forbids nothing.
func closeObjects(v any) {
	switch v := v.(type) {
	case object:
		for _, below := range v {
			closeObjects(below)
		}
		if _, names := v["properties"].(object); !names {
			return
		}
		for _, other := range []string{"$ref", "allOf", "additionalProperties"} {
			if _, has := v[other]; has {
				return
			}
		}
		v["additionalProperties"] = false
	case []any:
		for _, below := range v {
			closeObjects(below)
		}
	}
}

// at returns the object under a path of names, and where it is. References on the way are
// followed.
func (d *document) at(path ...string) (found object, where []string, ok bool) {
	found, ok = d.root, true
	for _, name := range path {
		if found, ok = found[name].(object); !ok {
			return nil, nil, false
		}
		where = append(where, name)
		for {
			ref, is := found["$ref"].(string)
			if !is || len(found) > 1 {
				break
			}
			where = nil
			for part := range strings.SplitSeq(strings.TrimPrefix(ref, "#/"), "/") {
				where = append(where, unescaped(part))
			}
			if found, where, ok = d.at(where...); !ok {
				return nil, nil, false
			}
		}
	}
	return found, where, ok
}

// escaped returns a name as it stands in a JSON pointer.
func escaped(name string) string { return strings.NewReplacer("~", "~0", "/", "~1").Replace(name) }

func unescaped(name string) string {
	return strings.NewReplacer("~1", "/", "~0", "~").Replace(name)
}

// schema returns the schema at a place.
func (d *document) schema(where []string) (*jsonschema.Schema, error) {
	steps := []string{urlOf(d.name) + "#"}
	for _, name := range where {
		steps = append(steps, escaped(name))
	}
	pointer := strings.Join(steps, "/")
	d.mu.Lock()
	defer d.mu.Unlock()
	if s := d.schemas[pointer]; s != nil {
		return s, nil
	}
	s, err := d.compiler.Compile(pointer)
	if err == nil {
		d.schemas[pointer] = s
	}
	return s, err
}

// check returns how a JSON text goes against the schema at a place.
func (d *document) check(text []byte, where ...string) error {
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return fmt.Errorf("it is not JSON: %w", err)
	}
	return d.checkValue(v, where...)
}

func (d *document) checkValue(v any, where ...string) error {
	s, err := d.schema(where)
	if err != nil {
		return err
	}
	return s.Validate(v)
}

// names returns the keys of an object that is at a place.
func (d *document) names(path ...string) map[string]bool {
	found, _, _ := d.at(path...)
	out := map[string]bool{}
	for name := range maps.Keys(found) {
		out[name] = true
	}
	return out
}
