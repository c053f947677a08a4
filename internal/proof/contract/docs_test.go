package contract_test

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/emostream/emostream/internal/proof/madepart"
)

// read returns a page of the documentation.
func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile("../../../" + path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// codes returns the codes of refusals that a part of openapi.yaml names.
func codes(v any) (all []string) {
	switch v := v.(type) {
	case []any:
		for _, below := range v {
			all = append(all, codes(below)...)
		}
	case map[string]any:
		for key, below := range v {
			if code, ok := below.(map[string]any); ok && (key == "code" || key == "ItemCode") {
				list, _ := code["enum"].([]any)
				if one, ok := code["const"]; ok {
					list = append(list, one)
				}
				for _, name := range list {
					all = append(all, fmt.Sprint(name))
				}
			}
			all = append(all, codes(below)...)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// docs/http.md tells of every call and every code of openapi.yaml, and its table of refusals
// of no other code.
func TestHTTPPage(t *testing.T) {
	var document map[string]any
	if err := yaml.Unmarshal([]byte(read(t, "server/web/static/openapi.yaml")), &document); err != nil {
		t.Fatal(err)
	}
	page := read(t, "docs/http.md")
	written := strings.NewReplacer("/sub{number}", "/sub1", "{kind}", "KIND", "{name}", "NAME", "/{file}", "/emostream.js").Replace
	for path, item := range document["paths"].(map[string]any) {
		for method := range item.(map[string]any) {
			name := strings.TrimSuffix(written(path), "/KIND") // of which the name is in the query
			if slices.Contains([]string{"get", "post", "put", "delete"}, method) && !regexp.MustCompile("`[^`]*"+regexp.QuoteMeta(name)+"[`?]").MatchString(page) && !strings.Contains(page, name+" ") {
				t.Errorf("docs/http.md does not tell of %s %s", strings.ToUpper(method), name)
			}
		}
	}
	known := codes(document)
	for _, code := range known {
		if !strings.Contains(page, "`"+code+"`") {
			t.Errorf("docs/http.md does not tell of the code %s", code)
		}
	}
	_, table, _ := strings.Cut(page, "\n## Refusals\n")
	table, _, _ = strings.Cut(table, "\n### ")
	for _, code := range regexp.MustCompile("`([a-z0-9]+(?:_[a-z0-9]+)+|paused|closed|banned|full)`").FindAllStringSubmatch(table, -1) {
		if !slices.Contains(known, code[1]) && code[1] != "user_id" {
			t.Errorf("docs/http.md has the code %s, and openapi.yaml does not", code[1])
		}
	}
}

// topicsTables returns the tables of docs/topics.md.
func topicsTables(t *testing.T) string {
	t.Helper()
	var document struct {
		Channels yaml.MapSlice
	}
	text := []byte(read(t, "server/web/static/asyncapi.yaml"))
	if err := yaml.UnmarshalWithOptions(text, &document, yaml.UseOrderedMap()); err != nil {
		t.Fatal(err)
	}
	var root yaml.MapSlice
	if err := yaml.UnmarshalWithOptions(text, &root, yaml.UseOrderedMap()); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, item := range document.Channels {
		channel := item.Value.(yaml.MapSlice)
		address := fmt.Sprint(get(channel, "address"))
		if strings.HasPrefix(address, "/") {
			continue // a stream
		}
		if _, written, found := strings.Cut(b.String(), "`"+address+"`"); found {
			t.Fatal(written)
		}
		fmt.Fprintf(&b, "\n## %s: `%s`\n\n%s\n", get(channel, "title"), strings.NewReplacer("{cluster}", "cluster_N", "{number}", "N").Replace(address), strings.TrimSpace(fmt.Sprint(get(channel, "description"))))
		for _, m := range get(channel, "messages").(yaml.MapSlice) {
			message := follow(root, m.Value)
			schema := follow(root, get(message, "payload"))
			if b.WriteString("\n**" + fmt.Sprint(get(message, "title")) + "**"); get(message, "summary") != nil {
				fmt.Fprintf(&b, ": %s", get(message, "summary"))
			}
			b.WriteString("\n\n| field | type | what |\n|---|---|---|\n")
			if key := path(message, "bindings", "kafka", "key"); key != nil {
				fmt.Fprintf(&b, "| the key | %s | %s |\n", typeOf(key), get(key, "description"))
			}
			if headers := get(message, "headers"); headers != nil {
				for _, h := range get(headers.(yaml.MapSlice), "properties").(yaml.MapSlice) {
					fmt.Fprintf(&b, "| header `%s` | text | %s |\n", h.Key, get(h.Value.(yaml.MapSlice), "description"))
				}
			}
			fields(&b, root, schema, "")
		}
	}
	return b.String() + "\n"
}

// fields writes a line for each field of a schema. Those of an object in it stand behind it.
func fields(b *strings.Builder, root, schema yaml.MapSlice, prefix string) {
	required := fmt.Sprint(get(schema, "required"))
	properties, _ := get(schema, "properties").(yaml.MapSlice)
	for _, p := range properties {
		own := p.Value.(yaml.MapSlice)
		of := follow(root, own)
		what := fmt.Sprint(orElse(get(own, "description"), get(of, "description"), ""))
		if !regexp.MustCompile(`[\[ ]` + p.Key.(string) + `[\] ]`).MatchString(required) {
			what = strings.TrimSpace("May be missing. " + what)
		}
		name := prefix + p.Key.(string)
		fmt.Fprintf(b, "| `%s` | %s | %s |\n", name, typeOf(of), what)
		if get(of, "properties") != nil {
			fields(b, root, of, name+".")
		}
		if items, ok := get(of, "items").(yaml.MapSlice); ok && get(items, "properties") != nil {
			fields(b, root, items, name+"[].")
		}
	}
}

// typeOf returns what values a schema has, for people.
func typeOf(schema yaml.MapSlice) string {
	if list, ok := get(schema, "enum").([]any); ok {
		var all []string
		for _, v := range list {
			all = append(all, fmt.Sprintf("`%v`", v))
		}
		return strings.Join(all, ", ")
	}
	if v := get(schema, "const"); v != nil {
		return fmt.Sprintf("`%v`", v)
	}
	kind := fmt.Sprint(orElse(get(schema, "type"), "any"))
	if pattern := get(schema, "pattern"); pattern != nil && strings.Contains(fmt.Sprint(pattern), `T\d\d`) {
		return "time"
	}
	return kind
}

func orElse(all ...any) any {
	for _, v := range all {
		if v != nil {
			return v
		}
	}
	return nil
}

func get(m yaml.MapSlice, key string) any {
	for _, item := range m {
		if item.Key == key {
			return item.Value
		}
	}
	return nil
}

func path(m yaml.MapSlice, keys ...string) yaml.MapSlice {
	for _, key := range keys {
		m, _ = get(m, key).(yaml.MapSlice)
	}
	return m
}

// follow returns what a value is, or refers to.
func follow(root yaml.MapSlice, v any) yaml.MapSlice {
	m, _ := v.(yaml.MapSlice)
	ref, ok := get(m, "$ref").(string)
	if !ok {
		return m
	}
	return follow(root, path(root, strings.Split(strings.TrimPrefix(ref, "#/"), "/")...))
}

// The tables of docs/topics.md are made from asyncapi.yaml.
func TestTopicsPage(t *testing.T) {
	const begins = "<!-- made by go test ./internal/proof/contract -update -->"
	page := read(t, "docs/topics.md")
	before, made, after, err := madepart.Cut(page, begins)
	if err != nil {
		t.Fatal(err)
	}
	want := topicsTables(t)
	switch {
	case made == want:
	case *update:
		if err := os.WriteFile("../../../docs/topics.md", []byte(before+want+after), 0o600); err != nil {
			t.Fatal(err)
		}
	default:
		t.Error("docs/topics.md does not have the tables of asyncapi.yaml: make them by go test ./internal/proof/contract -update")
	}
}
