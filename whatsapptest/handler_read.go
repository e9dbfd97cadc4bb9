package whatsapptest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"reflect"
	"strconv"
	"strings"
)

// read reads a request's fields: from the query of a GET, else from its JSON. A field that does not
// exist is an error that names those that do.
func (c *call) read(into any) error {
	t := reflect.TypeOf(into).Elem()
	if t.Kind() != reflect.Struct { // a raw body
		return c.readRaw(into)
	}
	var raw []byte
	var err error
	if c.r.Method == http.MethodGet {
		raw, err = queryJSON(c.r.URL.Query(), t)
	} else {
		raw, err = c.bodyJSON()
	}
	if err != nil || len(raw) == 0 {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return failed(http.StatusBadRequest, "%s; %s", strings.TrimPrefix(err.Error(), "json: "), fieldList(t))
	}
	return nil
}

// readRaw reads the body as it is, into a string.
func (c *call) readRaw(into any) error {
	text, err := io.ReadAll(http.MaxBytesReader(c.w, c.r.Body, maxBody))
	if err != nil {
		return tooLarge(err)
	}
	reflect.ValueOf(into).Elem().SetString(string(text))
	return nil
}

func (c *call) bodyJSON() ([]byte, error) {
	if c.r.ContentLength == 0 {
		return nil, nil // all fields absent
	}
	if kind, _, err := mime.ParseMediaType(c.r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return nil, failed(http.StatusBadRequest, "the body must be JSON; send Content-Type: application/json")
	}
	raw, err := io.ReadAll(http.MaxBytesReader(c.w, c.r.Body, maxBody))
	if err != nil {
		return nil, tooLarge(err)
	}
	return raw, nil
}

func tooLarge(err error) error {
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return failed(http.StatusRequestEntityTooLarge, "the body must be at most %d bytes", large.Limit)
	}
	return err
}

// queryJSON turns a query into the JSON of a struct.
func queryJSON(query url.Values, t reflect.Type) ([]byte, error) {
	kinds := make(map[string]reflect.Kind)
	for _, f := range fields(t) {
		kinds[f.name] = f.kind.Kind()
	}
	values := make(map[string]any)
	for name := range query {
		text, kind := query.Get(name), kinds[name]
		var err error
		switch kind {
		case reflect.Int, reflect.Float64:
			values[name], err = strconv.ParseFloat(text, 64)
		case reflect.Bool:
			values[name], err = strconv.ParseBool(text)
		default:
			values[name] = text
		}
		if err != nil {
			return nil, failed(http.StatusBadRequest, "%s must be a %s, not %q", name, kindName(kind), text)
		}
	}
	return json.Marshal(values)
}

// field is one field of a body, as the reference shows it.
type field struct {
	name, doc string
	kind      reflect.Type
	optional  bool
}

// fields lists the JSON fields of a struct, those of embedded structs included.
func fields(t reflect.Type) []field {
	var list []field
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Anonymous {
			list = append(list, fields(f.Type)...)
			continue
		}
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		list = append(list, field{name, f.Tag.Get("doc"), f.Type, options == "omitempty"})
	}
	return list
}

func fieldList(t reflect.Type) string {
	list := fields(t)
	if len(list) == 0 {
		return "this request has no fields"
	}
	names := make([]string, len(list))
	for i, f := range list {
		names[i] = fmt.Sprintf("%s (%s)", f.name, typeName(f.kind))
	}
	return "the fields are " + strings.Join(names, ", ")
}

func kindName(k reflect.Kind) string {
	switch k {
	case reflect.Bool:
		return "boolean"
	case reflect.Int, reflect.Uint64, reflect.Float64:
		return "number"
	default:
		return "string"
	}
}
