package reference

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// A page is what is shown.
type page struct {
	Title, Version, About string
	Logins                []field
	Groups                []group
}

type group struct {
	Name, About string
	Routes      []route
}

type route struct {
	ID, Method, Path, Title, About string
	Auth                           string
	Params, Body                   []field
	Curl                           string
	Answers                        []answer
}

// A field is a parameter or a property; Depth is how deep it lies.
type field struct {
	Name, Kind, About, Limits, Example string
	Required                           bool
	Depth                              int
}

type answer struct {
	Status, About, Kind, Example string
	Fields                       []field
}

type object = map[string]any

// A reader finds its way in a document.
type reader struct{ doc object }

func readPage(document []byte) (*page, error) {
	var doc object
	if err := json.Unmarshal(document, &doc); err != nil {
		return nil, err
	}
	r := reader{doc}
	info := child(doc, "info")
	p := &page{Title: text(info, "title"), Version: text(info, "version"), About: text(info, "description")}
	for name, scheme := range child(child(doc, "components"), "securitySchemes") {
		scheme, _ := scheme.(object)
		p.Logins = append(p.Logins, field{Name: name, About: text(scheme, "description")})
	}
	slices.SortFunc(p.Logins, func(a, b field) int { return strings.Compare(b.Name, a.Name) })
	for _, tag := range list(doc, "tags") {
		tag, _ := tag.(object)
		g := group{Name: text(tag, "name"), About: text(tag, "description")}
		g.Routes = append(r.routes(g.Name, "paths"), r.routes(g.Name, "webhooks")...)
		p.Groups = append(p.Groups, g)
	}
	return p, nil
}

var methods = []string{"get", "post", "put", "patch", "delete"}

// routes are those of a tag, by path and method.
func (r reader) routes(tag, section string) []route {
	var out []route
	for path, item := range child(r.doc, section) {
		item, _ := item.(object)
		for _, method := range methods {
			op := child(item, method)
			if op != nil && slices.Contains(list(op, "tags"), any(tag)) {
				out = append(out, r.route(method, path, op, section == "webhooks"))
			}
		}
	}
	slices.SortFunc(out, func(a, b route) int {
		if a.Path != b.Path {
			return strings.Compare(a.Path, b.Path)
		}
		return slices.Index(methods, strings.ToLower(a.Method)) - slices.Index(methods, strings.ToLower(b.Method))
	})
	return out
}

func (r reader) route(method, path string, op object, ours bool) route {
	out := route{
		ID: text(op, "operationId"), Method: strings.ToUpper(method), Path: path,
		Title: text(op, "summary"), About: text(op, "description"),
	}
	for _, p := range list(op, "parameters") {
		p, _ := p.(object)
		f := r.field(text(p, "name"), child(p, "schema"), p["required"] == true, 0)
		f.About, f.Kind, f.Example = text(p, "description"), text(p, "in")+" · "+f.Kind, show(p["example"])
		out.Params = append(out.Params, f)
	}
	body := child(child(child(child(op, "requestBody"), "content"), "application/json"), "schema")
	out.Body = r.fields(body, 0)
	if ours {
		out.Path = "your endpoint"
	} else {
		out.Auth = authOf(op)
		out.Curl = r.curl(out, body)
	}
	for status, a := range child(op, "responses") {
		a, _ := a.(object)
		out.Answers = append(out.Answers, r.answer(status, a))
	}
	slices.SortFunc(out.Answers, func(a, b answer) int { return strings.Compare(a.Status, b.Status) })
	return out
}

func (r reader) answer(status string, a object) answer {
	out := answer{Status: status, About: text(a, "description")}
	for kind, media := range child(a, "content") {
		media, _ := media.(object)
		if out.Kind != "" {
			kind = out.Kind + ", " + kind
		}
		out.Kind = kind
		schema := child(media, "schema")
		if example, ok := media["example"]; ok {
			out.Example = pretty(example)
			continue
		}
		if fields := r.fields(schema, 0); fields != nil {
			out.Fields, out.Example = fields, pretty(r.example(schema))
		}
	}
	return out
}

func authOf(op object) string {
	var names []string
	for _, one := range list(op, "security") {
		one, _ := one.(object)
		for name := range one {
			names = append(names, name)
		}
	}
	switch {
	case len(names) == 0:
		return "none"
	case !slices.Contains(names, "key"):
		return "login"
	case len(names) == 1:
		return "key"
	}
	return "key or login"
}

// curl is a request to try.
func (r reader) curl(to route, body object) string {
	path := to.Path
	for _, p := range to.Params {
		path = strings.ReplaceAll(path, "{"+p.Name+"}", p.Example)
	}
	var b strings.Builder
	b.WriteString("curl")
	if to.Method != http.MethodGet {
		b.WriteString(" -X " + to.Method)
	}
	b.WriteString(` "$PINGR_URL` + path + `"`)
	switch to.Auth {
	case "login":
		b.WriteString(" \\\n  -H \"Authorization: Bearer $PINGR_TOKEN\"")
	case "key", "key or login":
		b.WriteString(" \\\n  -H \"X-API-Key: $PINGR_API_KEY\"")
	}
	if body != nil {
		b.WriteString(
			" \\\n  -H \"Content-Type: application/json\" \\\n  -d '" + strings.ReplaceAll(pretty(r.example(body)), "'",
				`'\''`) + "'",
		)
	}
	return b.String()
}

