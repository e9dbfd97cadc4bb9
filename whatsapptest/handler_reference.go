package whatsapptest

import (
	"bytes"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"time"
)

const referenceHead = `# The loopback WhatsApp over HTTP

What [whatsapptest](https://pkg.go.dev/github.com/heypingr/pingr/whatsapptest) serves as
` + "`Server.Handler`" + `, and the program ` + "`whatsapptest`" + ` on its control address. Requests and answers are JSON
(` + "`Content-Type: application/json`" + `), except that a GET has its fields in the query. All fields are optional
unless the text says otherwise. A field that does not exist is an error that lists those that do.

Errors are ` + "`{\"error\": \"…\"}`" + `: 400 for a request that cannot be read, 404 for an unknown phone, device or
group, 409 for a number that is taken, 413 for a body of more than 16 MiB, 422 for an act that failed, and 504 for
a wait that ended without result. There is no authentication. Requests of other web pages are refused (403).

The page is generated from the table of routes (` + "`go test ./whatsapptest -run TestReference -update`" + `).
`

// reference returns the page about all routes.
func reference() []byte {
	var page bytes.Buffer
	page.WriteString(referenceHead)
	for _, r := range routes() {
		pattern := strings.Replace(r.pattern, "{$}", "", 1)
		fmt.Fprintf(&page, "\n## `%s`\n\n%s", pattern, r.does)
		if len(r.calls) > 0 {
			fmt.Fprintf(&page, " In Go: `%s`.", strings.Join(r.calls, "`, `"))
		}
		fmt.Fprintln(&page)
		writeFields(&page, "Request", r.body)
		if r.status != http.StatusOK {
			fmt.Fprintf(&page, "\nAnswers %d.\n", r.status)
		}
		writeFields(&page, "Answer", r.answer)
	}
	return page.Bytes()
}

func writeFields(page *bytes.Buffer, title string, body any) {
	t := reflect.TypeOf(body)
	if t.Kind() != reflect.Struct || len(fields(t)) == 0 {
		return
	}
	fmt.Fprintf(page, "\n| %s | type | |\n|---|---|---|\n", title)
	writeRows(page, "", t)
}

// writeRows writes the fields of a struct, and those of the structs in it.
func writeRows(page *bytes.Buffer, parent string, t reflect.Type) {
	for _, f := range fields(t) {
		name := parent + f.name
		fmt.Fprintf(page, "| `%s` | %s | %s |\n", name, typeName(f.kind), strings.ReplaceAll(f.doc, "|", `\|`))
		inner := f.kind
		if inner.Kind() == reflect.Slice {
			inner, name = inner.Elem(), name+"[]"
		}
		if inner.Kind() == reflect.Struct && inner != reflect.TypeFor[time.Time]() {
			writeRows(page, name+".", inner)
		}
	}
}

// typeName is the name of a field's type in JSON.
func typeName(t reflect.Type) string {
	switch {
	case t == reflect.TypeFor[time.Time](), t == reflect.TypeFor[*time.Time]():
		return "time"
	case t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Uint8:
		if t.Name() == "RawMessage" {
			return "object"
		}
		return "base64"
	case t.Kind() == reflect.Slice:
		return "array of " + typeName(t.Elem())
	case t.Kind() == reflect.Struct, t.Kind() == reflect.Map:
		return "object"
	}
	return kindName(t.Kind())
}