// fields are the properties of a schema and what lies in them.
func (r reader) fields(schema object, depth int) []field {
	schema = r.resolve(schema)
	if items := child(schema, "items"); items != nil {
		schema = r.resolve(items)
	}
	var out []field
	for _, name := range r.names(schema) {
		s := child(child(schema, "properties"), name)
		out = append(out, r.field(name, s, slices.Contains(list(schema, "required"), any(name)), depth))
		out = append(out, r.fields(s, depth+1)...)
	}
	return out
}

// names are a schema's properties, the required ones first.
func (r reader) names(schema object) []string {
	var names []string
	for name := range child(schema, "properties") {
		names = append(names, name)
	}
	required := list(schema, "required")
	slices.SortFunc(names, func(a, b string) int {
		first, second := slices.Contains(required, any(a)), slices.Contains(required, any(b))
		if first != second {
			if first {
				return -1
			}
			return 1
		}
		return strings.Compare(a, b)
	})
	return names
}

func (r reader) field(name string, s object, required bool, depth int) field {
	f := field{
		Name: name, Kind: kindOf(s), About: text(s, "description"), Limits: limitsOf(r.resolve(s)), Required: required,
		Depth: depth,
	}
	if examples := list(s, "examples"); len(examples) > 0 {
		f.Example = show(examples[0])
	}
	return f
}

func kindOf(s object) string {
	if s["$ref"] != nil {
		return "object"
	}
	kinds, ok := s["type"].([]any)
	if !ok {
		kinds = []any{s["type"]}
	}
	var out []string
	for _, kind := range kinds {
		switch kind {
		case "array":
			out = append(out, "list of "+kindOf(child(s, "items"))+"s")
		case nil:
		default:
			out = append(out, fmt.Sprint(kind))
		}
	}
	return strings.Join(out, " or ")
}

func limitsOf(s object) string {
	var out []string
	if items := child(s, "items"); items["enum"] != nil {
		s = items
	}
	for _, value := range list(s, "enum") {
		if value != nil {
			out = append(out, fmt.Sprint(value))
		}
	}
	if out != nil {
		return "one of " + strings.Join(out, ", ")
	}
	for _, bound := range [][2]string{
		{"minimum", "at least "},
		{"maximum", "at most "},
		{"minLength", "length at least "},
		{"maxLength", "length at most "},
	} {
		if value, ok := s[bound[0]]; ok {
			out = append(out, bound[1]+show(value))
		}
	}
	if value, ok := s["default"]; ok {
		out = append(out, "default "+show(value))
	}
	return strings.Join(out, ", ")
}

// example is made of the examples of a schema's properties.
func (r reader) example(s object) any {
	s = r.resolve(s)
	if examples := list(s, "examples"); len(examples) > 0 {
		return examples[0]
	}
	if items := child(s, "items"); items != nil {
		return []any{r.example(items)}
	}
	if s["properties"] == nil {
		return nil
	}
	var out ordered
	for _, name := range r.names(s) {
		out = append(out, member{name, r.example(child(child(s, "properties"), name))})
	}
	return out
}

// ordered is an object whose members keep their order.
type ordered []member

type member struct {
	name  string
	value any
}

// MarshalJSON implements json.Marshaler.
func (o ordered) MarshalJSON() ([]byte, error) {
	out := []byte{'{'}
	for i, m := range o {
		if i > 0 {
			out = append(out, ',')
		}
		name, err := json.Marshal(m.name)
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(m.value)
		if err != nil {
			return nil, err
		}
		out = append(append(append(out, name...), ':'), value...)
	}
	return append(out, '}'), nil
}

// resolve follows a reference.
func (r reader) resolve(s object) object {
	name, ok := strings.CutPrefix(text(s, "$ref"), "#/components/schemas/")
	if !ok {
		return s
	}
	return child(child(child(r.doc, "components"), "schemas"), name)
}

func child(o object, name string) object {
	c, _ := o[name].(object)
	return c
}

func list(o object, name string) []any {
	l, _ := o[name].([]any)
	return l
}

func text(o object, name string) string {
	t, _ := o[name].(string)
	return t
}

// show is a value on one line.
func show(value any) string {
	switch v := value.(type) {
	case nil:
		return ""
	case string:
		return v
	}
	return string(unescaped(value, ""))
}

func pretty(value any) string {
	if t, ok := value.(string); ok {
		return t
	}
	return string(unescaped(value, "  "))
}

// unescaped is JSON as people write it: & and < are themselves.
func unescaped(value any, indent string) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", indent)
	if err := e.Encode(value); err != nil {
		return nil // what came from JSON
	}
	return bytes.TrimSpace(b.Bytes())
}
